//! Judges whether the promises were kept, from the answers to the clients and what is on record at
//! the end.
//!
//! Every check is a function of a [`History`] alone, so that tests can show each to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Everything known about a run. Instants are microseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub capacity: usize,
    pub batch_size: usize,
    pub interval: i64,
    /// In order of arrival.
    pub entries: Vec<Entry>,
    /// In order of serial.
    pub tickets: Vec<Ticket>,
    pub joins: Vec<Join>,
    pub cancels: Vec<Cancel>,
    /// What each client saw last, on every server and stream where it looked.
    pub shown: Vec<Shown>,
    /// Ranks shown during the run, in the order in which each stream showed them.
    pub ranks: Vec<ShownRank>,
    /// Every answer to these clients.
    pub answered: Vec<Answered>,
    /// From this instant on nothing is broken any more.
    pub healed: i64,
    /// How long a sale may stand still or be unavailable after that, in microseconds.
    pub patience: i64,
    /// `Some` if PostgreSQL came back without its last commits.
    pub forgotten: Option<Forgotten>,
}

/// Time until every server has noticed that PostgreSQL was replaced, in microseconds.
pub const NOTICED: i64 = 3_000_000;

/// What was acknowledged between the two instants may be lost.
#[derive(Clone, Debug)]
pub struct Forgotten {
    pub from: i64,
    pub until: i64,
    /// Accounts that Frontrow has named as having lost a ticket.
    pub named: BTreeSet<i64>,
}

/// When a request was answered, and whether with a server error (503 or 504) or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub at: i64,
    pub unavailable: bool,
}

/// A row of the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    pub account: i64,
    pub arrival: i64,
    pub state: State,
    /// When the row last changed: for an issued entry, when its ticket was created.
    pub committed: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Issued,
    Left,
    Expired,
}

#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: i64,
    pub account: i64,
    pub arrival: i64,
    pub serial: i32,
    pub cancelled: Option<i64>,
}

/// An acknowledged join.
#[derive(Clone, Debug)]
pub struct Join {
    pub account: i64,
    /// The first attempt that may have given the place.
    pub sent: i64,
    pub acknowledged: i64,
    pub place: Place,
    pub leave: Leave,
}

/// The answer to a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Waiting {
        arrival: i64,
    },
    /// The ticket was issued before the answer.
    Issued {
        ticket: i64,
    },
}

/// Whether the place was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Never,
    /// Requested, without an answer that reports the outcome.
    Asked {
        since: i64,
    },
    Acknowledged {
        since: i64,
        acknowledged: i64,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    pub account: i64,
    pub ticket: i64,
    /// When the client saw the ticket.
    pub seen: i64,
    /// When the cancellation was acknowledged.
    pub acknowledged: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Shown {
    pub account: i64,
    /// `server 1` or `stream`.
    pub by: String,
    pub standing: Standing,
}

/// A standing as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Absent,
    Waiting { arrival: i64, rank: u64 },
    Issued,
    Left,
    Expired,
}

#[derive(Clone, Copy, Debug)]
pub struct ShownRank {
    pub account: i64,
    /// Shown by a stream, whose events are in order; answers to requests may overtake each other.
    pub streamed: bool,
    pub tick: i64,
    pub arrival: i64,
    pub rank: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// P1.
    Oversold,
    /// P2.
    Duplicate,
    /// P3.
    Inversion,
    /// P4.
    Lost,
    /// P5.
    Pace,
    /// P6.
    Rank,
    /// The sale did not finish, or stood still for too long.
    Stuck,
    /// Servers could not answer although nothing was broken.
    Unavailable,
    /// What `frontrow audit` finds.
    Audit,
    /// A server did or answered something that must never happen.
    Conduct,
}

/// One row that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub promise: Promise,
    pub detail: String,
}

impl Broken {
    pub fn new(promise: Promise, detail: impl Into<String>) -> Broken {
        Broken {
            promise,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.detail)
    }
}

