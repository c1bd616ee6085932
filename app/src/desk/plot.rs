//! The two plots of the dashboard: bars of the last five minutes, drawn on the server.

use crate::i18n::{thousands, use_words};
use leptos::prelude::*;
use model::desk::{BINS, Course};
use std::fmt::Write;

const WIDTH: usize = 10;
const HEIGHT: f64 = 100.0;

#[component]
pub(super) fn Plots(course: Option<Course>) -> impl IntoView {
    let words = &use_words().desk;
    let Course {
        joined,
        issued,
        joining,
        issuing,
    } = course.unwrap_or_default();
    view! {
        <div class="desk-plots">
            {plot("joins", words.joins, joining, &joined)}
            {plot("tickets", words.tickets, issuing, &issued)}
        </div>
    }
}

fn plot(name: &'static str, title: &'static str, now: f64, rates: &[f64]) -> impl IntoView + use<> {
    let words = &use_words().desk;
    let most = rates.iter().copied().fold(now, f64::max);
    let (now, highest) = (rate(now), rate(most));
    let said = (words.plot)(title, &now, &highest);
    view! {
        <figure class=format!("desk-plot desk-plot--{name}") data-testid=format!("desk-{name}")>
            <figcaption>
                <span>{title}</span>
                <strong class="figures">{now}</strong>
            </figcaption>
            <svg viewBox=format!("0 0 {} {HEIGHT}", WIDTH * BINS) preserveAspectRatio="none" role="img" aria-label=said>
                <path d=bars(rates, most)/>
            </svg>
            <p class="desk-scale" aria-hidden="true">
                <span>{words.minutes_ago}</span>
                <span>{(words.at_most)(&highest)}</span>
                <span>{words.now}</span>
            </p>
        </figure>
    }
}

/// Returns one path with all bars, the highest at the height of the plot, and a line at the bottom.
fn bars(rates: &[f64], most: f64) -> String {
    let mut path = format!("M0 {HEIGHT}h{}v-1h-{0}z", WIDTH * BINS);
    for (n, rate) in rates.iter().enumerate().filter(|(_, rate)| **rate > 0.0) {
        let (x, height) = (n * WIDTH + 1, (rate / most * HEIGHT).max(1.0));
        // Writing to a `String` cannot fail.
        let _ = write!(
            path,
            "M{x} {HEIGHT}v-{height:.1}h{0}v{height:.1}z",
            WIDTH - 2
        );
    }
    path
}

/// Formats a rate per second: as a whole number from 10 on; below that with one decimal, unless it
/// is whole.
fn rate(rate: f64) -> String {
    match rate {
        10.0.. => thousands(rate.round() as u64),
        few if few.fract() == 0.0 => thousands(few as u64),
        few => format!("{few:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_within_the_plot() {
        let path = bars(&[0.0, 5.0, 0.001, 10.0], 10.0);
        assert!(path.starts_with("M0 100h600v-1h-600z"), "{path}");
        assert!(path.contains("M11 100v-50.0h8v50.0z"), "{path}");
        assert!(path.contains("M21 100v-1.0h8v1.0z"), "{path}");
        assert!(path.ends_with("M31 100v-100.0h8v100.0z"), "{path}");
        assert_eq!(bars(&[0.0; 60], 0.0), "M0 100h600v-1h-600z");
    }

    #[test]
    fn few_are_told_to_a_tenth() {
        let said: Vec<String> = [0.0, 0.2, 9.96, 3.0, 10.4, 8123.6].map(rate).into();
        assert_eq!(said, ["0", "0.2", "10.0", "3", "10", "8,124"]);
    }
}
