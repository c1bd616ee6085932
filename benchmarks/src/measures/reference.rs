//! The usual algorithm on the same Redis: a sorted set of waiting accounts. Each second ten are
//! taken from it and the rank of every other account is read with one `ZRANK` each; in addition,
//! every account requests its own rank once a second.
//!
//! The comparison favours this algorithm: no HTTP, no durable record besides Redis's own, and a
//! thousand commands per pipeline.

use super::{Figures, Scale, figure};
use crate::world::World;
use anyhow::Result;
use redis::aio::MultiplexedConnection;
use std::time::{Duration, Instant};

/// Numbers of waiting accounts.
pub const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const LINE: &str = "reference:line";
const PIPELINE: usize = 1_000;
/// Tickets per round.
const BATCH: usize = 10;
/// Commands measured of a round without pipelining, which is how most implementations do it. The
/// cost of the whole round is extrapolated: it is the same for every account.
const ONE_BY_ONE: usize = 1_000;

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let client = redis::Client::open(format!("unix://{}", world.redis_socket))?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    let mut figures = Vec::new();
    for size in SIZES {
        let people = scale.people(size).max(BATCH + 1);
        fill(&mut redis, people).await?;
        let pipelined = round(&mut redis, people, PIPELINE).await?;
        let began = Instant::now();
        ranks(
            &mut redis,
            people - BATCH,
            ONE_BY_ONE.min(people - BATCH),
            1,
        )
        .await?;
        let alone = began.elapsed().as_secs_f64() / ONE_BY_ONE.min(people - BATCH) as f64;
        figures.extend([
            figure(
                format!("reference, ms for a round in pipelines of {size}"),
                pipelined.as_secs_f64() * 1000.0,
            ),
            figure(
                format!("reference, ms for a round one by one of {size}"),
                alone * (people - BATCH) as f64 * 1000.0,
            ),
        ]);
    }
    redis::cmd("DEL").arg(LINE).exec_async(&mut redis).await?;
    Ok(figures)
}

async fn fill(redis: &mut MultiplexedConnection, people: usize) -> Result<()> {
    redis::cmd("DEL").arg(LINE).exec_async(redis).await?;
    let everybody: Vec<usize> = (0..people).collect();
    for some in everybody.chunks(PIPELINE) {
        let mut pipeline = redis::pipe();
        for n in some {
            pipeline.zadd(LINE, format!("person:{n}"), *n).ignore();
        }
        pipeline.exec_async(redis).await?;
    }
    Ok(())
}

/// Runs one round: ten tickets, the rank of every account for the scheduler, and every rank once
/// more for the requests of the accounts.
async fn round(
    redis: &mut MultiplexedConnection,
    people: usize,
    pipeline: usize,
) -> Result<Duration> {
    let began = Instant::now();
    redis::cmd("ZPOPMIN")
        .arg(LINE)
        .arg(BATCH)
        .exec_async(redis)
        .await?;
    for _ in ["the scheduler", "the people"] {
        ranks(redis, people - BATCH, people - BATCH, pipeline).await?;
    }
    Ok(began.elapsed())
}

/// Reads `number` ranks of accounts that still wait.
async fn ranks(
    redis: &mut MultiplexedConnection,
    waiting: usize,
    number: usize,
    pipeline: usize,
) -> Result<()> {
    let people: Vec<usize> = (0..number).map(|n| BATCH + n % waiting).collect();
    for some in people.chunks(pipeline) {
        let mut asked = redis::pipe();
        for n in some {
            asked.zrank(LINE, format!("person:{n}"));
        }
        let ranks: Vec<Option<u64>> = asked.query_async(redis).await?;
        anyhow::ensure!(
            ranks.iter().all(Option::is_some),
            "somebody is not in the line"
        );
    }
    Ok(())
}
