//! Polling of the rank, for clients whose network blocks event streams.

use super::joins::join;
use super::{Figures, Scale, figure};
use crate::machine::Load;
use crate::people::{self, Sale};
use crate::wire::{self, Pace, Request, Until};
use crate::world::World;
use anyhow::Result;
use std::time::Duration;

const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(5);
const WAITING: usize = 10_000;
/// The queue moves while it is polled.
const SALE: Sale = Sale {
    state: "open",
    capacity: 1_000_000,
    batch_size: 10,
    interval_ms: 1000,
};

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let until = Until::For(scale.time(TIME));
    let empty = vec![wire::get("/empty", None)];
    let empty = wire::ask(
        world.ground.address,
        CONNECTIONS,
        empty,
        Pace::Greedy,
        until,
    )
    .await?
    .all(200)?;

    let tokens = people::sign_in(&world.services, scale.people(WAITING)).await?;
    let concert = people::put_on_sale(&world.services, SALE).await?;
    join(world, concert, &tokens).await?;
    let path = format!("/api/queue_view?concert_id={concert}&after=0");
    let questions: Vec<Request> = tokens
        .iter()
        .map(|token| wire::get(&path, Some(token)))
        .collect();
    // The first request of an account reads the stores. Only repeated requests are measured.
    wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        questions.clone(),
        Pace::Greedy,
        Until::Once,
    )
    .await?
    .all(200)?;
    let (server, redis) = (Load::of(world.frontrow.process)?, Load::of(world.redis)?);
    let polled = wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        questions,
        Pace::Greedy,
        until,
    )
    .await?
    .all(200)?;
    Ok(vec![
        figure("empty GET, per second", empty.per_second()),
        figure("ranks by polling, per second", polled.per_second()),
        figure("ranks by polling, p99 ms", polled.p99_ms()),
        figure("ranks by polling, cores of the server", server.cores()?),
        figure("ranks by polling, cores of Redis", redis.cores()?),
    ])
}
