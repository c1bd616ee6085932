//! The work of a server that no request asks for.

use crate::{Services, housekeeping, queue, sessions};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs the sales, the maintenance and the listener for ended sessions until `stop`. A batch in
/// progress is finished first.
///
/// `lease`: as for [`queue::scheduler::run`].
pub async fn run(services: Services, lease: Duration, stop: CancellationToken) {
    // Tasks of their own: one that blocks must not delay the others.
    let maintenance = tokio::spawn(housekeeping::run(services.clone(), stop.clone()));
    let listening = tokio::spawn(sessions::listen(services.clone(), stop.clone()));
    let selling = tokio::spawn(queue::scheduler::run(services, lease, stop));
    for ended in [maintenance.await, listening.await, selling.await] {
        if let Err(error) = ended {
            tracing::error!(%error, "background task panicked");
        }
    }
}
