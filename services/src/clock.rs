//! The time: PostgreSQL's clock, which all servers share. Injected, so that tests move it instead
//! of waiting.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// PostgreSQL's clock, continued by this machine's monotonic clock: setting this machine's clock
/// has no effect. Before the first reading, this machine's clock. Tests can add an offset, which
/// all clones share.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    moved_micros: Arc<AtomicI64>,
    /// Error of this machine's clock, for tests.
    machine_ahead: TimeDelta,
    followed: Arc<RwLock<Option<Reading>>>,
}

/// A reading of PostgreSQL's clock.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    time: DateTime<Utc>,
    /// Upper bound on its error: half the round trip.
    doubt: Duration,
}

/// Upper bound on how far two good clocks drift apart: 1/5000 of the elapsed time, 200 ppm.
const DRIFT: u32 = 5_000;

/// A reading whose `doubt` is larger took too long.
const VAGUE: Duration = Duration::from_millis(50);

impl Reading {
    fn at(&self, instant: Instant) -> DateTime<Utc> {
        let after = instant.saturating_duration_since(self.at);
        self.time + TimeDelta::from_std(after).unwrap_or_default()
    }

    /// Returns whether the newer reading is better: it contradicts this one, or its error bound is
    /// at most what this one's has grown to.
    fn is_worse_than(&self, newer: &Reading) -> bool {
        let apart = (newer.time - self.at(newer.at)).abs().to_std();
        let aged = self.doubt + newer.at.saturating_duration_since(self.at) / DRIFT;
        newer.doubt <= aged || apart.is_ok_and(|apart| apart > newer.doubt + aged)
    }
}

impl Clock {
    /// Returns the clock of a machine whose own clock is ahead by this much.
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

    /// Moves the clock forward or back.
    pub fn advance(&self, by: TimeDelta) {
        self.moved_micros
            .fetch_add(by.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }

    /// Offset that tests have added, relative to PostgreSQL's clock.
    pub(crate) fn moved(&self) -> TimeDelta {
        TimeDelta::microseconds(self.moved_micros.load(Ordering::Relaxed))
    }

    /// Takes in a reading of PostgreSQL's clock: `time`, with the instants of the request and the
    /// answer.
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

    /// Returns whether the clock should be read again: it was never read, or the error bound is too
    /// large.
    pub(crate) fn is_vague(&self) -> bool {
        let followed = *self.followed.read().unwrap_or_else(PoisonError::into_inner);
        followed.is_none_or(|reading| reading.doubt > VAGUE)
    }

    /// Returns how far this machine's clock is ahead of PostgreSQL's, or `None` before the first
    /// reading.
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
        // A round trip of half a second, and 200 ms off: within the error bound.
        clock.follow(start, start + 500 * MS, time + TimeDelta::milliseconds(450));
        assert_eq!(heard(&clock), time);
        // The clock was set by two seconds, which no round trip explains.
        let set = time + TimeDelta::milliseconds(2_250);
        clock.follow(start, start + 500 * MS, set);
        assert_eq!(heard(&clock), set);
    }
}
