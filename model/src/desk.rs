//! The organiser's dashboard: throughput and outlook of a running sale, and the forms that steer
//! it.

use crate::concerts::{
    Adjustment, ConcertId, Phase, SaleState, parse_batch_size, parse_capacity, parse_interval,
};
use crate::refusal::Problems;
use crate::{Field, Refusal};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Seconds per bin of the plots.
pub const BIN_S: i64 = 5;

/// Bins per plot: the last five minutes.
pub const BINS: usize = 60;

const BIN: i64 = BIN_S * 1_000_000;

/// Bins of the last minute, from which the current rate of joins is estimated.
const RECENT: usize = 12;

/// A sale as its organiser sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeskView {
    pub concert_id: ConcertId,
    pub state: SaleState,
    pub phase: Phase,
    pub capacity: u32,
    /// Live tickets.
    pub issued: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
    /// People in the queue. `None` while the queue is unavailable or being rebuilt.
    pub waiting: Option<u64>,
    /// `None` in the same cases, or if nothing has happened yet.
    pub course: Option<Course>,
    /// `None` if nothing is being sold, or if the queue is unavailable.
    pub outlook: Option<Outlook>,
    pub server_time: DateTime<Utc>,
}

impl DeskView {
    /// Returns the number of tickets that can still be issued.
    pub fn left(&self) -> u32 {
        self.capacity.saturating_sub(self.issued)
    }
}

/// Joins and tickets per second over the last five minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Joins per second in each of [`BINS`] bins of [`BIN_S`] seconds, oldest first.
    pub joined: Vec<f64>,
    /// Tickets issued per second in each bin, oldest first.
    pub issued: Vec<f64>,
    /// Joins per second in the last [`BIN_S`] seconds.
    pub joining: f64,
    /// Tickets issued per second in the last [`BIN_S`] seconds.
    pub issuing: f64,
}

/// Joins and tickets in a span of about a second. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// End of the span, since the epoch.
    pub until: i64,
    pub over: i64,
    pub joined: u32,
    pub issued: u32,
}

impl Sample {
    /// Returns the share of the span that lies between two instants.
    fn share(&self, from: i64, to: i64) -> f64 {
        let over = self.over.max(1);
        let overlap = self.until.min(to) - (self.until - over).max(from);
        overlap.max(0) as f64 / over as f64
    }
}

impl Course {
    /// Computes the plots at `now` (microseconds since the epoch). Bins begin at whole multiples of
    /// their length, so that a bin does not change once it has been drawn; the current bin is
    /// omitted.
    pub fn new(now: i64, samples: &[Sample]) -> Course {
        let end = now - now.rem_euclid(BIN);
        let start = end - BIN * BINS as i64;
        let (mut joined, mut issued) = (vec![0.0; BINS], vec![0.0; BINS]);
        let (mut joining, mut issuing) = (0.0, 0.0);
        for sample in samples {
            let first = (sample.until - sample.over - start).div_euclid(BIN).max(0);
            let last = (sample.until - start).div_euclid(BIN).min(BINS as i64 - 1);
            for bin in first..=last {
                let from = start + bin * BIN;
                let share = sample.share(from, from + BIN);
                joined[bin as usize] += share * f64::from(sample.joined);
                issued[bin as usize] += share * f64::from(sample.issued);
            }
            let share = sample.share(now - BIN, now);
            joining += share * f64::from(sample.joined);
            issuing += share * f64::from(sample.issued);
        }
        Course {
            joined: joined.into_iter().map(a_second).collect(),
            issued: issued.into_iter().map(a_second).collect(),
            joining: a_second(joining),
            issuing: a_second(issuing),
        }
    }

    /// Returns the joins per second over the last minute.
    fn demand(&self) -> f64 {
        let recent = &self.joined[self.joined.len().saturating_sub(RECENT)..];
        recent.iter().sum::<f64>() / recent.len().max(1) as f64
    }
}

/// Converts a count per bin to a rate per second, rounded to a hundredth.
fn a_second(number: f64) -> f64 {
    (number * 100.0 / BIN_S as f64).round() / 100.0
}

/// How the sale ends if people keep joining as in the last minute and no setting changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outlook", rename_all = "snake_case")]
pub enum Outlook {
    /// The last ticket is issued at `at`.
    SellsOut { at: DateTime<Utc> },
    /// There are more tickets than people: the queue is empty at `by`, and `left` tickets remain.
    Enough { by: DateTime<Utc>, left: u32 },
    /// There are people for all tickets, but `left` tickets are not issued when the concert begins.
    TooSlow { left: u32 },
}

/// Inputs of the outlook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospect {
    pub now: DateTime<Utc>,
    /// End of the sale.
    pub starts_at: DateTime<Utc>,
    pub left: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
    pub waiting: u64,
}

