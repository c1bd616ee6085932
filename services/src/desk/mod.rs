//! Data of the organiser's dashboard: how a running sale goes, for callers who may steer it.
//!
//! Viewing it costs the sale next to nothing: one row of PostgreSQL by its key, and once per second
//! and server, regardless of the number of viewers, one Redis script whose cost does not depend on
//! the number of places. Events are counted where they happen, by the scripts that give places and
//! end claims (`queue/scripts`), and no row of the journal is read for it.

use crate::sessions::Session;
use crate::{Result, Services, concerts, queue};
use model::concerts::{Concert, ConcertId, Phase};
use model::desk::{Course, DeskView, Prospect};
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long a reading of a queue is shown.
const KEPT: Duration = Duration::from_secs(1);

/// Recent readings of queues; `None` for a queue that could not be read.
pub struct Desks(Cache<ConcertId, Option<Arc<queue::Course>>>);

impl Default for Desks {
    fn default() -> Desks {
        Desks(
            Cache::builder()
                .max_capacity(1_000)
                .time_to_live(KEPT)
                .build(),
        )
    }
}

impl Desks {
    /// Returns one reading, shared by all callers at the same moment.
    async fn shared(
        &self,
        id: ConcertId,
        read: impl Future<Output = Option<Arc<queue::Course>>>,
    ) -> Option<Arc<queue::Course>> {
        self.0.get_with(id, read).await
    }
}

/// Returns how the sale goes. Only for callers who may edit the concert, else
/// [`model::Refusal::Forbidden`]. A draft has no sale: [`model::Refusal::NotFound`].
///
/// What PostgreSQL decides (tickets, state, pace) is current; what the queue says is at most a
/// second old. A queue that does not answer is not an error: the sale can still be steered.
pub async fn view(services: &Services, by: &Session, id: ConcertId) -> Result<DeskView> {
    let concert = concerts::find_to_steer(services, by, id).await?;
    let queue = services.desks.shared(id, read(services, id)).await;
    Ok(shown(services, concert, queue.as_deref()))
}

async fn read(services: &Services, id: ConcertId) -> Option<Arc<queue::Course>> {
    match queue::course(services, id).await {
        Ok(queue) => queue.map(Arc::new),
        Err(error) => {
            tracing::debug!(concert = %id, %error, "the desk cannot be told of the queue");
            None
        }
    }
}

fn shown(services: &Services, concert: Concert, queue: Option<&queue::Course>) -> DeskView {
    let now = services.clock.now();
    let phase = concert.phase(now);
    let waiting = match (queue, phase) {
        (Some(queue), _) => Some(queue.waiting),
        // There is no queue before the first join, and none after the end.
        (None, Phase::Upcoming | Phase::Over) => Some(0),
        (None, _) => None,
    };
    let course = queue.map(|queue| Course::new(queue.now, &queue.samples));
    let outlook = match (phase, waiting, &course) {
        (Phase::Selling, Some(waiting), Some(course)) => {
            let prospect = Prospect {
                now,
                starts_at: concert.starts_at,
                left: concert.left(),
                batch_size: concert.batch_size,
                interval_ms: concert.interval_ms,
                waiting,
            };
            Some(prospect.outlook(course))
        }
        _ => None,
    };
    DeskView {
        concert_id: concert.id,
        state: concert.state,
        phase,
        capacity: concert.capacity,
        issued: concert.issued,
        batch_size: concert.batch_size,
        interval_ms: concert.interval_ms,
        waiting,
        course,
        outlook,
        server_time: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn whoever_looks_at_the_same_moment_shares_one_reading() {
        let (desks, readings) = (Desks::default(), AtomicUsize::new(0));
        let look = |concert| {
            desks.shared(ConcertId(concert), async {
                let waiting = readings.fetch_add(1, Ordering::Relaxed) as u64;
                tokio::task::yield_now().await;
                Some(Arc::new(queue::Course {
                    now: 0,
                    waiting,
                    samples: Vec::new(),
                }))
            })
        };
        let told = join_all((0..40).map(|n| look(n % 2))).await;
        assert_eq!(readings.load(Ordering::Relaxed), 2);
        for (n, course) in told.into_iter().enumerate() {
            assert_eq!(course.map(|course| course.waiting), Some(n as u64 % 2));
        }
    }
}
