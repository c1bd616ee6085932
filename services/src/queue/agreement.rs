//! Decides when Redis is compared with the journal: each busy queue as a whole once a minute, by
//! the first server to get to it, and in between what has changed, by every server.
//!
//! A server that dies between PostgreSQL and Redis leaves the two different, for instance with a
//! place that was left and still counts in the ranks behind it. A quiet queue costs next to
//! nothing: one statement checks all quiet queues for writes, and once a minute only their places
//! and holders are counted. A Redis that loses data loses keys, and then the counts differ; equal
//! counts of different accounts are looked for once an hour.

use super::reconcile::{self, Mark, Outcome, Window};
use super::wake::{Alarm, Alarms};
use crate::{Error, Result, Services};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use model::Refusal;
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How often a queue is compared with what has changed in the journal.
const COMPARE: Duration = Duration::from_secs(5);
/// How often a busy queue is compared with the whole journal: a place that Redis has lost is no
/// change that the journal knows of.
const COMPARE_ALL: Duration = Duration::from_secs(60);
/// How often a quiet queue whose counts agree is compared with the whole journal.
const COMPARE_ANYWAY: Duration = Duration::from_secs(3600);
/// Spread in seconds of the whole comparisons, so that queues that were built at the same time are
/// compared at different times.
const SPREAD_S: i64 = 16;
/// Interval between comparisons while many entries change: small portions do not block other calls.
const COMPARE_BUSY: Duration = Duration::from_secs(1);
/// Changed entries above which [`COMPARE_BUSY`] applies.
const MUCH: usize = 1_000;
/// Queues counted in one statement.
const COUNTED_AT_ONCE: usize = 200;
/// Queues compared concurrently.
const AT_ONCE: usize = 4;

/// Progress of the comparison of one queue.
struct Progress {
    window: Window,
    next: Instant,
    under_way: bool,
    /// The queue's clock when it was last seen to advance, and when that was.
    clock: i64,
    moved: Instant,
    /// Start of the last comparison that finished, and of the last one with the whole journal.
    agreed: Option<Instant>,
    agreed_whole: Option<Instant>,
}

impl Progress {
    fn new() -> Progress {
        Progress {
            window: Window::Everything,
            next: Instant::now(),
            under_way: false,
            clock: 0,
            moved: Instant::now(),
            agreed: None,
            agreed_whole: None,
        }
    }

    /// Whether a comparison has begun long enough after the last join to find every unrecorded
    /// place.
    fn is_quiet(&self) -> bool {
        self.agreed
            .is_some_and(|agreed| agreed > self.moved + reconcile::RECORDED_BY_NOW)
    }

    /// Returns what is due. `whole`: no server has recently compared the queue as a whole or
    /// counted it.
    fn due(&self, whole: bool, now: Instant) -> Due {
        let lately = self
            .agreed_whole
            .is_some_and(|agreed| now - agreed < COMPARE_ANYWAY);
        match self.window {
            Window::Since(mark) if self.is_quiet() && (lately || !whole) => {
                Due::Quiet { mark, count: whole }
            }
            _ if whole => Due::Compare(Window::Everything),
            window => Due::Compare(window),
        }
    }
}

/// What is due for one queue.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// The queue is quiet: check whether anything was written, and count it if `count` is set.
    Quiet {
        mark: Mark,
        count: bool,
    },
    Compare(Window),
}

/// A finished comparison.
struct Compared {
    concert: ConcertId,
    window: Window,
    began: Instant,
    outcome: Result<Outcome>,
}

