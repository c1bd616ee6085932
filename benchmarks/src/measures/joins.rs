//! Journaled joins of logged-in accounts: throughput, latency at a steady rate, and throughput by
//! the length of the queue.

use super::{Figures, Scale, figure};
use crate::machine::Load;
use crate::people::{self, Sale};
use crate::wire::{self, Outcome, Pace, Request, Until};
use crate::world::World;
use anyhow::Result;
use model::concerts::ConcertId;
use std::time::Duration;

/// No tickets are issued before the sale is opened, so that joining is measured alone. Then it has
/// one tick per second.
pub const SALE: Sale = Sale {
    state: "paused",
    capacity: 1_000_000,
    batch_size: 10,
    interval_ms: 1000,
};
/// Connections of the client, as in the prototype from which the target was derived.
const CONNECTIONS: usize = 512;
/// Connections for joins at a steady rate.
const STEADY_CONNECTIONS: usize = 512;
/// Per second.
const STEADY: f64 = 8_000.0;
const STORM: usize = 100_000;
/// Queue lengths at which the throughput is reported.
const LENGTHS: [usize; 6] = [5_000, 20_000, 40_000, 60_000, 80_000, 100_000];

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let empty = wire::ask(
        world.ground.address,
        CONNECTIONS,
        vec![wire::post("/empty", None, "")],
        Pace::Greedy,
        Until::For(scale.time(Duration::from_secs(5))),
    )
    .await?
    .all(200)?;
    let mut figures = vec![figure("empty POST, per second", empty.per_second())];

    let concert = people::put_on_sale(&world.services, SALE).await?;
    let tokens = people::sign_in(&world.services, scale.people(STORM)).await?;
    let loads = (
        Load::of(world.frontrow.process)?,
        Load::of(world.redis)?,
        Load::of(world.postgres)?,
    );
    let storm = join(world, concert, &tokens).await?;
    figures.extend([
        figure("joins, per second", storm.per_second()),
        figure(
            "joins, p50 ms",
            storm.latency.percentile(0.5) as f64 / 1000.0,
        ),
        figure("joins, p99 ms", storm.p99_ms()),
        figure("joins, cores of the server", loads.0.cores()?),
        figure("joins, cores of Redis", loads.1.cores()?),
        figure("joins, cores of PostgreSQL", loads.2.cores()?),
    ]);
    figures.extend(growth(&storm, scale));

    let concert = people::put_on_sale(&world.services, SALE).await?;
    let tokens = people::sign_in(&world.services, scale.people(STORM * 8 / 10)).await?;
    let steady = wire::ask(
        world.frontrow.address,
        STEADY_CONNECTIONS,
        joins(concert, &tokens),
        Pace::PerSecond(STEADY),
        Until::Once,
    )
    .await?
    .all(200)?;
    figures.extend([
        figure("steady joins, per second", steady.per_second()),
        figure(
            "steady joins, p50 ms",
            steady.latency.percentile(0.5) as f64 / 1000.0,
        ),
        figure("steady joins, p99 ms", steady.p99_ms()),
    ]);
    Ok(figures)
}

/// Joins once with every token, as fast as the server answers.
pub async fn join(world: &World, concert: ConcertId, tokens: &[String]) -> Result<Outcome> {
    wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        joins(concert, tokens),
        Pace::Greedy,
        Until::Once,
    )
    .await?
    .all(200)
}

/// Returns one join per token.
pub fn joins(concert: ConcertId, tokens: &[String]) -> Vec<Request> {
    let form = format!("concert_id={concert}");
    tokens
        .iter()
        .map(|token| wire::post("/api/join_queue", Some(token), &form))
        .collect()
}

/// Returns the joins per second over the 5,000 joins up to each length of the queue.
fn growth(storm: &Outcome, scale: Scale) -> Figures {
    let mut figures = Vec::new();
    for length in LENGTHS {
        let (from, to) = (
            scale.people(length - 5_000) / 1000,
            scale.people(length) / 1000,
        );
        let at = |thousands: usize| match thousands {
            0 => Some(Duration::ZERO),
            n => storm.thousands.get(n - 1).copied(),
        };
        if let (Some(from_at), Some(to_at), true) = (at(from), at(to), to > from) {
            let rate = (to - from) as f64 * 1000.0 / (to_at - from_at).as_secs_f64();
            figures.push(figure(
                format!("joins, per second with a queue of {length}"),
                rate,
            ));
        }
    }
    figures
}
