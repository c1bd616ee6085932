//! Watching: cost of a tick by the number of watchers and of places, and memory per open stream.

use super::joins::{SALE, join};
use super::{Figures, Scale, figure};
use crate::machine::{self, Load};
use crate::people;
use crate::watchers::Watchers;
use crate::wire::{self, Pace, Request, Until};
use crate::world::World;
use anyhow::{Context, Result, bail, ensure};
use bench::statistics::Histogram;
use model::concerts::ConcertId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::collections::HashMap;
use std::time::Duration;

/// Numbers of watchers for the plot. More than the last do not fit into 20,000 open files.
const CROWDS: [usize; 4] = [1_000, 5_000, 10_000, 18_000];
/// Length of the largest queue.
const WAITING: usize = 100_000;
/// Duration of each measurement. One in five watchers leaves during this time, at a steady rate.
const TIME: Duration = Duration::from_secs(10);
/// Wait after joining until the comparison of the stores has caught up: its cost is measured with
/// the joins, not here.
const SETTLE: Duration = Duration::from_secs(20);

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let tokens = people::sign_in(&world.services, scale.people(WAITING)).await?;
    let most = scale.people(CROWDS[CROWDS.len() - 1]);
    let (watching, others) = tokens.split_at(most);
    let few = few(world, &others[..scale.people(CROWDS[0])], scale).await?;

    let concert = people::put_on_sale(&world.services, SALE).await?;
    join(world, concert, watching).await?;
    tokio::time::sleep(scale.time(SETTLE)).await;
    let before = machine::resident(world.frontrow.process)?;
    let kernel = machine::kernel()?;
    people::set_state(&world.services, concert, "open").await?;

    let mut figures = vec![figure("a tick, Redis commands with 1,000 watchers", few)];
    let mut bytes = 0.0;
    let mut crowds: Vec<Watchers> = Vec::new();
    let mut so_far = 0;
    for (round, crowd) in CROWDS.into_iter().enumerate() {
        let crowd_now = scale.people(crowd);
        let requests = streams(concert, &watching[so_far..crowd_now]);
        crowds.push(Watchers::open(world.frontrow.address, requests).await?);
        so_far = crowd_now;
        // Different accounts in each round, spread over the queue.
        let mut leaving: Vec<_> = watching[..crowd_now]
            .iter()
            .skip(round)
            .step_by(5)
            .collect();
        leaving.shuffle(&mut StdRng::seed_from_u64(round as u64));
        let costs = costs(world, concert, &crowds, leaving, scale).await?;
        figures.push(figure(
            format!("a tick, processor ms of the server by watchers {crowd}"),
            costs.server_ms,
        ));
        if crowd_now == most {
            bytes = costs.bytes;
            let resident = machine::resident(world.frontrow.process)?;
            let kernel = machine::kernel()? - kernel;
            let commands = commands_per_tick(world, concert, scale).await?;
            let quiet = Load::of(world.frontrow.process)?;
            tokio::time::sleep(scale.time(TIME)).await;
            figures.extend([
                figure("watchers, cores of the server", costs.cores),
                figure("watchers, cores of Redis", costs.redis_cores),
                figure("watchers, tick lag p50 ms", costs.lag_p50_ms),
                figure("watchers, tick lag p99 ms", costs.lag_p99_ms),
                figure(
                    "watchers, KiB of the server each",
                    (resident - before) / 1024.0 / most as f64,
                ),
                figure(
                    "watchers, KiB of the kernel each, both ends",
                    kernel / 1024.0 / most as f64,
                ),
                figure(
                    "watchers, cores of the server while nobody leaves",
                    quiet.cores()?,
                ),
                figure("watchers, ticks told of those due", costs.told),
                figure("watchers, bytes of a tick", bytes),
                figure("a tick, Redis commands with 18,000 watchers", commands),
            ]);
        }
    }
    // Again 1,000 watchers, and a longer queue.
    crowds.truncate(1);
    join(world, concert, others).await?;
    figures.push(figure(
        "a tick, Redis commands with 1,000 watchers and 100,000 waiting",
        commands_per_tick(world, concert, scale).await?,
    ));
    crowds.clear();
    let before = machine::resident(world.ground.process)?;
    let silent = vec![wire::get("/stream", Some(&tokens[0])); most];
    let crowd = Watchers::open(world.ground.address, silent).await?;
    let resident = machine::resident(world.ground.process)?;
    drop(crowd);
    figures.push(figure(
        "silent streams of axum, KiB of the server each",
        (resident - before) / 1024.0 / most as f64,
    ));
    figures.extend(bare(world, &tokens[0], most, bytes, scale).await?);
    Ok(figures)
}

/// Returns the Redis commands per tick of a separate sale in which every waiting account watches.
async fn few(world: &World, people: &[String], scale: Scale) -> Result<f64> {
    let concert = people::put_on_sale(&world.services, SALE).await?;
    join(world, concert, people).await?;
    people::set_state(&world.services, concert, "open").await?;
    let crowd = Watchers::open(world.frontrow.address, streams(concert, people)).await?;
    let commands = commands_per_tick(world, concert, scale).await?;
    drop(crowd);
    people::set_state(&world.services, concert, "closed").await?;
    Ok(commands)
}

