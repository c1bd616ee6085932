//! Uncertain rates and quasi-random numbers: quantiles of a few distributions.

use std::ops::Add;

/// A rate with its uncertainty: `events` seen during `exposure`. The posterior is a gamma
/// distribution (the conjugate prior of a Poisson rate); adding observations narrows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    pub events: f64,
    pub exposure: f64,
}

impl Add for Rate {
    type Output = Rate;

    fn add(self, other: Rate) -> Rate {
        Rate {
            events: self.events + other.events,
            exposure: self.exposure + other.exposure,
        }
    }
}

impl Rate {
    /// Returns the quantile of the rate at the probability that the standard normal distribution
    /// has below `deviate`.
    pub fn draw(self, deviate: f64) -> f64 {
        (gamma(self.events, deviate) / self.exposure).max(1e-12)
    }
}

/// Quasi-random numbers of one play, between 0 and 1: evenly spread over all plays, individually
/// and in pairs.
///
/// Fractional parts of multiples of the square roots of primes (Richtmyer 1951).
#[derive(Clone, Copy)]
pub(super) struct Luck(pub u32);

impl Luck {
    pub fn even(self, which: usize) -> f64 {
        const PRIMES: [f64; 12] = [
            2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0, 31.0, 37.0,
        ];
        ((f64::from(self.0) + 0.5) * PRIMES[which].sqrt()).fract()
    }

    /// Returns the same number as a quantile of the standard normal distribution.
    #[cfg(target_arch = "wasm32")]
    pub fn deviate(self, which: usize) -> f64 {
        normal(self.even(which))
    }

    /// Returns the same number as a quantile of the standard normal distribution.
    ///
    /// A server makes a forecast for each request of a queue page, and these numbers are the same
    /// for all: computing them took nine tenths of the time of a forecast.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn deviate(self, which: usize) -> f64 {
        static DEVIATES: std::sync::LazyLock<Vec<[f64; 12]>> = std::sync::LazyLock::new(|| {
            let plays = (0..super::PLAYS).map(Luck);
            plays
                .map(|luck| std::array::from_fn(|which| normal(luck.even(which))))
                .collect()
        });
        match DEVIATES.get(self.0 as usize) {
            Some(deviates) => deviates[which],
            None => normal(self.even(which)),
        }
    }
}

/// Returns the quantile of the standard normal distribution, within 0.02 up to three standard
/// deviations (Ramberg and Schmeiser 1972).
pub(super) fn normal(p: f64) -> f64 {
    // Uses functions that the forecast needs anyway: `powf` alone adds a kilobyte to the download
    // of every browser.
    let power = |less: f64| (0.135 * (-less).ln_1p()).exp();
    (power(1.0 - p) - power(p)) / 0.1975
}

/// Approximates the quantile of the gamma distribution of this shape and scale 1 at the probability
/// that the standard normal distribution has below `deviate` (Wilson and Hilferty 1931).
pub(super) fn gamma(shape: f64, deviate: f64) -> f64 {
    if shape <= 0.0 {
        return 0.0;
    }
    let root = 1.0 - 1.0 / (9.0 * shape) + deviate / (3.0 * shape.sqrt());
    shape * root.max(0.0).powi(3)
}

/// Returns the quantile of the Poisson distribution of this mean.
pub(super) fn poisson(mean: f64, p: f64) -> f64 {
    if mean > 50.0 {
        return (mean + normal(p) * mean.sqrt()).round();
    }
    let (mut n, mut term) = (0.0, (-mean).exp());
    let mut sum = term;
    while sum < p && n < 200.0 {
        n += 1.0;
        term *= mean / n;
        sum += term;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, known: f64, within: f64) {
        assert!((got - known).abs() <= within, "{got}, not {known}");
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        near(normal(0.5), 0.0, 1e-9);
        near(normal(0.9), 1.2816, 0.01);
        near(normal(0.01), -2.3263, 0.02);
        near(gamma(1.0, normal(0.9)), 10f64.ln(), 0.03);
        near(gamma(1.0, normal(0.1)), 0.1054, 0.03);
        near(gamma(0.5, normal(0.5)), 0.2275, 0.03);
        near(gamma(100.0, normal(0.9)), 113.0, 0.2);
        assert_eq!(poisson(0.0, 0.99), 0.0);
        assert_eq!(poisson(2.0, 0.1), 0.0);
        assert_eq!(poisson(2.0, 0.9), 4.0);
        near(poisson(60.0, 0.9), 70.0, 1.0);
    }

    #[test]
    fn luck_is_spread_evenly() {
        for which in 0..12 {
            let below =
                |p: f64| (0..256).filter(|n| Luck(*n).even(which) < p).count() as f64 / 256.0;
            for p in [0.1, 0.5, 0.9] {
                near(below(p), p, 0.03);
            }
        }
    }
}
