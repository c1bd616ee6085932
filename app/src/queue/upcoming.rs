//! Checks, in the browser, that a page that waits for a sale to open still shows the right opening.
//!
//! An organiser may have moved the opening since the page was rendered. Users would press the
//! button at the wrong time, or too late.

use super::{asking, jitter};
use crate::clock;
use crate::island::json::{Json, Read};
use chrono::{DateTime, Utc};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::concerts::{Phase, SaleState, SaleStatus};
use std::cell::Cell;
use std::time::Duration;

/// Milliseconds before the opening at which the sale is read once more: the minimum, and the upper
/// bound on the jitter that is added, so that browsers do not all ask at once.
const AT_LEAST: i64 = 20_000;
const AND_UP_TO: u32 = 100_000;
/// Milliseconds between two reads, since an opening can also be brought forward: the minimum, and
/// the upper bound on the jitter that is added.
const EVERY: u64 = 180_000;
const OR_LATER: u32 = 120_000;
/// Milliseconds by which two clocks of the device diverge if it slept, or if one of them was set.
const SLEPT: f64 = 1_000.0;

/// The part of a sale that may have changed.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Plan {
    opens_at: DateTime<Utc>,
    starts_at: DateTime<Utc>,
    state: SaleState,
}

impl Read for Plan {
    fn read(json: &Json) -> Option<Plan> {
        Some(Plan {
            opens_at: json.get("sale_opens_at")?,
            starts_at: json.get("starts_at")?,
            state: json.get("state")?,
        })
    }
}

pub(super) struct Answer {
    pub(super) plan: Plan,
    pub(super) server_time: DateTime<Utc>,
}

impl Read for Answer {
    fn read(json: &Json) -> Option<Answer> {
        Some(Answer {
            plan: json.get("concert")?,
            server_time: json.get("server_time")?,
        })
    }
}

/// Reloads the page if its sale has changed, and corrects its clock if it is wrong. Reads the sale
/// every few minutes, shortly before the opening, after the device slept, and when the user returns
/// to the page. Once the sale has opened, the page is not reloaded any more.
pub(super) fn keep_true(sale: &SaleStatus, now: Signal<DateTime<Utc>>, phase: Memo<Phase>) {
    let server_time = now.get_untracked();
    let id = sale.concert_id;
    let known = Plan {
        opens_at: sale.sale_opens_at,
        starts_at: sale.starts_at,
        state: sale.state,
    };
    // `None` means that the place was taken and this box is disposed.
    let waits = move || phase.try_get_untracked() == Some(Phase::Upcoming);
    let look = move || {
        if document().hidden() || !waits() {
            return;
        }
        spawn_local(async move {
            let asked = clock::monotonic_ms();
            // Without an answer, nothing is known to have changed.
            let Some(answer) = asking::plan(id).await else {
                return;
            };
            if let Some(now) = now.try_get_untracked() {
                let way = clock::monotonic_ms() - asked;
                clock::correct(now, answer.server_time, way);
            }
            if answer.plan != known && waits() {
                // After this delay, the shared page has been rendered again.
                set_timeout(crate::refresh::reload, Duration::from_secs(1));
            }
        });
    };
    let before = AT_LEAST + jitter(AND_UP_TO) as i64;
    let until = (known.opens_at - server_time).num_milliseconds() - before;
    // Longer delays exceed a browser's timer. A user who still has the page by then has returned to
    // it, which reads the sale.
    if (1..i64::from(i32::MAX)).contains(&until) {
        set_timeout(look, Duration::from_millis(until as u64));
    }
    let every = EVERY + jitter(OR_LATER);
    set_interval(look, Duration::from_millis(every));
    window_event_listener(ev::visibilitychange, move |_| look());
    let ahead = Cell::new(clock::device_ahead_ms());
    let has_slept = move || {
        let now = clock::device_ahead_ms();
        if (now - ahead.replace(now)).abs() > SLEPT {
            look();
        }
    };
    set_interval(has_slept, Duration::from_secs(1));
}