impl Prospect {
    /// Computes the outlook of a sale in [`Phase::Selling`] from its throughput.
    ///
    /// One batch is issued per interval. If people join faster than that, or if enough are already
    /// waiting, the tickets last `left / batch_size` intervals, rounded up. Otherwise the queue
    /// empties first, and from then on tickets are issued at the rate of joins.
    pub fn outlook(&self, course: &Course) -> Outlook {
        let interval = f64::from(self.interval_ms) / 1000.0;
        let batch = f64::from(self.batch_size);
        let (left, waiting) = (f64::from(self.left), self.waiting as f64);
        let (pace, demand) = (batch / interval, course.demand());
        let seconds = (self.starts_at - self.now).num_milliseconds().max(0) as f64 / 1000.0;
        // When the queue is empty, and how many people have a ticket by then.
        let line = if demand < pace {
            waiting / (pace - demand)
        } else {
            f64::INFINITY
        };
        let served = waiting + if demand > 0.0 { demand * line } else { 0.0 };
        if served >= left {
            let lasts = (left / batch).ceil() * interval;
            return match self.after(lasts) {
                Some(at) => Outlook::SellsOut { at },
                None => Outlook::TooSlow {
                    left: (left - (seconds / interval).floor() * batch).max(1.0) as u32,
                },
            };
        }
        let rest = left - served;
        match (demand > 0.0)
            .then(|| self.after(line + rest / demand))
            .flatten()
        {
            Some(at) => Outlook::SellsOut { at },
            None => Outlook::Enough {
                by: self
                    .after((waiting / batch).ceil() * interval)
                    .unwrap_or(self.starts_at),
                left: (left - waiting).max(0.0) as u32,
            },
        }
    }

    /// Returns the instant `seconds` from now if it is within the sale.
    fn after(&self, seconds: f64) -> Option<DateTime<Utc>> {
        let at = self
            .now
            .checked_add_signed(TimeDelta::try_milliseconds((seconds * 1000.0) as i64)?)?;
        (at <= self.starts_at).then_some(at)
    }
}

/// Batch size and interval, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceForm {
    pub batch_size: String,
    pub interval_ms: String,
}

/// The current settings.
impl From<&DeskView> for PaceForm {
    fn from(view: &DeskView) -> PaceForm {
        PaceForm {
            batch_size: view.batch_size.to_string(),
            interval_ms: view.interval_ms.to_string(),
        }
    }
}

impl PaceForm {
    /// Parses with the bounds of the concert form; here both fields are required.
    pub fn parse(self) -> Result<Adjustment, Refusal> {
        let mut problems = Problems::default();
        let batch_size = problems.check(Field::BatchSize, parse_batch_size(&self.batch_size));
        let interval_ms = problems.check(Field::IntervalMs, parse_interval(&self.interval_ms));
        match (batch_size, interval_ms) {
            (Some(batch_size), Some(interval_ms)) => Ok(Adjustment::Pace {
                batch_size,
                interval_ms,
            }),
            _ => Err(problems.into_refusal()),
        }
    }
}

/// The number of tickets in all, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityForm {
    pub capacity: String,
}

/// The current capacity.
impl From<&DeskView> for CapacityForm {
    fn from(view: &DeskView) -> CapacityForm {
        CapacityForm {
            capacity: view.capacity.to_string(),
        }
    }
}

