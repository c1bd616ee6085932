//! Issuing tickets, which are durable before any client is notified: at a set pace, and as fast as
//! possible.

use super::joins::join;
use super::{Figures, Scale, figure};
use crate::machine::Load;
use crate::people::{self, Sale};
use crate::world::World;
use anyhow::{Result, ensure};
use model::concerts::ConcertId;
use std::time::{Duration, Instant};

/// The target pace: 2,000 tickets per second.
const PACED: Sale = Sale {
    state: "paused",
    capacity: 1_000_000,
    batch_size: 200,
    interval_ms: 100,
};
/// The largest batch and the shortest interval that an organiser can set.
const FASTEST: Sale = Sale {
    batch_size: 1000,
    ..PACED
};
const PEOPLE: usize = 40_000;

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let mut figures = Vec::new();
    for (name, sale) in [("paced", PACED), ("fastest", FASTEST)] {
        let people = scale.people(PEOPLE);
        let tokens = people::sign_in(&world.services, people).await?;
        let concert = people::put_on_sale(&world.services, sale).await?;
        join(world, concert, &tokens).await?;
        let (server, postgres) = (Load::of(world.frontrow.process)?, Load::of(world.postgres)?);
        people::set_state(&world.services, concert, "open").await?;
        let (first, began) = wait_for(world, concert, 1).await?;
        let (last, ended) = wait_for(world, concert, people as i64).await?;
        figures.extend([
            figure(
                format!("tickets {name}, per second"),
                (last - first) as f64 / (ended - began).as_secs_f64(),
            ),
            figure(
                format!("tickets {name}, cores of the server"),
                server.cores()?,
            ),
            figure(
                format!("tickets {name}, cores of PostgreSQL"),
                postgres.cores()?,
            ),
        ]);
        in_order(world, concert, people as i64).await?;
    }
    Ok(figures)
}

/// Waits until at least `number` tickets are issued. Returns the number issued and the instant.
async fn wait_for(world: &World, concert: ConcertId, number: i64) -> Result<(i64, Instant)> {
    loop {
        let issued: i32 = sqlx::query_scalar("SELECT issued FROM concerts WHERE id = $1")
            .bind(concert.0)
            .fetch_one(&world.services.db)
            .await?;
        if i64::from(issued) >= number {
            return Ok((issued.into(), Instant::now()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Checks that every account has exactly one ticket and that serials follow the order of arrival.
async fn in_order(world: &World, concert: ConcertId, people: i64) -> Result<()> {
    let (tickets, holders, overtaken): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(DISTINCT account_id), count(*) FILTER (WHERE serial <> place)
           FROM (SELECT account_id, serial, row_number() OVER (ORDER BY arrival) AS place
                   FROM tickets WHERE concert_id = $1) AS issued",
    )
    .bind(concert.0)
    .fetch_one(&world.services.db)
    .await?;
    ensure!(
        (tickets, holders, overtaken) == (people, people, 0),
        "{tickets} tickets for {holders} of {people} people, {overtaken} out of order"
    );
    Ok(())
}
