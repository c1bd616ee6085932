//! When Redis is compared with the journal: each queue as a whole once a minute, by whichever server comes first, and in between
//! what has changed, by every server.
//!
//! A server that dies between PostgreSQL and Redis leaves the two apart, for instance with a place that was left and still
//! counts in everybody's rank. One statement asks for all queues whether anything was written, so a queue in which nothing
//! happens costs next to nothing.

use super::reconcile::{self, Mark, Outcome, Window};
use super::wake::{Alarm, Alarms};
use crate::{Error, Services};
use futures::{StreamExt, stream};
use model::Refusal;
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often a queue is compared with what has changed in the journal.
const COMPARE: Duration = Duration::from_secs(5);
/// And with all of it: a place that Redis has lost by itself is no change that the journal knows of.
const COMPARE_ALL: Duration = Duration::from_secs(60);
/// Queues that were built at the same time are compared at different ones.
const SPREAD_S: i64 = 16;
/// And while there is much to compare: a little at a time holds nobody up.
const COMPARE_BUSY: Duration = Duration::from_secs(1);
/// Entries that are much.
const MUCH: usize = 1_000;
/// After this long without a join or a tick everybody who joined is on record, or was put there.
const QUIET: Duration = Duration::from_secs(20);
/// Queues that are compared at the same time.
const AT_ONCE: usize = 4;

/// How far the comparison of one queue has come.
struct Progress {
    window: Window,
    next: Instant,
    /// The queue's clock when it was last seen to move on, and when that was.
    clock: i64,
    moved: Instant,
}

impl Progress {
    fn new() -> Progress {
        Progress {
            window: Window::Everything,
            next: Instant::now(),
            clock: 0,
            moved: Instant::now(),
        }
    }
}

/// Compares all queues until `stop`.
pub async fn run(services: &Services, alarms: &Alarms, stop: &CancellationToken) {
    let mut all: HashMap<ConcertId, Progress> = HashMap::new();
    while !stop.is_cancelled() {
        let active = alarms.all();
        let is_active = |concert: &ConcertId| {
            active
                .binary_search_by_key(&concert.0, |(id, _)| id.0)
                .is_ok()
        };
        all.retain(|concert, _| is_active(concert));
        compare_due(services, &active, &mut all).await;
        tokio::select! {
            () = tokio::time::sleep(COMPARE_BUSY) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn compare_due(
    services: &Services,
    active: &[(ConcertId, Arc<Alarm>)],
    all: &mut HashMap<ConcertId, Progress>,
) {
    let now = Instant::now();
    let (mut due, mut quiet) = (Vec::new(), Vec::new());
    for (concert, alarm) in active {
        let progress = all.entry(*concert).or_insert_with(Progress::new);
        if alarm.is_over() || progress.next > now {
            continue;
        }
        progress.next = now + COMPARE;
        let Some(peeked) = alarm.peeked() else {
            continue;
        };
        if peeked.clock != progress.clock {
            (progress.clock, progress.moved) = (peeked.clock, now);
        }
        let whole = COMPARE_ALL + Duration::from_secs((concert.0 % SPREAD_S) as u64);
        if peeked.compared.is_none_or(|ago| ago > whole) {
            progress.window = Window::Everything;
        }
        match progress.window {
            Window::Since(mark) if progress.moved.elapsed() > QUIET => quiet.push((*concert, mark)),
            window => due.push((*concert, window)),
        }
    }
    due.extend(written(services, &quiet, all).await);
    let compared = stream::iter(due)
        .map(async |(concert, window)| {
            (
                concert,
                window,
                reconcile::reconcile(services, concert, window).await,
            )
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    for (concert, window, outcome) in compared {
        let Some(progress) = all.get_mut(&concert) else {
            continue;
        };
        match outcome {
            Ok(Outcome::Agreed(mark)) => {
                progress.window = Window::Since(mark);
                // A whole comparison has much to compare, and says nothing of how much comes in.
                if matches!(window, Window::Since(_)) && mark.compared > MUCH {
                    progress.next = Instant::now() + COMPARE_BUSY;
                }
            }
            Ok(Outcome::There | Outcome::Busy) | Err(Error::Refused(Refusal::NotFound)) => {}
            Err(error) => {
                tracing::warn!(%concert, %error, "the queue cannot be compared with the journal");
            }
        }
    }
}

/// Those of the quiet queues of which something was written; the others agree up to now.
async fn written(
    services: &Services,
    quiet: &[(ConcertId, Mark)],
    all: &mut HashMap<ConcertId, Progress>,
) -> Vec<(ConcertId, Window)> {
    if quiet.is_empty() {
        return Vec::new();
    }
    let (transaction, written) = match reconcile::written_since(services, quiet).await {
        Ok(written) => written,
        Err(error) => {
            tracing::warn!(%error, "the queues cannot be compared with the journal");
            return Vec::new();
        }
    };
    let mut due = Vec::new();
    for (concert, mark) in quiet {
        if written.contains(concert) {
            due.push((*concert, Window::Since(*mark)));
        } else if let Some(progress) = all.get_mut(concert) {
            progress.window = Window::Since(mark.moved_on(transaction));
        }
    }
    due
}