/// Returns a description of each row that breaks a promise.
type Check = fn(&History) -> Vec<String>;

/// Runs every check.
pub fn judge(history: &History) -> Vec<Broken> {
    let checks: [(Promise, Check); 10] = [
        (Promise::Oversold, oversold),
        (Promise::Duplicate, duplicates),
        (Promise::Inversion, inversions),
        (Promise::Lost, lost),
        (Promise::Pace, too_fast),
        (Promise::Rank, wrong_ranks),
        (Promise::Rank, wrong_ranks_on_the_way),
        (Promise::Stuck, stuck),
        (Promise::Stuck, stood_still),
        (Promise::Unavailable, unavailable),
    ];
    let of = |(promise, check): (Promise, Check)| {
        check(history)
            .into_iter()
            .map(move |detail| Broken::new(promise, detail))
    };
    checks.into_iter().flat_map(of).collect()
}

/// More live tickets than the capacity, after any commit.
fn oversold(history: &History) -> Vec<String> {
    let issued = history.issued().map(|(entry, _)| (entry.committed, 1));
    let cancelled = history
        .tickets
        .iter()
        .filter_map(|ticket| Some((ticket.cancelled?, -1)));
    let mut changes: Vec<(i64, i64)> = issued.chain(cancelled).collect();
    changes.sort_unstable();
    let mut live = 0;
    let mut broken = Vec::new();
    for (at, change) in changes {
        live += change;
        if change > 0 && live > history.capacity as i64 {
            broken.push(format!(
                "{live} live tickets at {at}, the capacity is {}",
                history.capacity
            ));
        }
    }
    broken
}

/// One account with two live tickets or two places.
fn duplicates(history: &History) -> Vec<String> {
    let live = history
        .live()
        .map(|ticket| (ticket.account, format!("ticket {}", ticket.serial)));
    let places = history
        .waiting()
        .map(|entry| (entry.account, format!("place {}", entry.arrival)));
    let mut broken = Vec::new();
    for all in [live.collect::<Vec<_>>(), places.collect()] {
        let mut of: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (account, what) in all {
            of.entry(account).or_default().push(what);
        }
        for (account, many) in of.into_iter().filter(|(_, many)| many.len() > 1) {
            broken.push(format!("account {account} has {}", many.join(" and ")));
        }
    }
    broken
}

/// Two accounts in the wrong order: the place of the first was acknowledged before the second asked
/// for one, yet the first came after the second.
fn inversions(history: &History) -> Vec<String> {
    let serials: BTreeMap<i64, i32> = history
        .tickets
        .iter()
        .map(|t| (t.arrival, t.serial))
        .collect();
    let mut joins: Vec<_> = history
        .joins
        .iter()
        .filter_map(|join| Some((join, history.entry_of(join)?)))
        .collect();
    if history.forgotten.is_some() {
        // Where a leave was lost, the account has kept its place: both joins have the same entry.
        let mut seen = BTreeSet::new();
        joins.retain(|(_, entry)| seen.insert(entry.arrival));
    }
    let mut broken = Vec::new();
    for (first, a) in &joins {
        for (second, b) in joins
            .iter()
            .filter(|(second, _)| first.acknowledged < second.sent)
        {
            let said = format!(
                "account {} was told of {} before account {} asked and got {}",
                first.account, a.arrival, second.account, b.arrival
            );
            if a.arrival >= b.arrival {
                broken.push(said);
                continue;
            }
            let Some(serial) = serials.get(&b.arrival).filter(|_| b.state == State::Issued) else {
                continue;
            };
            let passed = match (a.state, first.leave) {
                (State::Issued, _) => serials.get(&a.arrival).is_none_or(|first| first > serial),
                // An account that asked to leave before that commit may have left before it.
                (State::Left, Leave::Asked { since } | Leave::Acknowledged { since, .. }) => {
                    since > b.committed
                }
                _ => true,
            };
            if passed {
                broken.push(format!(
                    "{said}, and ticket {serial} at {}; the first is {a:?}",
                    b.committed
                ));
            }
        }
    }
    broken
}

