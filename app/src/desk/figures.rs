//! The four figures of the dashboard.

use crate::i18n::{thousands, use_words};
use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;
use model::desk::{DeskView, Outlook};

/// Shown in place of an unknown figure.
const NONE: &str = "–";

#[component]
pub(super) fn Figures(view: DeskView) -> impl IntoView {
    let words = &use_words().desk;
    let waiting = match view.waiting {
        Some(number) => (thousands(number), String::new()),
        None => (NONE.to_owned(), words.one_moment.to_owned()),
    };
    let left = (
        thousands(view.left().into()),
        (words.out_of)(view.capacity.into()),
    );
    let issued = (thousands(view.issued.into()), String::new());
    view! {
        <dl class="desk-figures">
            {figure("waiting", words.waiting, waiting)}
            {figure("left", words.left, left)}
            {figure("issued", words.issued, issued)}
            {figure("end", words.end, end(&view))}
        </dl>
    }
}

fn figure(
    name: &'static str,
    label: &'static str,
    (figure, note): (String, String),
) -> impl IntoView + use<> {
    view! {
        <div data-testid=format!("desk-{name}")>
            <dt>{label}</dt>
            <dd class="figures">{figure}</dd>
            <dd class="desk-note">{note}</dd>
        </div>
    }
}

/// Returns when the last ticket is expected to be issued, and a note about it.
fn end(view: &DeskView) -> (String, String) {
    let words = use_words();
    let none = |note: String| (NONE.to_owned(), note);
    match view.outlook {
        Some(Outlook::SellsOut { at }) => {
            let note = match same_day(at, view.server_time) {
                true => words.desk.sells_out.to_owned(),
                false => (words.date_time)(at),
            };
            (clock(at, view.server_time), note)
        }
        Some(Outlook::Enough { by, left }) => {
            let by = clock(by, view.server_time);
            none((words.desk.enough)(&by, left.into()))
        }
        Some(Outlook::TooSlow { left }) => none((words.desk.too_slow)(left.into())),
        None => none((words.desk.no_outlook)(view.phase).to_owned()),
    }
}

fn same_day(a: DateTime<Utc>, b: DateTime<Utc>) -> bool {
    model::time::day(a) == model::time::day(b)
}

/// Formats an instant in Korean time: with seconds if it is less than an hour away, else in hours
/// and minutes if it is today, else as a date.
fn clock(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = match (same_day(at, now), at - now < TimeDelta::hours(1)) {
        (_, true) => "%H:%M:%S",
        (true, false) => "%H:%M",
        (false, false) => "%m-%d",
    };
    at.with_timezone(&model::time::kst())
        .format(format)
        .to_string()
}
