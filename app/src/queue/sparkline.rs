//! The rank over time, as a small line.

use super::use_queue_words;
use leptos::prelude::*;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 44.0;
/// More points than the line is wide would only be drawn over each other.
#[cfg(feature = "hydrate")]
const POINTS: usize = 120;

/// Begins empty, on the server too, and grows with every change.
#[component]
pub(super) fn Sparkline(rank: Signal<u64>) -> impl IntoView {
    let words = use_queue_words();
    let history = RwSignal::new(Vec::<(f64, u64)>::new());
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let rank = rank.get();
        history.update(|history| {
            if history.len() >= POINTS {
                // Every second point of the past is enough.
                let mut keep = false;
                history.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            history.push((js_sys::Date::now(), rank));
        });
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = rank;
    let points = move || history.with(|history| line(history));
    view! {
        <svg
            class="sparkline"
            viewBox="0 0 320 44"
            preserveAspectRatio="none"
            role="img"
            aria-label=words.rank_over_time
            class:sparkline--empty=move || history.with(|h| h.len() < 2)
        >
            <polyline points=points/>
        </svg>
    }
}

/// Points of a polyline: time to the right, the best rank at the top.
fn line(history: &[(f64, u64)]) -> String {
    let (Some(first), Some(last)) = (history.first(), history.last()) else {
        return String::new();
    };
    let worst = history
        .iter()
        .map(|(_, rank)| *rank)
        .max()
        .unwrap_or(1)
        .max(2);
    let span = (last.0 - first.0).max(1.0);
    let mut points = String::new();
    for (at, rank) in history {
        let x = (at - first.0) / span * (WIDTH - 4.0) + 2.0;
        let y = (*rank as f64 - 1.0) / (worst as f64 - 1.0) * (HEIGHT - 6.0) + 3.0;
        points.push_str(&format!("{},{} ", x as i64, y as i64));
    }
    points
}