/// An acknowledged join, leave or cancellation that the records contradict.
fn lost(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for join in &history.joins {
        let Some(entry) = history.entry_of(join) else {
            if !history.may_be_gone(join) {
                broken.push(format!("there is no entry of {join:?}"));
            }
            continue;
        };
        let fits = match join.leave {
            Leave::Acknowledged {
                since,
                acknowledged,
            } if history.forgot(since, acknowledged) => entry.state != State::Expired,
            Leave::Never => matches!(entry.state, State::Waiting | State::Issued),
            Leave::Asked { .. } => entry.state != State::Expired,
            Leave::Acknowledged { .. } => entry.state == State::Left,
        };
        if !fits {
            broken.push(format!("{join:?} has become {entry:?}"));
        }
        let has_ticket = history
            .tickets
            .iter()
            .any(|ticket| ticket.arrival == entry.arrival && ticket.account == entry.account);
        if has_ticket != (entry.state == State::Issued) {
            let has = if has_ticket { "a" } else { "no" };
            broken.push(format!("{entry:?} has {has} ticket"));
        }
    }
    let asked: BTreeMap<(i64, i64), &Cancel> = history
        .cancels
        .iter()
        .map(|cancel| ((cancel.account, cancel.ticket), cancel))
        .collect();
    for ticket in &history.tickets {
        match (ticket.cancelled, asked.get(&(ticket.account, ticket.id))) {
            (Some(_), None) => broken.push(format!("{ticket:?} was cancelled by nobody")),
            (
                None,
                Some(Cancel {
                    seen,
                    acknowledged: Some(at),
                    ..
                }),
            ) if !history.forgot(*seen, *at) => broken.push(format!(
                "{ticket:?} is live, its cancellation was acknowledged"
            )),
            _ => {}
        }
    }
    for cancel in &history.cancels {
        let mut tickets = history.tickets.iter();
        // The ticket may be among the lost ones.
        let lost = history.forgot(i64::MIN, cancel.seen) && history.forgot(cancel.seen, i64::MAX);
        if !lost && !tickets.any(|ticket| ticket.id == cancel.ticket) {
            broken.push(format!("there is no ticket of {cancel:?}"));
        }
    }
    broken
}

/// More tickets than a batch in less than an interval.
fn too_fast(history: &History) -> Vec<String> {
    let mut commits: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for (entry, ticket) in history.issued() {
        commits
            .entry(entry.committed)
            .or_default()
            .push(ticket.serial);
    }
    let mut broken = Vec::new();
    for at in commits.keys() {
        let within: Vec<_> = commits.range(*at..at + history.interval).collect();
        if within
            .iter()
            .map(|(_, serials)| serials.len())
            .sum::<usize>()
            > history.batch_size
        {
            broken.push(format!(
                "more than {} tickets within {} µs, serials by commit: {within:?}",
                history.batch_size, history.interval
            ));
        }
    }
    broken
}

/// An account that is shown anything but its true standing.
pub fn wrong_ranks(history: &History) -> Vec<String> {
    let ranks: BTreeMap<i64, Standing> = history
        .waiting()
        .zip(1..)
        .map(|(entry, rank)| {
            (
                entry.account,
                Standing::Waiting {
                    arrival: entry.arrival,
                    rank,
                },
            )
        })
        .collect();
    let holders: BTreeSet<i64> = history.live().map(|ticket| ticket.account).collect();
    let known: BTreeSet<i64> = history.entries.iter().map(|entry| entry.account).collect();
    let truth = |account: i64| match ranks.get(&account) {
        _ if holders.contains(&account) => Standing::Issued,
        Some(waiting) => *waiting,
        None if known.contains(&account) => Standing::Left,
        None => Standing::Absent,
    };
    let wrong = history.shown.iter().filter_map(|shown| {
        let truth = truth(shown.account);
        let Shown {
            account,
            by,
            standing,
        } = shown;
        (*standing != truth)
            .then(|| format!("account {account} is shown {standing:?} by {by}, in truth {truth:?}"))
    });
    wrong.collect()
}

