//! Arrival times of the simulated clients.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDateTime};
use rand::Rng;
use rand::seq::SliceRandom;
use std::time::Duration;

/// Share of the clients in a spike that arrive as soon as the sale opens; the others trickle in.
const EAGER: f64 = 0.7;
/// Mean delay of these early clients, as a share of the duration.
const EAGER_DELAY: f64 = 0.05;

/// Distribution of arrivals over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// Evenly.
    Flat,
    /// 70 % in the first moments after the opening, the rest at a decreasing rate.
    Spike,
    /// As in a recording: offsets in seconds, sorted, the first one 0.
    Recorded(Vec<f64>),
}

impl Curve {
    /// Returns the arrival time of each client, relative to the opening, in random order.
    ///
    /// A recorded curve takes as long as the recording unless a duration is given. It is
    /// interpolated for more clients than it has arrivals, and thinned out for fewer.
    pub fn moments(
        &self,
        people: usize,
        duration: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Vec<Duration> {
        let seconds = self.duration(duration).as_secs_f64();
        let mut moments: Vec<Duration> = (0..people)
            .map(|n| {
                // Stratified sampling, one value per slice of 1/`people`, so that the moments
                // follow the curve without sampling noise.
                let quantile = (n as f64 + rng.random::<f64>()) / people as f64;
                Duration::from_secs_f64(self.at(quantile, seconds).clamp(0.0, seconds))
            })
            .collect();
        moments.shuffle(rng);
        moments
    }

    /// Returns the time from the opening until the last client has arrived.
    pub fn duration(&self, given: Option<Duration>) -> Duration {
        match (given, self) {
            (Some(given), _) => given,
            (None, Curve::Recorded(offsets)) => {
                Duration::from_secs_f64(offsets.last().copied().unwrap_or_default())
            }
            (None, Curve::Flat | Curve::Spike) => Duration::from_secs(30),
        }
    }

    /// Returns the time by which this share of the clients has arrived (the inverse of the
    /// cumulative distribution).
    fn at(&self, quantile: f64, seconds: f64) -> f64 {
        match self {
            Curve::Flat => quantile * seconds,
            // The early clients arrive exponentially, the others at a rate that falls linearly to
            // zero.
            Curve::Spike if quantile < EAGER => {
                let eager = quantile / EAGER;
                -(1.0 - eager).max(f64::MIN_POSITIVE).ln() * EAGER_DELAY * seconds
            }
            Curve::Spike => {
                let late = (quantile - EAGER) / (1.0 - EAGER);
                (1.0 - (1.0 - late).sqrt()) * seconds
            }
            Curve::Recorded(offsets) => {
                let last = offsets.last().copied().unwrap_or_default();
                let stretch = if last > 0.0 { seconds / last } else { 0.0 };
                let position = quantile * (offsets.len().saturating_sub(1)) as f64;
                let (before, part) = (position.floor() as usize, position.fract());
                let offset = |n: usize| offsets.get(n).copied().unwrap_or(last);
                (offset(before) + (offset(before + 1) - offset(before)) * part) * stretch
            }
        }
    }

    /// Returns the name of the curve on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Curve::Flat => "flat",
            Curve::Spike => "spike",
            Curve::Recorded(_) => "csv",
        }
    }

    /// Parses a recording: one arrival per line, as an offset in seconds or an instant (RFC 3339,
    /// or `2026-12-01 20:00:00`), in the first column that contains one. A first line without one
    /// is the heading. Fails on any other line without one.
    pub fn recorded(csv: &str) -> Result<Curve> {
        let lines = csv
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let mut offsets = Vec::new();
        for (n, line) in lines {
            match line.split([',', ';', '\t']).find_map(instant) {
                Some(offset) => offsets.push(offset),
                None if offsets.is_empty() && n == 0 => {}
                None => bail!(
                    "line {}: there is no offset in seconds and no instant in {line:?}",
                    n + 1
                ),
            }
        }
        offsets.sort_unstable_by(f64::total_cmp);
        let first = *offsets.first().context("there are no arrivals in it")?;
        offsets.iter_mut().for_each(|offset| *offset -= first);
        Ok(Curve::Recorded(offsets))
    }
}

