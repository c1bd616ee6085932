//! The rank over time, as a small line chart.

use super::use_queue_words;
#[cfg(feature = "hydrate")]
use crate::clock::monotonic_ms;
use leptos::prelude::*;
use model::queue::{QueueView, Standing};

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 44.0;
/// Upper bound on points: at this width, more would be drawn over each other.
#[cfg(feature = "hydrate")]
const POINTS: usize = 120;

/// Draws the rank from the time of joining, which every place has, until now, and adds a point with
/// each tick that changes it.
#[component]
pub(super) fn Sparkline(view: RwSignal<QueueView>) -> impl IntoView {
    let words = use_queue_words();
    let history = RwSignal::new(view.with_untracked(begun));
    // On the server's clock, like the arrival.
    #[cfg(feature = "hydrate")]
    let ahead = monotonic_ms() - view.with_untracked(now);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let Some(rank) = view.with(rank) else {
            return;
        };
        history.update(|history| {
            if history.last().is_some_and(|(_, last)| *last == rank) {
                return;
            }
            if history.len() >= POINTS {
                // Half of the past points are enough.
                let mut keep = false;
                history.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            history.push((monotonic_ms() - ahead, rank));
        });
    });
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

/// Returns milliseconds since the epoch and the rank, on joining and now.
fn begun(view: &QueueView) -> Vec<(f64, u64)> {
    match view.standing {
        Standing::Waiting {
            arrival,
            rank,
            joined_rank,
        } if joined_rank > rank => {
            vec![(arrival.0 as f64 / 1000.0, joined_rank), (now(view), rank)]
        }
        _ => Vec::new(),
    }
}

fn now(view: &QueueView) -> f64 {
    view.server_time.timestamp_millis() as f64
}

#[cfg(feature = "hydrate")]
fn rank(view: &QueueView) -> Option<u64> {
    match view.standing {
        Standing::Waiting { rank, .. } => Some(rank),
        _ => None,
    }
}

/// Returns the points of a polyline: time to the right, the best rank at the top.
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
