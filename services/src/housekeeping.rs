//! Periodic maintenance, run by every server: each task is safe to run on any server, at any time.

use crate::{Result, Services, accounts, posters, sessions};
use chrono::TimeDelta;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const ROUND: Duration = Duration::from_secs(60);
/// Rounds between two purges.
const PURGE: u32 = 60;
/// How far back a round looks; the first round, and one after a failed round, look back without
/// limit.
const LOOK_BACK: TimeDelta = TimeDelta::minutes(10);

/// Runs the maintenance until `stop`.
pub(crate) async fn run(services: Services, stop: CancellationToken) {
    let mut look_back = TimeDelta::MAX;
    let mut short = false;
    for round in (0..PURGE).cycle() {
        if round == 0
            && let Err(error) = purge(&services).await
        {
            tracing::warn!(%error, "what has run out could not be purged");
        }
        look_back = match sessions::sweep(&services, look_back).await {
            Ok(()) => LOOK_BACK,
            Err(error) => {
                tracing::warn!(%error, "what was ended could not be swept away yet");
                TimeDelta::MAX
            }
        };
        if let Err(error) = accounts::withdraw_unused(&services).await {
            tracing::warn!(%error, "who left could not be taken out of the queues yet");
        }
        // An unreachable Redis is logged by the requests that need it.
        if let Ok(Some(room)) = services.redis.room().await {
            if room.is_short() && !short {
                tracing::warn!(
                    used = room.used,
                    most = room.most,
                    "redis memory nearly full"
                );
            }
            short = room.is_short();
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn purge(services: &Services) -> Result<()> {
    sessions::purge(services).await?;
    sessions::forget(services).await?;
    posters::purge(services).await?;
    accounts::respell(services).await?;
    let accounts = accounts::purge(services).await?;
    if accounts > 0 {
        tracing::info!(accounts, "accounts deleted long ago were purged");
    }
    Ok(())
}
