//! Injects the faults of a plan.

use crate::plan::{Fault, Plan};
use crate::records;
use crate::world::{Forgotten, Timeline, World};
use anyhow::{Context, Result};
use embedded::Store;
use futures::future::try_join_all;
use model::concerts::ConcertId;
use nix::sys::signal::Signal;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Injects all faults, each at its time. Returns when the last one is over; processes that died may
/// still be restarting then.
pub async fn carry_out(
    world: &World,
    plan: &Plan,
    concerts: &[ConcertId],
    time: Timeline,
) -> Result<()> {
    let faults = plan.faults.iter().map(async |(at, fault)| {
        time.reach(*at).await;
        world.diary.note(format_args!("{fault:?}"));
        carry_out_one(world, concerts, time, fault)
            .await
            .with_context(|| format!("{fault:?}"))?;
        world.diary.note(format_args!("{} is over", fault.name()));
        anyhow::Ok(())
    });
    try_join_all(faults).await?;
    Ok(())
}

async fn carry_out_one(
    world: &World,
    concerts: &[ConcertId],
    time: Timeline,
    fault: &Fault,
) -> Result<()> {
    let stores = &world.stores;
    match fault {
        Fault::KillServer { server } => world.servers[*server].kill().await,
        Fault::StopServer { server, asleep } => world.servers[*server].stop_for(*asleep).await,
        Fault::KillRedis { away } => {
            let away = tokio::time::sleep(*away);
            stores
                .interrupt(Store::Redis, Signal::SIGKILL, away)
                .await?;
        }
        Fault::FlushRedis => order(stores.redis_url(), &redis::cmd("FLUSHALL")).await,
        Fault::LosePart { sale, part } => {
            let key = key(concerts[*sale], part);
            order(stores.redis_url(), redis::cmd("DEL").arg(key)).await;
        }
        Fault::FillRedis { lasts } => {
            let url = stores.redis_url();
            order(url, redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"])).await;
            tokio::time::sleep(*lasts).await;
            order(url, redis::cmd("CONFIG").arg(&["SET", "maxmemory", "0"])).await;
        }
        Fault::SetRedisClock { sale, by_ms } => {
            let mut set = redis::cmd("EVAL");
            set.arg(include_str!("set_clock.lua"))
                .arg(1)
                .arg(key(concerts[*sale], "state"))
                .arg(by_ms * 1_000);
            order(stores.redis_url(), &set).await;
        }
        Fault::FailBack { sale, after } => {
            let queue = QUEUE.map(|name| key(concerts[*sale], name));
            let script = |text: &str| {
                let mut script = redis::cmd("EVAL");
                script.arg(text).arg(queue.len()).arg(&queue);
                script
            };
            let url = stores.redis_url();
            order(url, &script(include_str!("fail_over.lua"))).await;
            tokio::time::sleep(*after).await;
            order(url, &script(include_str!("fail_back.lua"))).await;
        }
        Fault::LockSale { sale, lasts } => {
            let locked = records::lock(&world.services.db, concerts[*sale], *lasts).await;
            if let Err(error) = locked {
                world
                    .diary
                    .note(format_args!("not locked to the end: {error}"));
            }
        }
        Fault::LoseWakeUps { lasts } => lose_wake_ups(stores.redis_url(), *lasts).await,
        Fault::OldRedis { age, away } => {
            let data = stores.redis_data().to_owned();
            let copy = data.join(format!("older-{}", age.as_micros()));
            let files = data.join("appendonlydir");
            clone(&files, &copy).await?;
            tokio::time::sleep(*age).await;
            let away = *away;
            let put_back = async move {
                tokio::time::sleep(away).await;
                let _ = clone(&copy, &files).await;
            };
            stores
                .interrupt(Store::Redis, Signal::SIGKILL, put_back)
                .await?;
        }
        Fault::LoseCommits { age, away } => lose_commits(world, time, *age, *away).await?,
        Fault::EndPostgres { signal, away } => {
            let away = tokio::time::sleep(*away);
            stores.interrupt(Store::Postgres, *signal, away).await?;
        }
        Fault::Line {
            server,
            store,
            trouble,
            lasts,
        } => {
            let line = world.servers[*server].line(*store);
            line.set(Some(*trouble));
            tokio::time::sleep(*lasts).await;
            line.set(None);
        }
    }
    Ok(())
}

/// Names of all keys of a queue.
const QUEUE: [&str; 7] = [
    "waiting", "inflight", "leaving", "holders", "state", "ticks", "course",
];

fn key(concert: ConcertId, name: &str) -> String {
    format!("queue:{{{concert}}}:{name}")
}

/// Restarts PostgreSQL in its state of `age` before, on a new timeline, like a promoted standby
/// that had not received the last commits.
async fn lose_commits(world: &World, time: Timeline, age: Duration, away: Duration) -> Result<()> {
    let files = world.stores.postgres_data().to_owned();
    let copy = files.with_file_name("standby");
    let standby = {
        let (files, copy) = (files.clone(), copy.clone());
        async move {
            let _ = clone(&files, &copy).await;
        }
    };
    let stores = &world.stores;
    let from = time.now();
    stores
        .interrupt(Store::Postgres, Signal::SIGQUIT, standby)
        .await?;
    tokio::time::sleep(age).await;
    let promote = async move {
        tokio::time::sleep(away).await;
        let _ = clone(&copy, &files).await;
        // A copy has the right owner; the content of the signal file is ignored.
        let (version, signal) = (files.join("PG_VERSION"), files.join("recovery.signal"));
        let _ = clone(&version, &signal).await;
    };
    // The end is open until it is known: from here on an answer may come from the PostgreSQL that
    // has lost commits.
    let until = i64::MAX;
    world.forgot.send_replace(Some(Forgotten { from, until }));
    stores
        .interrupt(Store::Postgres, Signal::SIGQUIT, promote)
        .await?;
    let until = time.now();
    world.forgot.send_replace(Some(Forgotten { from, until }));
    Ok(())
}

/// Sends a command to Redis and retries until it succeeds: another fault may have killed Redis.
async fn order(url: &str, command: &redis::Cmd) {
    loop {
        let carried_out = async {
            let mut redis = redis::Client::open(url)?
                .get_multiplexed_async_connection()
                .await?;
            command.exec_async(&mut redis).await
        };
        if carried_out.await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Kills every subscription as soon as it is established. Redis may be down meanwhile; then nothing
/// is published either.
async fn lose_wake_ups(url: &str, lasts: Duration) {
    let losing = async {
        loop {
            let broken = async {
                let mut redis = redis::Client::open(url)?
                    .get_multiplexed_async_connection()
                    .await?;
                loop {
                    redis::cmd("CLIENT")
                        .arg(&["KILL", "TYPE", "pubsub"])
                        .exec_async(&mut redis)
                        .await?;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let _: redis::RedisResult<()> = broken.await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _: Result<(), _> = tokio::time::timeout(lasts, losing).await;
}

/// Copies a file or folder, replacing what is at the destination.
async fn clone(from: &Path, to: &Path) -> Result<()> {
    let _ = tokio::fs::remove_dir_all(to).await;
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .await?;
    anyhow::ensure!(copied.success(), "{} could not be copied", from.display());
    Ok(())
}