/// Seconds since the epoch for an instant; an offset is returned unchanged.
fn instant(cell: &str) -> Option<f64> {
    let cell = cell.trim().trim_matches('"');
    let seconds = |micros: i64| micros as f64 / 1e6;
    let number = cell
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite());
    number
        .or_else(|| {
            let instant = DateTime::parse_from_rfc3339(cell).ok()?;
            Some(seconds(instant.timestamp_micros()))
        })
        .or_else(|| {
            let instant = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
                .iter()
                .find_map(|format| NaiveDateTime::parse_from_str(cell, format).ok())?;
            Some(seconds(instant.and_utc().timestamp_micros()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn sorted(curve: &Curve, people: usize, seconds: Option<u64>, seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        let duration = seconds.map(Duration::from_secs);
        let mut moments: Vec<f64> = curve
            .moments(people, duration, &mut rng)
            .iter()
            .map(Duration::as_secs_f64)
            .collect();
        moments.sort_unstable_by(f64::total_cmp);
        moments
    }

    fn before(moments: &[f64], second: f64) -> usize {
        moments.iter().filter(|moment| **moment < second).count()
    }

    proptest! {
        #[test]
        fn everybody_comes_once_and_in_time(people in 1usize..300, seconds in 1u64..600, seed: u64) {
            let recording = Curve::Recorded(vec![0.0, 1.0, 1.5, 40.0]);
            for curve in [Curve::Flat, Curve::Spike, recording] {
                let moments = sorted(&curve, people, Some(seconds), seed);
                prop_assert_eq!(moments.len(), people);
                prop_assert!(moments.iter().all(|moment| (0.0..=seconds as f64).contains(moment)));
                prop_assert_eq!(moments, sorted(&curve, people, Some(seconds), seed));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = Curve::recorded(&text);
        }
    }

    #[test]
    fn flat_is_flat() {
        let moments = sorted(&Curve::Flat, 1000, Some(10), 1);
        for second in 1..=10 {
            let expected = 100 * second;
            assert!(before(&moments, second as f64).abs_diff(expected) <= 1);
        }
    }

    #[test]
    fn a_spike_has_most_of_its_people_at_once_and_a_long_tail() {
        let moments = sorted(&Curve::Spike, 1000, Some(100), 1);
        assert!((550..800).contains(&before(&moments, 10.0)));
        assert!(before(&moments, 50.0) < 950);
        assert!(moments.last().is_some_and(|last| *last > 80.0));
    }

    #[test]
    fn a_recording_is_scaled_to_the_people_and_the_duration() {
        let curve = Curve::recorded("0\n1\n1\n1\n2\n10\n").unwrap();
        assert_eq!(curve.duration(None), Duration::from_secs(10));
        let moments = sorted(&curve, 600, None, 1);
        assert!((400..=500).contains(&before(&moments, 2.0)), "{moments:?}");
        let doubled = sorted(&curve, 600, Some(20), 1);
        assert!(before(&doubled, 4.0).abs_diff(before(&moments, 2.0)) <= 1);
    }

    #[test]
    fn a_recording_is_offsets_or_instants_with_a_heading_or_without() {
        let expected = Curve::Recorded(vec![0.0, 1.5, 3.0]);
        for csv in [
            "0\n1.5\n3",
            "arrived_at\n13\n11.5\n10\n",
            "who,when\nmina,2026-12-01T20:00:00+09:00\njoon,2026-12-01T20:00:03+09:00\nsori,2026-12-01T11:00:01.5Z\n",
            "\"2026-12-01 20:00:00\";x\n\"2026-12-01 20:00:01.500\";x\n\"2026-12-01 20:00:03\";x\n",
        ] {
            assert_eq!(Curve::recorded(csv).unwrap(), expected, "{csv}");
        }
        for csv in ["", "when\n", "1\nsoon\n"] {
            assert!(Curve::recorded(csv).is_err(), "{csv}");
        }
    }
}