/// A rank that grew, or two ranks of one tick that contradict each other.
fn wrong_ranks_on_the_way(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    let mut newest: BTreeMap<i64, ShownRank> = BTreeMap::new();
    let mut ticks: BTreeMap<i64, BTreeMap<i64, u64>> = BTreeMap::new();
    for shown in &history.ranks {
        let ShownRank {
            account,
            streamed,
            tick,
            arrival,
            rank,
        } = *shown;
        if streamed
            && let Some(before) = newest.insert(arrival, *shown)
            && before.rank < rank
            && !history.forgot_between(before.tick, tick)
        {
            broken.push(format!(
                "account {account}, place {arrival}: rank {} at tick {} grew to {rank} at tick {tick}",
                before.rank, before.tick
            ));
        }
        if let Some(other) = ticks.entry(tick).or_default().insert(arrival, rank)
            && other != rank
        {
            broken.push(format!(
                "account {account}, place {arrival}: ranks {other} and {rank} at tick {tick}"
            ));
        }
    }
    for (tick, by_arrival) in ticks {
        let shown: Vec<_> = by_arrival.into_iter().collect();
        for pair in shown.windows(2).filter(|pair| pair[0].1 >= pair[1].1) {
            broken.push(format!(
                "tick {tick}: (arrival, rank) {:?} is not ahead of {:?}",
                pair[0], pair[1]
            ));
        }
    }
    broken
}

/// Share of answers that may be 503 or 504 when nothing is broken any more and clients repeat the
/// requests that failed before.
const UNAVAILABLE: f64 = 0.75;

/// Returns how long a sale may stand still when nothing is broken any more, in microseconds: a
/// server that sleeps keeps its claim for a lease and may be put to sleep once more at another fail
/// point, and then a queue may have to be built.
pub fn patience(lease: Duration) -> i64 {
    (4 * lease + Duration::from_secs(8)).as_micros() as i64
}

/// Returns each time that the queue stood still after everything was healed although a ticket was
/// in stock: until when, and for how long.
fn standstills(history: &History) -> Vec<(i64, i64)> {
    let told: BTreeMap<i64, i64> = history
        .joins
        .iter()
        .filter_map(|join| Some((history.entry_of(join)?.arrival, join.acknowledged)))
        .collect();
    let mut commits: Vec<(i64, i64)> = history
        .issued()
        .map(|(entry, _)| {
            (
                entry.committed,
                told.get(&entry.arrival).copied().unwrap_or(entry.committed),
            )
        })
        .collect();
    commits.sort_unstable();
    let mut cancelled: Vec<i64> = history
        .issued()
        .filter_map(|(_, ticket)| ticket.cancelled)
        .collect();
    cancelled.sort_unstable();
    let mut standstills = Vec::new();
    let (mut before, mut live) = (i64::MIN, 0);
    for (at, joined) in commits {
        // If the sale was sold out, the standstill begins with the next cancellation.
        let gone = cancelled.partition_point(|gone| *gone <= before);
        let freed = match live >= history.capacity + gone {
            true => cancelled.get(gone).copied().unwrap_or(at),
            false => i64::MIN,
        };
        let since = history.healed.max(before).max(joined).max(freed);
        if since < at {
            standstills.push((at, at - since));
        }
        (before, live) = (at, live + 1);
    }
    standstills
}

/// A sale that stood still although its queue was not empty, stock was left and nothing was broken.
fn stood_still(history: &History) -> Vec<String> {
    let longer = standstills(history).into_iter();
    longer
        .filter(|(_, stood)| *stood > history.patience)
        .map(|(at, stood)| format!("no ticket for {stood} µs until {at}, and nothing was broken"))
        .collect()
}