/// Measures the same ticks to as many streams of the baseline server, which does nothing else.
async fn bare(
    world: &World,
    token: &str,
    watchers: usize,
    bytes: f64,
    scale: Scale,
) -> Result<[(String, f64); 2]> {
    let address = world.ground.address;
    let streams = vec![wire::get("/ticks", Some(token)); watchers];
    let crowd = Watchers::open(address, streams).await?;
    let tick = wire::post(&format!("/ticks?bytes={bytes:.0}"), None, "");
    let ticks = vec![tick; scale.time(TIME).as_secs() as usize];
    crowd.begin();
    let server = Load::of(world.ground.process)?;
    let told = wire::ask(address, 1, ticks, Pace::PerSecond(1.0), Until::Once).await?;
    told.all(200)?;
    // One more second for the last tick, as for each of the others.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cores = server.cores()?;
    let heard = crowd.told();
    ensure!(heard.ended == 0, "{} streams were ended", heard.ended);
    let lag = heard.lag.percentile(0.99) as f64 / 1000.0;
    Ok([
        figure("ticks of axum, cores of the server", cores),
        figure("ticks of axum, lag p99 ms", lag),
    ])
}

struct Costs {
    /// Processor time per tick.
    server_ms: f64,
    cores: f64,
    redis_cores: f64,
    lag_p50_ms: f64,
    lag_p99_ms: f64,
    /// Ticks received per watcher, as a share of the ticks published.
    told: f64,
    /// Of a tick, on the wire.
    bytes: f64,
}

/// Measures ticks for `TIME` while the accounts `leaving` leave.
async fn costs(
    world: &World,
    concert: ConcertId,
    crowds: &[Watchers],
    leaving: Vec<&String>,
    scale: Scale,
) -> Result<Costs> {
    let time = scale.time(TIME);
    let leaves = leaves(concert, leaving);
    let pace = Pace::PerSecond(leaves.len() as f64 / time.as_secs_f64());
    let watchers: usize = crowds.iter().map(Watchers::number).sum();
    let before = ticks(world, concert).await?;
    crowds.iter().for_each(Watchers::begin);
    let (server, redis) = (Load::of(world.frontrow.process)?, Load::of(world.redis)?);
    let left = wire::ask(world.frontrow.address, 4, leaves, pace, Until::Once)
        .await?
        .all(200)?;
    let (cores, redis_cores) = (server.cores()?, redis.cores()?);
    let published = ticks(world, concert).await? - before;
    ensure!(published > 0.0, "there was no tick");
    let (mut lag, mut told, mut bytes) = (Histogram::default(), 0, 0);
    for crowd in crowds {
        let heard = crowd.told();
        ensure!(heard.ended == 0, "{} streams were ended", heard.ended);
        told += heard.ticks;
        bytes += heard.bytes;
        lag.merge(&heard.lag);
    }

    Ok(Costs {
        server_ms: cores * left.took.as_secs_f64() * 1000.0 / published,
        cores,
        redis_cores,
        lag_p50_ms: lag.percentile(0.5) as f64 / 1000.0,
        lag_p99_ms: lag.percentile(0.99) as f64 / 1000.0,
        told: told as f64 / (published * watchers as f64),
        bytes: bytes as f64 / told as f64,
    })
}

/// Returns the Redis commands per tick while clients only watch.
async fn commands_per_tick(world: &World, concert: ConcertId, scale: Scale) -> Result<f64> {
    // Waits for the comparison with the journal after joins and leaves, which is not part of the
    // cost of a tick.
    tokio::time::sleep(scale.time(SETTLE)).await;
    let mut least = f64::INFINITY;
    // A full comparison runs once a minute, costs about one command per place, and so affects only
    // one of the two samples.
    for _ in 0..2 {
        let (ticks_before, before) = (ticks(world, concert).await?, commands(world).await?);
        tokio::time::sleep(scale.time(TIME)).await;
        let commands = commands(world).await? - before;
        least = least.min(commands / (ticks(world, concert).await? - ticks_before));
    }
    Ok(least)
}

/// Returns the number of ticks so far.
async fn ticks(world: &World, concert: ConcertId) -> Result<f64> {
    let stream: HashMap<String, redis::Value> = redis::cmd("XINFO")
        .arg("STREAM")
        .arg(format!("queue:{{{concert}}}:ticks"))
        .query_async(&mut world.services.redis.connection())
        .await?;
    match stream.get("entries-added") {
        Some(redis::Value::Int(added)) => Ok(*added as f64),
        _ => bail!("Redis does not count its streams' entries: it is older than 7.0"),
    }
}

/// Returns the number of commands that Redis has executed, including those inside scripts.
async fn commands(world: &World) -> Result<f64> {
    let stats: String = redis::cmd("INFO")
        .arg("stats")
        .query_async(&mut world.services.redis.connection())
        .await?;
    let commands = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_commands_processed:"))
        .context("Redis does not count its commands")?;
    Ok(commands.trim().parse()?)
}

fn streams(concert: ConcertId, tokens: &[String]) -> Vec<Request> {
    let path = format!("/api/queue_stream?concert_id={concert}");
    tokens
        .iter()
        .map(|token| wire::get(&path, Some(token)))
        .collect()
}

fn leaves(concert: ConcertId, tokens: Vec<&String>) -> Vec<Request> {
    let form = format!("concert_id={concert}");
    tokens
        .into_iter()
        .map(|token| wire::post("/api/leave_queue", Some(token), &form))
        .collect()
}
