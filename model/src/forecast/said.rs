//! A forecast as displayed: in round numbers that stay the same until they are wrong.

use super::Forecast;

/// What to display for a [`Forecast`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Range in minutes; (0, 1) is less than a minute. Whole hours from an hour and a half on.
    pub wait: Option<(u64, u64)>,
    /// Per cent: 5, a multiple of ten, or 95; 0 means less than 5, and 100 more than 95.
    pub chance: Option<u8>,
}

/// Relative error that a round number may have: what "about" means.
const ABOUT: f64 = 0.05;

/// Additional relative error before the displayed number changes (hysteresis).
const CALM: f64 = 0.05;

impl Said {
    /// Returns the round numbers for this forecast; keeps `before` while it is accurate enough.
    /// Ranges are rounded outwards.
    pub fn now(forecast: Option<Forecast>, before: Said) -> Said {
        let Some(Forecast { wait, chance }) = forecast else {
            return Said::default();
        };
        let said = before.wait.unzip();
        Said {
            wait: wait.map(|(least, most)| {
                let least = settle(said.0, 1.0 + ABOUT, |by| step_below(least / 60.0 * by));
                let most = settle(said.1, 1.0 - ABOUT, |by| step_above(most / 60.0 * by));
                (least.min(most), most.max(1))
            }),
            chance: chance
                .map(|chance| settle(before.chance, 0.0, |by| per_cent(chance + by / 2.0))),
        }
    }
}

/// Returns `before` if it would be right slightly lower or slightly higher, otherwise the right
/// value.
fn settle<T: PartialEq>(before: Option<T>, middle: f64, rounded: impl Fn(f64) -> T) -> T {
    match before {
        Some(said) if said == rounded(middle - CALM) || said == rounded(middle + CALM) => said,
        _ => rounded(middle),
    }
}

/// Numbers of minutes that are displayed.
const STEPS: [u64; 19] = [
    0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90,
];

fn step_below(minutes: f64) -> u64 {
    let hours = (minutes / 60.0) as u64 * 60;
    let step = STEPS.into_iter().rev().find(|step| *step as f64 <= minutes);
    step.unwrap_or(0).max(hours)
}

fn step_above(minutes: f64) -> u64 {
    STEPS
        .into_iter()
        .find(|step| *step as f64 >= minutes)
        .unwrap_or((minutes / 60.0).ceil() as u64 * 60)
}

fn per_cent(chance: f64) -> u8 {
    match chance {
        ..0.05 => 0,
        ..0.075 => 5,
        0.95.. => 100,
        0.925.. => 95,
        _ => ((chance * 10.0).round() * 10.0).clamp(10.0, 90.0) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(forecast: (f64, f64), chance: Option<f64>, before: Said) -> Said {
        let wait = Some(forecast);
        Said::now(Some(Forecast { wait, chance }), before)
    }

    fn wait(least: f64, most: f64) -> (u64, u64) {
        said((least, most), None, Said::default())
            .wait
            .expect("a range")
    }

    #[test]
    fn ranges_are_rounded_outwards() {
        assert_eq!(wait(3.0, 50.0), (0, 1));
        assert_eq!(wait(20.0, 100.0), (0, 2));
        assert_eq!(wait(130.0, 250.0), (2, 4));
        assert_eq!(wait(295.0, 305.0), (5, 5));
        assert_eq!(wait(1600.0, 3200.0), (25, 60));
        assert_eq!(wait(6000.0, 9000.0), (90, 180));
        assert_eq!(wait(40_000.0, 90_000.0), (660, 1440));
    }

    #[test]
    fn what_is_said_stays_until_it_is_wrong() {
        let before = said((190.0, 290.0), None, Said::default());
        assert_eq!(before.wait, Some((3, 5)));
        for wobble in [172.0, 178.0, 195.0] {
            assert_eq!(said((wobble, 310.0), None, before), before);
        }
        assert_eq!(said((150.0, 240.0), None, before).wait, Some((2, 4)));
        let before = said((1.0, 2.0), Some(0.34), Said::default());
        assert_eq!(before.chance, Some(30));
        assert_eq!(said((1.0, 2.0), Some(0.37), before).chance, Some(30));
        assert_eq!(said((1.0, 2.0), Some(0.39), before).chance, Some(40));
    }

    #[test]
    fn chances_come_in_steps() {
        let steps = [0.0, 0.049, 0.06, 0.08, 0.3, 0.91, 0.93, 0.96].map(per_cent);
        assert_eq!(steps, [0, 0, 5, 10, 30, 90, 95, 100]);
        assert_eq!(Said::now(None, Said::default()), Said::default());
    }
}
