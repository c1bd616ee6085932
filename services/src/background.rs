//! The work of a server that no request asks for.

use crate::{Services, housekeeping, queue, sessions};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs the sales, the maintenance and the listener for ended sessions until `stop`. A batch in
/// progress is finished first.
///
/// `lease`: as for [`queue::scheduler::run`]. Panics at the end if one of them has.
pub async fn run(services: Services, lease: Duration, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    tasks.spawn(housekeeping::run(services.clone(), stop.clone()));
    tasks.spawn(sessions::listen(services.clone(), stop.clone()));
    tasks.spawn(queue::scheduler::run(services, lease, stop));
    let mut panicked = None;
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "background task panicked");
            panicked = error.try_into_panic().ok().or(panicked);
        }
    }
    // The server exits with a failure once its other tasks have stopped.
    if let Some(panic) = panicked {
        std::panic::resume_unwind(panic);
    }
}
