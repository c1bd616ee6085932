//! The organiser's desk: how a running sale goes, where that leads, and the forms that steer it.

use crate::concerts::{
    Adjustment, ConcertId, Phase, SaleState, parse_batch_size, parse_capacity, parse_interval,
};
use crate::refusal::Problems;
use crate::{Field, Refusal};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Seconds of which the plots show one figure.
pub const BIN_S: i64 = 5;

/// So many of them: the last five minutes.
pub const BINS: usize = 60;

const BIN: i64 = BIN_S * 1_000_000;

/// Bins by which it is judged how many join at the moment: the last minute.
const RECENT: usize = 12;

/// A sale as its organiser sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeskView {
    pub concert_id: ConcertId,
    pub state: SaleState,
    pub phase: Phase,
    pub capacity: u32,
    /// Tickets that are live now.
    pub issued: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
    /// People in the queue. None: nobody can tell at the moment, because the queue is away or being built anew.
    pub waiting: Option<u64>,
    /// None: likewise, or nothing has happened yet.
    pub course: Option<Course>,
    /// None: nothing is being sold, or nobody can tell.
    pub outlook: Option<Outlook>,
    pub server_time: DateTime<Utc>,
}

impl DeskView {
    /// Tickets that can still be issued.
    pub fn left(&self) -> u32 {
        self.capacity.saturating_sub(self.issued)
    }
}

/// How often something happened, per second, over the last five minutes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// How many joined, in [`BINS`] spans of [`BIN_S`] seconds, oldest first.
    pub joined: Vec<f64>,
    /// How many tickets were issued, likewise.
    pub issued: Vec<f64>,
    /// Joins per second in the last [`BIN_S`] seconds.
    pub joining: f64,
    /// Tickets per second, likewise.
    pub issuing: f64,
}

/// What happened in a span of time, a second or so. Times are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the epoch.
    pub until: i64,
    pub over: i64,
    pub joined: u32,
    pub issued: u32,
}

impl Sample {
    /// The share of it that lies between two instants.
    fn share(&self, from: i64, to: i64) -> f64 {
        let over = self.over.max(1);
        let overlap = self.until.min(to) - (self.until - over).max(from);
        overlap.max(0) as f64 / over as f64
    }
}

impl Course {
    /// What the plots show at an instant (microseconds since the epoch). The spans begin at whole multiples of their length, so
    /// that what was drawn does not change when it is drawn again; the one under way is left out.
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

    /// Joins per second over the last minute.
    fn demand(&self) -> f64 {
        let recent = &self.joined[self.joined.len().saturating_sub(RECENT)..];
        recent.iter().sum::<f64>() / recent.len().max(1) as f64
    }
}

/// Of a whole span, per second, to a hundredth.
fn a_second(number: f64) -> f64 {
    (number * 100.0 / BIN_S as f64).round() / 100.0
}

/// Where it leads if people go on joining as in the last minute and nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outlook", rename_all = "snake_case")]
pub enum Outlook {
    /// The last ticket goes then.
    SellsOut { at: DateTime<Utc> },
    /// There are more tickets than people: nobody waits any more then, and so many are left.
    Enough { by: DateTime<Utc>, left: u32 },
    /// There are people for all tickets, but when the concert begins so many have not been issued yet.
    TooSlow { left: u32 },
}

/// What the outlook is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospect {
    pub now: DateTime<Utc>,
    /// The end of the sale.
    pub starts_at: DateTime<Utc>,
    pub left: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
    pub waiting: u64,
}

impl Prospect {
    /// The outlook of a sale that is selling, after what was seen of it.
    ///
    /// A batch goes out with every interval. While more people join than that serves, or enough wait already, the tickets last
    /// for `left / batch_size` intervals, rounded up; otherwise the line ends first, and from then on tickets go as people come.
    pub fn outlook(&self, course: &Course) -> Outlook {
        let interval = f64::from(self.interval_ms) / 1000.0;
        let batch = f64::from(self.batch_size);
        let (left, waiting) = (f64::from(self.left), self.waiting as f64);
        let (pace, demand) = (batch / interval, course.demand());
        let seconds = (self.starts_at - self.now).num_milliseconds().max(0) as f64 / 1000.0;
        // When the line ends, and how many have a ticket by then.
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

    /// The instant so many seconds from now, if it is within the sale.
    fn after(&self, seconds: f64) -> Option<DateTime<Utc>> {
        let at = self
            .now
            .checked_add_signed(TimeDelta::try_milliseconds((seconds * 1000.0) as i64)?)?;
        (at <= self.starts_at).then_some(at)
    }
}

/// How fast tickets go out, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceForm {
    pub batch_size: String,
    pub interval_ms: String,
}

/// As it is now.
impl From<&DeskView> for PaceForm {
    fn from(view: &DeskView) -> PaceForm {
        PaceForm {
            batch_size: view.batch_size.to_string(),
            interval_ms: view.interval_ms.to_string(),
        }
    }
}

impl PaceForm {
    /// The bounds are those of a concert's form; here nothing may be left out.
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

/// How many tickets there are in all, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityForm {
    pub capacity: String,
}

/// As it is now.
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
        /// Whoever joined within the window is in one bar, or in the span under way, and in no two.
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

        /// A bar that was drawn is drawn the same a moment later, one further to the left with every span.
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
        // More join than are served: the line never ends.
        assert_eq!(sells_out(prospect(100, 0), 50.0), 20);
        // 20 wait and one a second joins, five a second are served: the line ends after 5 s and 25 tickets.
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
