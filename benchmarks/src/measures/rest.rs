//! Cost of an idle shop: three servers and many open sales, either empty or with accounts that wait
//! for the next hour. Also the time from a join in an idle sale to the ticket.

use super::joins::joins;
use super::{Figures, Scale, figure};
use crate::machine::Load;
use crate::people::{self, Sale};
use crate::wire::{self, Pace, Until};
use crate::world::{Server, World};
use anyhow::{Result, ensure};
use model::concerts::ConcertId;
use services::Services;
use std::time::{Duration, Instant};

/// Numbers of open sales.
pub const OPEN: [usize; 4] = [0, 100, 300, 1_000];
/// Time until the work that follows the start of a sale is done: build, journal, reconcile.
const SETTLE: Duration = Duration::from_secs(40);
const TIME: Duration = Duration::from_secs(20);
/// Time in which each sale is compared with the journal once.
const WHOLE_TIME: Duration = Duration::from_secs(80);
/// Accounts that wait in each sale, besides one that was issued the ticket of this hour.
const WAITING: usize = 10;
const HOURLY: Sale = Sale {
    state: "open",
    capacity: 1_000_000,
    batch_size: 1,
    interval_ms: 3_600_000,
};
/// Settings of an organiser who expects no queue.
const IDLE: Sale = Sale {
    batch_size: 10,
    interval_ms: 1_000,
    ..HOURLY
};
/// Connections of the joins to all hourly sales.
const CONNECTIONS: usize = 64;
/// Joins through each server, each to an idle sale of its own.
const JOINS: usize = 30;

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let others = [world.another_server().await?, world.another_server().await?];
    let servers = [&world.frontrow, &others[0], &others[1]];
    let (mut figures, mut sales) = (Vec::new(), Vec::new());
    for open in OPEN {
        while sales.len() < scale.people(open) {
            sales.push(people::put_on_sale(&world.services, IDLE).await?);
        }
        tokio::time::sleep(scale.time(SETTLE)).await;
        figures.extend(cores(world, servers, scale.time(TIME), &format!("with {open}")).await?);
    }
    figures.extend(turns(world, servers, &sales).await?);

    let tokens = people::sign_in(&world.services, WAITING + 1).await?;
    let mut requests = Vec::new();
    for _ in 0..scale.people(1_000) {
        let hourly = people::put_on_sale(&world.services, HOURLY).await?;
        requests.extend(joins(hourly, &tokens));
    }
    wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        requests,
        Pace::Greedy,
        Until::Once,
    )
    .await?
    .all(200)?;
    sqlx::query("UPDATE concerts SET state = 'closed' WHERE interval_ms = 1000")
        .execute(&world.services.db)
        .await?;
    // A sale is at rest after the first full comparison that follows its last join.
    tokio::time::sleep(scale.time(WHOLE_TIME)).await;
    figures.extend(cores(world, servers, scale.time(WHOLE_TIME), "with people").await?);
    for other in others {
        other.stop().await?;
    }
    Ok(figures)
}

/// Returns the cores used by Redis, the busiest of the servers, and PostgreSQL.
async fn cores(
    world: &World,
    servers: [&Server; 3],
    time: Duration,
    when: &str,
) -> Result<Figures> {
    let loads = servers.map(|server| Load::of(server.process));
    let (redis, postgres) = (Load::of(world.redis)?, Load::of(world.postgres)?);
    tokio::time::sleep(time).await;
    let mut busiest: f64 = 0.0;
    for load in loads {
        busiest = busiest.max(load?.cores()?);
    }
    Ok(vec![
        figure(format!("at rest, cores of Redis {when}"), redis.cores()?),
        figure(format!("at rest, cores of a server {when}"), busiest),
        figure(
            format!("at rest, cores of PostgreSQL {when}"),
            postgres.cores()?,
        ),
    ])
}

/// Measures the time from the answer to a join until the ticket exists. The joins are sequential,
/// each to a sale in which nothing has happened before.
async fn turns(world: &World, servers: [&Server; 3], sales: &[ConcertId]) -> Result<Figures> {
    let token = people::sign_in(&world.services, 1).await?;
    let mut took = Vec::new();
    for (n, sale) in sales.iter().take(3 * JOINS).enumerate() {
        let form = format!("concert_id={sale}");
        let request = vec![wire::post("/api/join_queue", Some(&token[0]), &form)];
        wire::ask(
            servers[n % 3].address,
            1,
            request,
            Pace::Greedy,
            Until::Once,
        )
        .await?
        .all(200)?;
        let joined = Instant::now();
        while !is_issued(&world.services, *sale).await? {
            ensure!(joined.elapsed() < TIME, "no ticket in sale {sale}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(joined.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
    Ok(vec![
        figure(
            "a turn in an idle sale, p50 ms",
            at(0.5).unwrap_or(f64::NAN),
        ),
        figure(
            "a turn in an idle sale, p99 ms",
            at(0.99).unwrap_or(f64::NAN),
        ),
    ])
}

async fn is_issued(services: &Services, sale: ConcertId) -> Result<bool> {
    let issued: i32 = sqlx::query_scalar("SELECT issued FROM concerts WHERE id = $1")
        .bind(sale.0)
        .fetch_one(&services.db)
        .await?;
    Ok(issued > 0)
}