/// Too many answers from servers that cannot serve, after everything was healed.
fn unavailable(history: &History) -> Vec<String> {
    let Measured {
        unavailable,
        answered,
        ..
    } = measure(history);
    let limit = history.healed + history.patience;
    let late = history.answered.iter();
    let late = late
        .filter(|answer| answer.unavailable && answer.at > limit)
        .count();
    let mut broken = Vec::new();
    if late > 0 {
        broken.push(format!(
            "{late} answers were 503 or 504 more than {} µs after everything was healed",
            history.patience
        ));
    }
    if unavailable > (answered as f64 * UNAVAILABLE) as usize {
        broken.push(format!(
            "after everything was healed {unavailable} of {answered} answers were 503 or 504"
        ));
    }
    broken
}

/// Measured values that have an upper bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// How long a sale stood still although nothing was broken any more, in microseconds.
    pub stood: i64,
    /// Answers after everything was healed, and how many of them were 503 or 504.
    pub answered: usize,
    pub unavailable: usize,
}

pub fn measure(history: &History) -> Measured {
    let stood = standstills(history).into_iter().map(|(_, stood)| stood);
    let answered = history.answered.iter();
    let answered = answered.filter(|answer| answer.at > history.healed);
    Measured {
        stood: stood.max().unwrap_or(0),
        answered: answered.clone().count(),
        unavailable: answered.filter(|answer| answer.unavailable).count(),
    }
}

/// Accounts that wait although tickets are left.
fn stuck(history: &History) -> Vec<String> {
    let (live, waiting) = (history.live().count(), history.waiting().count());
    if live == history.capacity.min(live + waiting) {
        return Vec::new();
    }
    vec![format!(
        "{live} live tickets of {}, and {waiting} people still wait",
        history.capacity
    )]
}

impl History {
    pub fn live(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets
            .iter()
            .filter(|ticket| ticket.cancelled.is_none())
    }

    fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.state == State::Waiting)
    }

    /// Returns every ticket ever issued with its entry, which has the time of the commit.
    fn issued(&self) -> impl Iterator<Item = (&Entry, &Ticket)> {
        let entries: BTreeMap<i64, &Entry> = self.entries.iter().map(|e| (e.arrival, e)).collect();
        self.tickets
            .iter()
            .filter_map(move |ticket| Some((*entries.get(&ticket.arrival)?, ticket)))
    }

    /// Whether something requested and acknowledged at these instants may be lost.
    fn forgot(&self, since: i64, acknowledged: i64) -> bool {
        let forgotten = self.forgotten.as_ref();
        forgotten.is_some_and(|lost| since <= lost.until && acknowledged >= lost.from)
    }

    /// Whether a rank may have grown between these ticks: their ids are instants, and a server
    /// notices the loss a moment later.
    fn forgot_between(&self, before: i64, after: i64) -> bool {
        let forgotten = self.forgotten.as_ref();
        forgotten.is_some_and(|lost| before <= lost.until + NOTICED && after >= lost.from)
    }

    /// Whether a join without an entry may have been lost: with a ticket, which is reported, or
    /// with a leave, its own or that of an earlier place, which the account has again.
    fn may_be_gone(&self, join: &Join) -> bool {
        let left = !matches!(join.leave, Leave::Never);
        let cancelled = self
            .cancels
            .iter()
            .any(|cancel| cancel.account == join.account);
        // Only an account that left or cancelled a ticket joins again.
        let mut before = self.joins.iter().filter(|other| {
            other.account == join.account && other.acknowledged < join.acknowledged
        });
        let has_again = before.any(|other| {
            let entry = self.entry_of(other);
            entry.is_some_and(|entry| matches!(entry.state, State::Waiting | State::Issued))
        });
        self.forgotten.as_ref().is_some_and(|forgotten| {
            self.forgot(join.sent, join.acknowledged)
                && (left || cancelled || has_again || forgotten.named.contains(&join.account))
        })
    }

    /// Returns the entry that an acknowledged join must have.
    fn entry_of(&self, join: &Join) -> Option<&Entry> {
        let arrival = match join.place {
            Place::Waiting { arrival } => arrival,
            Place::Issued { ticket } => {
                self.tickets
                    .iter()
                    .find(|t| t.id == ticket && t.account == join.account)?
                    .arrival
            }
        };
        self.entries
            .iter()
            .find(|entry| entry.arrival == arrival && entry.account == join.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four accounts join one after the other; two tickets are issued in two batches of one, a
    /// second apart; the third account leaves.
    fn kept() -> History {
        let states = [State::Issued, State::Issued, State::Left, State::Waiting];
        let entry = |n: i64, state: &State| Entry {
            account: n,
            arrival: n * 10,
            state: *state,
            committed: n * 1_000_000,
        };
        let ticket = |n: i64| Ticket {
            id: n,
            account: n,
            arrival: n * 10,
            serial: n as i32,
            cancelled: None,
        };
        let join = |n: i64| Join {
            account: n,
            sent: n * 100,
            acknowledged: n * 100 + 50,
            place: Place::Waiting { arrival: n * 10 },
            leave: if n == 3 {
                Leave::Acknowledged {
                    since: 400,
                    acknowledged: 450,
                }
            } else {
                Leave::Never
            },
        };
        let standing = |n: i64| match n {
            1 | 2 => Standing::Issued,
            3 => Standing::Left,
            _ => Standing::Waiting {
                arrival: 40,
                rank: 1,
            },
        };
        let shown = |n: i64| Shown {
            account: n,
            by: "server 0".into(),
            standing: standing(n),
        };
        let rank = |tick: i64, account: i64, rank: u64| ShownRank {
            account,
            streamed: true,
            tick,
            arrival: account * 10,
            rank,
        };
        History {
            capacity: 2,
            batch_size: 1,
            interval: 1_000_000,
            entries: (1..)
                .zip(&states)
                .map(|(n, state)| entry(n, state))
                .collect(),
            tickets: vec![ticket(1), ticket(2)],
            joins: (1..=4).map(join).collect(),
            cancels: Vec::new(),
            shown: (1..=4).map(shown).collect(),
            ranks: vec![
                rank(1, 3, 3),
                rank(1, 4, 4),
                rank(2, 3, 2),
                rank(2, 4, 3),
                rank(3, 4, 1),
            ],
            answered: vec![Answered {
                at: 1_000_000,
                unavailable: false,
            }],
            healed: 500_000,
            patience: 1_000_000,
            forgotten: None,
        }
    }

    /// Breaks a history in one way and returns the promises that are found broken.
    fn found(break_it: impl FnOnce(&mut History)) -> Vec<Promise> {
        let mut history = kept();
        break_it(&mut history);
        let mut promises: Vec<_> = judge(&history)
            .iter()
            .map(|broken| broken.promise)
            .collect();
        promises.dedup();
        promises
    }

    #[test]
    fn nothing_is_found_where_every_promise_was_kept() {
        assert_eq!(judge(&kept()), []);
    }

    #[test]
    fn a_cancelled_ticket_makes_room_only_from_its_commit_on() {
        let cancelled = |at: i64| {
            found(|h| {
                h.capacity = 1;
                h.tickets[0].cancelled = Some(at);
                h.cancels = vec![Cancel {
                    account: 1,
                    ticket: 1,
                    seen: 1_100_000,
                    acknowledged: Some(1_200_000),
                }];
                h.shown[0].standing = Standing::Left;
            })
        };
        assert_eq!(cancelled(1_500_000), []);
        assert_eq!(cancelled(2_500_000), [Promise::Oversold]);
    }

    #[test]
    fn a_ticket_too_many_is_found() {
        assert!(found(|h| h.capacity = 1).contains(&Promise::Oversold));
    }

    #[test]
    fn two_tickets_and_two_places_of_one_account_are_found() {
        let second_ticket = |h: &mut History| {
            h.tickets[1].account = 1;
            h.entries[1].account = 1;
            h.joins[1].account = 1;
            h.shown.remove(1);
        };
        assert_eq!(found(second_ticket), [Promise::Duplicate]);
        let second_place = |h: &mut History| {
            h.entries.push(Entry {
                arrival: 50,
                ..h.entries[3].clone()
            });
            h.shown.remove(3);
        };
        assert_eq!(found(second_place), [Promise::Duplicate]);
    }

    #[test]
    fn a_later_join_with_an_earlier_arrival_is_found() {
        let swapped = |h: &mut History| {
            h.joins[0].place = Place::Waiting { arrival: 20 };
            h.joins[1].place = Place::Waiting { arrival: 10 };
            h.entries[0].account = 2;
            h.entries[1].account = 1;
            h.tickets[0].account = 2;
            h.tickets[1].account = 1;
        };
        assert_eq!(found(swapped), [Promise::Inversion]);
        // Sent before the other was acknowledged: either may come first.
        let at_once = |h: &mut History| {
            swapped(h);
            h.joins[1].sent = 149;
        };
        assert_eq!(found(at_once), []);
    }

    #[test]
    fn a_ticket_out_of_turn_is_found() {
        let by_serial = |h: &mut History| (h.tickets[0].serial, h.tickets[1].serial) = (2, 1);
        assert_eq!(found(by_serial), [Promise::Inversion]);
        // Left, but asked to leave only after the account behind was issued a ticket.
        let passed_by = |h: &mut History| {
            h.patience = 10_000_000;
            h.entries[3].state = State::Issued;
            h.entries[3].committed = 4_000_000;
            h.tickets.push(Ticket {
                id: 4,
                account: 4,
                arrival: 40,
                serial: 4,
                cancelled: None,
            });
            h.capacity = 3;
            h.shown[3].standing = Standing::Issued;
            h.joins[2].leave = Leave::Acknowledged {
                since: 4_000_001,
                acknowledged: 4_000_002,
            };
        };
        assert_eq!(found(passed_by), [Promise::Inversion]);
    }

    #[test]
    fn what_was_acknowledged_and_is_gone_is_found() {
        let gone = |h: &mut History| h.entries.truncate(3);
        assert!(found(gone).contains(&Promise::Lost));
        let left_by_itself = |h: &mut History| h.joins[2].leave = Leave::Never;
        assert_eq!(found(left_by_itself), [Promise::Lost]);
        let still_there = |h: &mut History| {
            h.joins[3].leave = Leave::Acknowledged {
                since: 500,
                acknowledged: 550,
            };
        };
        assert_eq!(found(still_there), [Promise::Lost]);
        let without_ticket = |h: &mut History| h.tickets.truncate(1);
        assert!(found(without_ticket).contains(&Promise::Lost));
        let live_again = |h: &mut History| {
            h.cancels = vec![Cancel {
                account: 1,
                ticket: 1,
                seen: 1_100_000,
                acknowledged: Some(1_200_000),
            }]
        };
        assert_eq!(found(live_again), [Promise::Lost]);
    }

    #[test]
    fn two_batches_within_an_interval_are_found() {
        assert_eq!(
            found(|h| h.entries[1].committed = 1_999_999),
            [Promise::Pace]
        );
        assert_eq!(found(|h| h.entries[1].committed = 2_000_000), []);
        // A batch that is too large.
        assert_eq!(
            found(|h| h.entries[1].committed = 1_000_000),
            [Promise::Pace]
        );
    }

    #[test]
    fn a_wrong_rank_is_found() {
        let wrong = |h: &mut History| {
            h.shown[3].standing = Standing::Waiting {
                arrival: 40,
                rank: 2,
            }
        };
        assert_eq!(found(wrong), [Promise::Rank]);
        let absent = |h: &mut History| h.shown[1].standing = Standing::Absent;
        assert_eq!(found(absent), [Promise::Rank]);
        assert_eq!(found(|h| h.ranks[4].rank = 5), [Promise::Rank], "it grew");
        assert_eq!(
            found(|h| h.ranks[1].rank = 3),
            [Promise::Rank],
            "two of one rank"
        );
    }

    #[test]
    fn a_sale_that_stands_is_found() {
        let late = |at: i64| found(|h| h.entries[1].committed = at);
        assert_eq!(late(2_000_000), []);
        assert_eq!(late(2_000_001), [Promise::Stuck]);
        // Sold out until a ticket was cancelled.
        let sold_out = |h: &mut History| {
            h.capacity = 1;
            h.entries[1].committed = 9_000_000;
            h.tickets[0].cancelled = Some(8_500_000);
            h.cancels = vec![Cancel {
                account: 1,
                ticket: 1,
                seen: 1_100_000,
                acknowledged: Some(1_200_000),
            }];
            h.shown[0].standing = Standing::Left;
        };
        assert_eq!(found(sold_out), []);
        // Then it stood still until the next ticket was issued.
        let stood = |h: &mut History| {
            sold_out(h);
            h.tickets[0].cancelled = Some(7_000_000);
        };
        assert_eq!(found(stood), [Promise::Stuck]);
    }

    #[test]
    fn servers_that_cannot_answer_are_found() {
        let answered = |at: i64, unavailable: bool| Answered { at, unavailable };
        let late = |at: i64| found(|h| h.answered.push(answered(at, true)));
        assert_eq!(late(1_500_000), []);
        assert_eq!(late(1_500_001), [Promise::Unavailable]);
        let often = |at: i64| found(|h| h.answered.extend([answered(at, true); 9]));
        assert_eq!(often(500_000), [], "something was broken then");
        assert_eq!(often(500_001), [Promise::Unavailable]);
    }

    #[test]
    fn what_is_lost_with_commits_has_to_be_said() {
        let lost = |named: &[i64]| {
            found(|h| {
                h.entries.remove(1);
                h.tickets.remove(1);
                h.capacity = 1;
                h.shown.remove(1);
                h.forgotten = Some(Forgotten {
                    from: 230,
                    until: 300,
                    named: named.iter().copied().collect(),
                });
            })
        };
        assert_eq!(lost(&[2]), []);
        assert_eq!(lost(&[]), [Promise::Lost]);
        assert_eq!(lost(&[4]), [Promise::Lost]);
    }

    #[test]
    fn a_place_that_an_account_has_again_may_cost_it_the_one_after() {
        let lost_leave = |h: &mut History| {
            let joined_again = Join {
                sent: 470,
                acknowledged: 480,
                place: Place::Waiting { arrival: 50 },
                leave: Leave::Never,
                ..h.joins[2].clone()
            };
            h.joins.push(joined_again);
            h.entries[2].state = State::Waiting;
            h.shown[2].standing = Standing::Waiting {
                arrival: 30,
                rank: 1,
            };
            h.shown[3].standing = Standing::Waiting {
                arrival: 40,
                rank: 2,
            };
        };
        assert_eq!(found(lost_leave), [Promise::Lost]);
        let forgotten = |h: &mut History| {
            lost_leave(h);
            h.forgotten = Some(Forgotten {
                from: 440,
                until: 500,
                named: BTreeSet::new(),
            });
        };
        assert_eq!(found(forgotten), []);
    }

    #[test]
    fn tickets_left_over_while_somebody_waits_are_found() {
        assert_eq!(found(|h| h.capacity = 3), [Promise::Stuck]);
    }
}
