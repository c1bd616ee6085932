//! The status of a sale, in a few words and figures.

use crate::i18n::clock_digits;
use crate::queue::use_queue_words;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::concerts::Phase;

/// The phase as a badge. Only a running sale has the accent colour.
#[component]
pub fn PhaseBadge(#[prop(into)] phase: Signal<Phase>) -> impl IntoView {
    let words = use_queue_words();
    let class = move || match phase.get() {
        Phase::Selling => "badge badge--now",
        Phase::Upcoming => "badge",
        Phase::Paused => "badge badge--held",
        Phase::SoldOut | Phase::Over => "badge badge--past",
    };
    view! { <span class=class>{move || (words.phase_name)(phase.get())}</span> }
}

/// The time left until an instant, as the largest element on the page.
#[component]
pub fn Countdown(now: Signal<DateTime<Utc>>, until: DateTime<Utc>) -> impl IntoView {
    let words = use_queue_words();
    // Rounded up, so that it shows 00:00 only once the instant has passed.
    let left = Memo::new(move |_| ((until - now.get()).num_milliseconds().max(0) + 999) / 1000);
    let days = Memo::new(move |_| left.get() / 86_400);
    view! {
        <p class="countdown" role="timer" data-testid="countdown">
            <span class="countdown-days" hidden=move || days.get() == 0>{move || (words.days)(days.get())}</span>
            <span class="figures figures--hero">{move || clock_digits(left.get())}</span>
        </p>
    }
}
