//! Percentiles: exact if all values are kept, and within 1.6 % if there are too many to keep.

use serde::Serialize;

/// Buckets per doubling: the relative error is at most 1/64.
const PER_DOUBLING: u64 = 64;

/// Returns the smallest value that at least this share of the values does not exceed (nearest
/// rank), or `None` if there are no values.
pub fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Summary of a number of durations, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub count: u64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

impl Summary {
    /// Summarises all values, in any order.
    pub fn of(mut values: Vec<u64>) -> Summary {
        values.sort_unstable();
        let at = |share| percentile(&values, share).unwrap_or_default();
        Summary {
            count: values.len() as u64,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            max_us: at(1.0),
        }
    }
}

/// Counts values in buckets that grow with the value (as in HdrHistogram): linear up to 64, then 64
/// per doubling.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub fn add(&mut self, value: u64) {
        let bucket = bucket(value);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// Returns the upper end of the bucket that contains the percentile, or 0 without values.
    pub fn percentile(&self, share: f64) -> u64 {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest(bucket).min(self.max);
            }
        }
        0
    }

    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count,
            p50_us: self.percentile(0.5),
            p90_us: self.percentile(0.9),
            p99_us: self.percentile(0.99),
            max_us: self.max,
        }
    }

    /// Counts the values up to and including this one, to the resolution of the buckets.
    pub fn up_to(&self, value: u64) -> u64 {
        self.counts
            .iter()
            .enumerate()
            .take_while(|(bucket, _)| highest(*bucket) <= value)
            .map(|(_, count)| count)
            .sum()
    }
}

fn bucket(value: u64) -> usize {
    if value < PER_DOUBLING {
        return value as usize;
    }
    let doublings = u64::from(value.ilog2() - PER_DOUBLING.ilog2());
    (doublings * PER_DOUBLING + (value >> doublings)) as usize
}

/// Returns the largest value of a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PER_DOUBLING {
        return bucket;
    }
    let doublings = bucket / PER_DOUBLING - 1;
    ((bucket - doublings * PER_DOUBLING + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nearest_rank() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&values, 0.5), Some(50));
        assert_eq!(percentile(&values, 0.99), Some(99));
        assert_eq!(percentile(&values, 1.0), Some(100));
        assert_eq!(percentile(&values, 0.0), Some(1));
        assert_eq!(percentile(&[7], 0.5), Some(7));
        assert_eq!(percentile::<u32>(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_put_into_it(value in 0u64..1 << 40) {
            let bucket = bucket(value);
            prop_assert!(value <= highest(bucket));
            prop_assert!(bucket == 0 || value > highest(bucket - 1));
        }

        #[test]
        fn the_histogram_is_as_good_as_all_values(values in prop::collection::vec(0u64..10_000_000, 1..200), share in 0.01f64..1.0) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.add(*value));
            let mut sorted = values;
            sorted.sort_unstable();
            let exact = percentile(&sorted, share).unwrap();
            let about = histogram.percentile(share);
            let (mut merged, halves) = (Histogram::default(), sorted.split_at(sorted.len() / 2));
            for half in [halves.0, halves.1] {
                let mut part = Histogram::default();
                half.iter().for_each(|value| part.add(*value));
                merged.merge(&part);
            }
            prop_assert_eq!(merged.summary(), histogram.summary());
            prop_assert!(about >= exact && about as f64 <= exact as f64 * 1.017 + 1.0, "{} for {}", about, exact);
        }
    }

    #[test]
    fn an_empty_histogram_says_nothing() {
        assert_eq!(Histogram::default().summary(), Summary::default());
    }
}
