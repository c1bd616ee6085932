//! When Redis is compared with the journal: each queue in which something happens as a whole once a minute, by whichever server
//! comes first, and in between what has changed, by every server.
//!
//! A server that dies between PostgreSQL and Redis leaves the two apart, for instance with a place that was left and still
//! counts in the ranks behind it. A queue in which nothing happens costs next to nothing: one statement asks for all such queues
//! whether anything was written, and once a minute only their people are counted. What a Redis loses is keys, and then
//! the numbers differ; that the same number stands for other people is looked for once an hour.

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
/// And with all of it: a place that Redis has lost by itself is no change that the journal knows of.
const COMPARE_ALL: Duration = Duration::from_secs(60);
/// And one that agrees by its numbers, with all of it after so long.
const COMPARE_ANYWAY: Duration = Duration::from_secs(3600);
/// Queues that were built at the same time are compared at different ones.
const SPREAD_S: i64 = 16;
/// And while there is much to compare: a little at a time holds nobody up.
const COMPARE_BUSY: Duration = Duration::from_secs(1);
/// Entries that are much.
const MUCH: usize = 1_000;
/// Queues whose people are counted in one statement.
const COUNTED_AT_ONCE: usize = 200;
/// Queues that are compared at the same time.
const AT_ONCE: usize = 4;

/// How far the comparison of one queue has come.
struct Progress {
    window: Window,
    next: Instant,
    under_way: bool,
    /// The queue's clock when it was last seen to move on, and when that was.
    clock: i64,
    moved: Instant,
    /// When the last comparison began that came to its end, and when the last one with all of the journal.
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

    /// Whether a comparison has looked for unrecorded places since the last join, late enough to find them.
    fn is_quiet(&self) -> bool {
        self.agreed
            .is_some_and(|agreed| agreed > self.moved + reconcile::RECORDED_BY_NOW)
    }

    /// `whole`: no server has compared it as a whole, or counted its people, for a while.
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

/// What is to be done of one queue.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// It is quiet: ask whether anything was written, and count its people if that is due.
    Quiet {
        mark: Mark,
        count: bool,
    },
    Compare(Window),
}

/// One comparison that has ended.
struct Compared {
    concert: ConcertId,
    window: Window,
    began: Instant,
    outcome: Result<Outcome>,
}

/// Compares all queues until `stop`. One that takes long holds up no other.
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
    // It is never closed; if it were, going on would be right.
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
            // A whole comparison has much to compare, and says nothing of how much comes in.
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

/// The queues whose time has come, and what of each is to be compared.
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

/// Those of the quiet queues in which Redis has another number of people than the journal. The others have been compared.
async fn miscounted(services: &Services, quiet: &[ConcertId]) -> Vec<(ConcertId, Window)> {
    let mut due = Vec::new();
    for queues in quiet.chunks(COUNTED_AT_ONCE) {
        match reconcile::miscounted(services, queues).await {
            Ok(concerts) => due.extend(concerts.into_iter().map(|id| (id, Window::Everything))),
            // They stay due; the others may be counted all the same.
            Err(error) => tracing::warn!(%error, "the queues cannot be compared with the journal"),
        }
    }
    due
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
        // Joins of the last seconds before the comparison may not be on record.
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
