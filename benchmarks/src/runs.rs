//! The measured values of all runs.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Runs(BTreeMap<String, Vec<f64>>);

impl Runs {
    pub fn add(&mut self, what: &str, value: f64) {
        self.0.entry(what.to_owned()).or_default().push(value);
    }

    /// Returns the median of all runs, or `None` if it was not measured.
    pub fn median(&self, what: &str) -> Option<f64> {
        let mut values = self.0.get(what)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        Some(match values.len() % 2 {
            1 => values[middle],
            _ => (values[middle - 1] + values[middle]) / 2.0,
        })
    }

    /// Returns the median of the ratio of two figures within the same run.
    pub fn ratio(&self, what: &str, over: &str) -> Option<f64> {
        let pairs = self.0.get(what)?.iter().zip(self.0.get(over)?);
        let mut ratios = Runs::default();
        for (value, base) in pairs {
            ratios.add("", value / base);
        }
        ratios.median("")
    }

    /// Returns the minimum and maximum of all runs.
    pub fn range(&self, what: &str) -> Option<(f64, f64)> {
        let values = self.0.get(what)?;
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        Some((least, values.iter().copied().max_by(f64::total_cmp)?))
    }

    /// Returns the figures whose name is `prefix` followed by a number, as (number, median), in
    /// order of the number.
    pub fn series(&self, prefix: &str) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = self
            .0
            .keys()
            .filter_map(|name| {
                let x = name.strip_prefix(prefix)?.trim().parse().ok()?;
                Some((x, self.median(name)?))
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_ratios_and_series() {
        let mut runs = Runs::default();
        for (joins, empty) in [(10.0, 20.0), (30.0, 40.0), (20.0, 100.0)] {
            runs.add("joins", joins);
            runs.add("empty", empty);
        }
        assert_eq!(runs.median("joins"), Some(20.0));
        assert_eq!(runs.ratio("joins", "empty"), Some(0.5));
        assert_eq!(runs.range("empty"), Some((20.0, 100.0)));
        assert_eq!(runs.median("nothing"), None);
        runs.add("cost at 1000", 2.0);
        runs.add("cost at 200", 1.0);
        assert_eq!(runs.series("cost at "), [(200.0, 1.0), (1000.0, 2.0)]);
    }
}
