//! The time: PostgreSQL's, which all servers share, and injected, so that tests move it instead of waiting.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// PostgreSQL's clock, carried on by this machine's monotonic one: setting this machine's clock changes nothing. Until
/// PostgreSQL was asked, this machine's clock. Plus whatever a test has moved it by. Clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    moved_micros: Arc<AtomicI64>,
    /// How far this machine's clock is wrong, for tests.
    machine_ahead: TimeDelta,
    followed: Arc<RwLock<Option<Reading>>>,
}

/// What PostgreSQL's clock said, and when.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    time: DateTime<Utc>,
    /// It may be wrong by that much: half of what the answer took.
    doubt: Duration,
}

/// How far two good clocks part: 200 millionths of the time that has passed.
const DRIFT: u32 = 5_000;

/// A reading that is in doubt by more than this took too long.
const VAGUE: Duration = Duration::from_millis(50);

impl Reading {
    fn at(&self, instant: Instant) -> DateTime<Utc> {
        let after = instant.saturating_duration_since(self.at);
        self.time + TimeDelta::from_std(after).unwrap_or_default()
    }

    /// Whether a newer one tells more: it contradicts this one, or is less in doubt than this one is by now.
    fn is_worse_than(&self, newer: &Reading) -> bool {
        let apart = (newer.time - self.at(newer.at)).abs().to_std();
        let aged = self.doubt + newer.at.saturating_duration_since(self.at) / DRIFT;
        newer.doubt <= aged || apart.is_ok_and(|apart| apart > newer.doubt + aged)
    }
}

impl Clock {
    /// As on a machine whose clock is so far ahead.
    pub fn on_a_machine_ahead(by: TimeDelta) -> Clock {
        Clock {
            machine_ahead: by,
            ..Clock::default()
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        let followed = *self.followed.read().unwrap_or_else(PoisonError::into_inner);
        let time = followed.map_or_else(|| self.machine(), |reading| reading.at(Instant::now()));
        time + self.moved()
    }

    /// Moves the clock, forward or back.
    pub fn advance(&self, by: TimeDelta) {
        self.moved_micros
            .fetch_add(by.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }

    /// What tests have moved it by, against PostgreSQL's clock.
    pub(crate) fn moved(&self) -> TimeDelta {
        TimeDelta::microseconds(self.moved_micros.load(Ordering::Relaxed))
    }

    /// PostgreSQL's clock has said `time`, asked and answered at these instants.
    pub(crate) fn follow(&self, asked: Instant, answered: Instant, time: DateTime<Utc>) {
        let doubt = answered.saturating_duration_since(asked) / 2;
        let at = asked + doubt;
        let newer = Reading { at, time, doubt };
        let mut followed = self
            .followed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if followed.is_none_or(|known| known.is_worse_than(&newer)) {
            *followed = Some(newer);
        }
    }

    /// Whether it may be wrong by so much that it should be read again.
    pub(crate) fn is_vague(&self) -> bool {
        let followed = *self.followed.read().unwrap_or_else(PoisonError::into_inner);
        followed.is_none_or(|reading| reading.doubt > VAGUE)
    }

    /// How far this machine's clock is ahead of PostgreSQL's. None: PostgreSQL was not asked yet.
    pub fn skew(&self) -> Option<TimeDelta> {
        let followed = *self.followed.read().unwrap_or_else(PoisonError::into_inner);
        followed.map(|reading| self.machine() - reading.at(Instant::now()))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn machine(&self) -> DateTime<Utc> {
        Utc::now() + self.machine_ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_follows_another_clock_and_not_this_machine_s() {
        let clock = Clock::on_a_machine_ahead(TimeDelta::hours(-2));
        let told = clock.machine() + TimeDelta::hours(2);
        let asked = Instant::now();
        clock.follow(asked, asked + MS, told);
        let ahead = clock.now() - clock.machine();
        assert!((ahead - TimeDelta::hours(2)).abs() < TimeDelta::seconds(5));
        let skew = clock.skew().unwrap() + TimeDelta::hours(2);
        assert!(skew.abs() < TimeDelta::seconds(5));
        clock.advance(TimeDelta::hours(1));
        assert!(clock.now() - clock.machine() > TimeDelta::minutes(170));
    }

    #[test]
    fn a_slow_answer_moves_nothing_that_it_does_not_contradict() {
        let (clock, start) = (Clock::default(), Instant::now());
        let time = clock.machine();
        let heard = |clock: &Clock| clock.followed.read().unwrap().unwrap().time;
        clock.follow(start, start + MS, time);
        // Half a second on the way, and 200 ms off: within its doubt.
        clock.follow(start, start + 500 * MS, time + TimeDelta::milliseconds(450));
        assert_eq!(heard(&clock), time);
        // The clock was set: by two seconds, which no way explains.
        let set = time + TimeDelta::milliseconds(2_250);
        clock.follow(start, start + 500 * MS, set);
        assert_eq!(heard(&clock), set);
    }
}
