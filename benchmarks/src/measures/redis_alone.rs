//! Throughput of the same Redis without other load, measured with the `redis-benchmark` that comes
//! with it.

use super::{Figures, Scale, figure};
use crate::world::World;
use anyhow::{Context, Result, ensure};
use tokio::process::Command;

const REQUESTS: usize = 200_000;

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    Ok(vec![
        figure("raw ZADD, per second", zadd(world, scale, 1).await?),
        figure(
            "raw ZADD, 16 in a pipeline, per second",
            zadd(world, scale, 16).await?,
        ),
    ])
}

async fn zadd(world: &World, scale: Scale, pipeline: usize) -> Result<f64> {
    let (requests, pipeline) = (scale.people(REQUESTS).to_string(), pipeline.to_string());
    let output = Command::new("redis-benchmark")
        .args([
            "-s",
            &world.redis_socket,
            "-n",
            &requests,
            "-c",
            "64",
            "-P",
            &pipeline,
        ])
        .args([
            "-r",
            "1000000",
            "--csv",
            "ZADD",
            "line",
            "__rand_int__",
            "person:__rand_int__",
        ])
        .output()
        .await
        .context("redis-benchmark is missing (Debian and Ubuntu: redis-tools)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "redis-benchmark: {text}");
    // A header line ("test","rps",…) and a line of values.
    let values = text
        .lines()
        .last()
        .context("redis-benchmark said nothing")?;
    let rate = values
        .rsplit_once("\",\"")
        .map(|_| values.split("\",\"").nth(1));
    let rate = rate
        .flatten()
        .context("redis-benchmark answered something else")?;
    Ok(rate.trim_matches('"').parse()?)
}
