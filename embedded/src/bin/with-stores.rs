//! `with-stores [--cluster] COMMAND [ARGUMENT …]`: runs a command with an empty PostgreSQL and
//! Redis, and stops them afterwards. With `--cluster` the Redis is a cluster of three masters.

use anyhow::{Context, Result};
use embedded::testing;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::ExitCode;
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Time-out for the command to stop after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let with_cluster = arguments.next_if(|first| first == "--cluster").is_some();
    let program = arguments
        .next()
        .context("usage: with-stores [--cluster] COMMAND [ARGUMENT …]")?;
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (stores, _dir) = testing::throwaway().await?;
    let cluster = if with_cluster {
        Some(testing::throwaway_cluster().await?)
    } else {
        None
    };
    let redis_url = match &cluster {
        Some((cluster, _dir)) => cluster.url(),
        None => stores.redis_url(),
    };
    let mut child = Command::new(&program)
        .args(arguments)
        .env(testing::DATABASE_URL, stores.database_url())
        .env(testing::REDIS_URL, redis_url)
        .envs(testing::stay_root())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let status = tokio::select! {
        status = child.wait() => Some(status?),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    if let (None, Some(id)) = (status, child.id()) {
        // SIGTERM first: the command may have processes of its own to stop.
        let _ = kill(Pid::from_raw(id as i32), Signal::SIGTERM);
        let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
    }
    drop(child);
    if let Some((cluster, _dir)) = cluster {
        cluster.stop().await?;
    }
    stores.stop().await?;
    let code = status.and_then(|status| status.code()).unwrap_or(130);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