/// Compares all queues until `stop`. A slow comparison does not delay the others.
pub async fn run(services: &Services, alarms: &Alarms, stop: &CancellationToken) {
    let mut all: HashMap<ConcertId, Progress> = HashMap::new();
    let permits = Semaphore::new(AT_ONCE);
    let mut comparing = FuturesUnordered::new();
    while !stop.is_cancelled() {
        let active = alarms.all();
        all.retain(|concert, _| {
            let found = active.binary_search_by_key(&concert.0, |(id, _)| id.0);
            found.is_ok()
        });
        for (concert, window) in due(services, &active, &mut all).await {
            comparing.push(compare(services, &permits, concert, window));
        }
        let round = tokio::time::sleep(COMPARE_BUSY);
        tokio::pin!(round);
        loop {
            tokio::select! {
                Some(compared) = comparing.next() => note(&mut all, compared),
                () = &mut round => break,
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn compare(
    services: &Services,
    permits: &Semaphore,
    concert: ConcertId,
    window: Window,
) -> Compared {
    // The semaphore is never closed; if it were, continuing would be right.
    let _permit = permits.acquire().await;
    Compared {
        concert,
        window,
        began: Instant::now(),
        outcome: reconcile::reconcile(services, concert, window).await,
    }
}

fn note(all: &mut HashMap<ConcertId, Progress>, compared: Compared) {
    let Some(progress) = all.get_mut(&compared.concert) else {
        return;
    };
    progress.under_way = false;
    match compared.outcome {
        Ok(Outcome::Agreed(mark)) => {
            progress.window = Window::Since(mark);
            progress.agreed = Some(compared.began);
            if matches!(compared.window, Window::Everything) {
                progress.agreed_whole = Some(compared.began);
            }
            // A whole comparison reads many entries, which says nothing about how many come in.
            if matches!(compared.window, Window::Since(_)) && mark.compared > MUCH {
                progress.next = Instant::now() + COMPARE_BUSY;
            }
        }
        Ok(Outcome::There | Outcome::Busy) | Err(Error::Refused(Refusal::NotFound)) => {}
        Err(error) => {
            tracing::warn!(concert = %compared.concert, %error, "the queue cannot be compared with the journal");
        }
    }
}

/// Returns the queues that are due, each with the window to compare.
async fn due(
    services: &Services,
    active: &[(ConcertId, Arc<Alarm>)],
    all: &mut HashMap<ConcertId, Progress>,
) -> Vec<(ConcertId, Window)> {
    let now = Instant::now();
    let (mut due, mut quiet, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    for (concert, alarm) in active {
        let progress = all.entry(*concert).or_insert_with(Progress::new);
        if alarm.is_over() || progress.under_way || progress.next > now {
            continue;
        }
        let Some(peeked) = alarm.peeked() else {
            continue;
        };
        progress.next = now + COMPARE;
        let clock = peeked.clock.unwrap_or_default();
        if clock != progress.clock {
            (progress.clock, progress.moved) = (clock, now);
        }
        let whole = COMPARE_ALL + Duration::from_secs((concert.0 % SPREAD_S) as u64);
        let whole = peeked.compared.is_none_or(|ago| ago > whole);
        match progress.due(whole, now) {
            Due::Quiet { mark, count } => {
                quiet.push((*concert, mark));
                if count {
                    counted.push(*concert);
                }
            }
            Due::Compare(window) => due.push((*concert, window)),
        }
    }
    due.extend(miscounted(services, &counted).await);
    for (concert, window) in written(services, &quiet, all).await {
        if due.iter().all(|(miscounted, _)| *miscounted != concert) {
            due.push((concert, window));
        }
    }
    for (concert, _) in &due {
        if let Some(progress) = all.get_mut(concert) {
            progress.under_way = true;
        }
    }
    due
}

/// Returns the quiet queues whose counts in Redis and the journal differ. The others are noted as
/// compared.
async fn miscounted(services: &Services, quiet: &[ConcertId]) -> Vec<(ConcertId, Window)> {
    let mut due = Vec::new();
    for queues in quiet.chunks(COUNTED_AT_ONCE) {
        match reconcile::miscounted(services, queues).await {
            Ok(concerts) => due.extend(concerts.into_iter().map(|id| (id, Window::Everything))),
            // These queues stay due; the other chunks may still be counted.
            Err(error) => tracing::warn!(%error, "the queues cannot be compared with the journal"),
        }
    }
    due
}

/// Returns the quiet queues that were written to; the marks of the others move on.
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
        if mark.is_after(transaction) {
            tracing::error!(%concert, transaction, "PostgreSQL has gone back to an earlier transaction");
            due.push((*concert, Window::Forked));
        } else if written.contains(concert) {
            due.push((*concert, Window::Since(*mark)));
        } else if let Some(progress) = all.get_mut(concert) {
            progress.window = Window::Since(mark.moved_on(transaction));
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_queue_is_counted_and_once_an_hour_compared() {
        let now = Instant::now() + 3 * COMPARE_ANYWAY;
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        let mark = Mark::default();
        let progress = |moved, agreed, agreed_whole| Progress {
            window: Window::Since(mark),
            moved: now - Duration::from_secs(moved),
            agreed: ago(agreed),
            agreed_whole: ago(agreed_whole),
            ..Progress::new()
        };
        let quiet = progress(600, 300, 300);
        assert!(matches!(
            quiet.due(false, now),
            Due::Quiet { count: false, .. }
        ));
        assert!(matches!(
            quiet.due(true, now),
            Due::Quiet { count: true, .. }
        ));
        let long_ago = progress(20_000, 5_000, 5_000);
        assert!(matches!(
            long_ago.due(true, now),
            Due::Compare(Window::Everything)
        ));
        assert!(matches!(
            long_ago.due(false, now),
            Due::Quiet { count: false, .. }
        ));
        // Joins from the last seconds before the comparison may not be on record.
        let busy = progress(310, 300, 300);
        assert!(matches!(
            busy.due(false, now),
            Due::Compare(Window::Since(_))
        ));
        assert!(matches!(
            busy.due(true, now),
            Due::Compare(Window::Everything)
        ));
        let new = Progress::new();
        assert!(matches!(
            new.due(false, now),
            Due::Compare(Window::Everything)
        ));
    }
}