impl CapacityForm {
    pub fn parse(self) -> Result<Adjustment, Refusal> {
        let mut problems = Problems::default();
        let capacity = problems.check(Field::Capacity, parse_capacity(&self.capacity));
        capacity
            .map(Adjustment::Capacity)
            .ok_or_else(|| problems.into_refusal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProblemKind;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_231_866_700_000;

    fn sample(ago_ms: i64, over_ms: i64, joined: u32, issued: u32) -> Sample {
        Sample {
            until: NOW - ago_ms * 1000,
            over: over_ms * 1000,
            joined,
            issued,
        }
    }

    proptest! {
        /// Each join within the window is in exactly one bar or in the current bin.
        #[test]
        fn nobody_is_lost_between_the_bars(
            spans in prop::collection::vec((1_i64..2_000, 0_u32..9_000, 0_u32..1_000), 1..200),
            offset in 0_i64..5_000_000,
        ) {
            let now = NOW + offset;
            let mut until = now;
            let mut samples = Vec::new();
            for (over, joined, issued) in spans {
                let over = over * 1000;
                samples.push(Sample { until, over, joined, issued });
                until -= over;
            }
            let end = now - now.rem_euclid(BIN);
            let expected: f64 = samples.iter()
                .map(|s| s.share(end - BIN * BINS as i64, end) * f64::from(s.joined))
                .sum();
            let course = Course::new(now, &samples);
            let drawn: f64 = course.joined.iter().sum::<f64>() * BIN_S as f64;
            prop_assert!((drawn - expected).abs() < 0.05 * BINS as f64, "{drawn} {expected}");
            prop_assert_eq!(course.joined.len(), BINS);
            prop_assert_eq!(course.issued.len(), BINS);
        }

        /// A bar that was drawn does not change later; it moves left by one with each bin.
        #[test]
        fn bars_stand_still(later in 0_i64..20) {
            let samples: Vec<Sample> = (0..100).map(|n| sample(n * 1000, 1000, n as u32 * 7, 3)).collect();
            let (before, after) = (Course::new(NOW, &samples), Course::new(NOW + later * BIN, &samples));
            let later = later as usize;
            prop_assert_eq!(&before.joined[later + 1..], &after.joined[1..BINS - later]);
        }
    }

    #[test]
    fn the_figure_of_the_moment_is_of_the_last_five_seconds() {
        let samples = [
            sample(5_500, 1_000, 1_000, 1_000),
            sample(3_000, 1_000, 50, 10),
            sample(0, 700, 25, 5),
        ];
        let course = Course::new(NOW, &samples);
        assert_eq!((course.joining, course.issuing), (15.0, 3.0));
        assert_eq!(Course::new(NOW, &[]).joining, 0.0);
    }

    fn prospect(left: u32, waiting: u64) -> Prospect {
        let now = DateTime::from_timestamp_micros(NOW).unwrap();
        Prospect {
            now,
            starts_at: now + TimeDelta::hours(10),
            left,
            batch_size: 10,
            interval_ms: 2000,
            waiting,
        }
    }

    fn joining(a_second: f64) -> Course {
        Course {
            joined: vec![a_second; BINS],
            ..Course::default()
        }
    }

    #[test]
    fn tickets_last_as_long_as_the_pace_lets_them() {
        let sells_out = |prospect: Prospect, demand: f64| match prospect.outlook(&joining(demand)) {
            Outlook::SellsOut { at } => (at - prospect.now).num_seconds(),
            other => panic!("{other:?}"),
        };
        assert_eq!(sells_out(prospect(101, 500), 0.0), 22);
        assert_eq!(sells_out(prospect(1, 1), 0.0), 2);
        // More join than are served: the queue never empties.
        assert_eq!(sells_out(prospect(100, 0), 50.0), 20);
        // 20 wait, one joins per second, five are served per second: the queue is empty after 5 s
        // and 25 tickets.
        assert_eq!(sells_out(prospect(125, 20), 1.0), 5 + 100);
        assert_eq!(sells_out(prospect(25, 20), 1.0), 6);
    }

    #[test]
    fn more_tickets_than_people_and_more_people_than_time() {
        let enough = prospect(100, 41);
        assert_eq!(
            enough.outlook(&joining(0.0)),
            Outlook::Enough {
                by: enough.now + TimeDelta::seconds(10),
                left: 59
            }
        );
        let hurried = Prospect {
            starts_at: enough.now + TimeDelta::seconds(9),
            ..prospect(100, 500)
        };
        assert_eq!(
            hurried.outlook(&joining(0.0)),
            Outlook::TooSlow { left: 60 }
        );
        let for_ever = Prospect {
            interval_ms: 3_600_000,
            batch_size: 1,
            ..prospect(1_000_000, 2_000_000)
        };
        assert_eq!(
            for_ever.outlook(&joining(8_000.0)),
            Outlook::TooSlow { left: 999_990 }
        );
    }

    #[test]
    fn forms_have_the_bounds_of_the_concert_and_no_defaults() {
        let pace = |batch: &str, interval: &str| {
            PaceForm {
                batch_size: batch.into(),
                interval_ms: interval.into(),
            }
            .parse()
        };
        assert_eq!(
            pace("1,000", " 100 "),
            Ok(Adjustment::Pace {
                batch_size: 1000,
                interval_ms: 100
            })
        );
        let Err(Refusal::Invalid { problems }) = pace("", "99") else {
            panic!("two problems were expected");
        };
        let kinds: Vec<_> = problems.iter().map(|p| (p.field, p.kind)).collect();
        let range = ProblemKind::OutOfRange {
            least: 100,
            most: 3_600_000,
        };
        assert_eq!(
            kinds,
            [
                (Field::BatchSize, ProblemKind::Missing),
                (Field::IntervalMs, range)
            ]
        );
        let capacity = |capacity: &str| {
            CapacityForm {
                capacity: capacity.into(),
            }
            .parse()
        };
        assert_eq!(capacity("2,500"), Ok(Adjustment::Capacity(2500)));
        assert!(capacity("0").is_err() && capacity("1000001").is_err() && capacity("").is_err());
    }
}
