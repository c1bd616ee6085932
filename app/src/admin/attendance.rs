//! Attendance: two columns per day, and the number of accounts online.

use crate::i18n::{thousands, use_words};
use leptos::prelude::*;
use model::admin::{Attendance, Day};

const HEIGHT: f64 = 120.0;
const DAY: f64 = 64.0;
const COLUMN: f64 = 25.0;
/// Height above the columns, for their numbers. [`BELOW`] is the height below them, for the days.
const ABOVE: f64 = 22.0;
const BELOW: f64 = 24.0;

/// The plot duplicates the table below it, which screen readers read instead.
#[component]
pub(super) fn AttendancePlot(attendance: Attendance) -> impl IntoView {
    let words = &use_words().admin;
    let most = attendance
        .days
        .iter()
        .map(|day| day.signed_up.max(day.active))
        .max()
        .unwrap_or(0)
        .max(1);
    let width = DAY * attendance.days.len() as f64;
    let columns = attendance
        .days
        .iter()
        .enumerate()
        .map(|(index, day)| columns(index, day, most))
        .collect_view();
    let rows = attendance
        .days
        .iter()
        .map(|day| {
            view! {
                <tr>
                    <th scope="row">{day.day.to_string()}</th>
                    <td>{thousands(day.signed_up)}</td>
                    <td>{thousands(day.active)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <section class="sheet sheet--wide attendance" aria-labelledby="attendance-title" data-testid="attendance">
            <div class="attendance-head">
                <h2 id="attendance-title">{words.last_days}</h2>
                <p class="online">
                    <strong class="figures" data-testid="online">{(words.online)(attendance.online)}</strong>
                    " " {words.online_label}
                </p>
            </div>
            <p class="legend" aria-hidden="true">
                <span class="legend-key legend-key--signed-up"></span> {words.signed_up}
                <span class="legend-key legend-key--active"></span> {words.active}
            </p>
            <svg class="plot" viewBox=format!("0 0 {width} {}", ABOVE + HEIGHT + BELOW) aria-hidden="true">
                {columns}
            </svg>
            // The wrapper is hidden, not the table: a table is never narrower than its text.
            <div class="unseen">
                <table>
                    <caption>{words.last_days}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{words.day}</th>
                            <th scope="col">{words.signed_up}</th>
                            <th scope="col">{words.active}</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}

fn columns(index: usize, day: &Day, most: u64) -> impl IntoView + use<> {
    let left = DAY * index as f64 + (DAY - 2.0 * COLUMN - 4.0) / 2.0;
    let column = |x: f64, number: u64, class: &'static str| {
        let height = HEIGHT * number as f64 / most as f64;
        let top = ABOVE + HEIGHT - height;
        view! {
            <rect class=class x=x.to_string() y=top.to_string() width=COLUMN.to_string() height=height.to_string() rx="3"/>
            <text x=(x + COLUMN / 2.0).to_string() y=(top - 6.0).to_string() text-anchor="middle">{(number > 0).then(|| thousands(number))}</text>
        }
    };
    let label = day.day.format("%m-%d").to_string();
    view! {
        {column(left, day.signed_up, "plot-signed-up")}
        {column(left + COLUMN + 4.0, day.active, "plot-active")}
        <text
            class="plot-day"
            x=(DAY * (index as f64 + 0.5)).to_string()
            y=(ABOVE + HEIGHT + 18.0).to_string()
            text-anchor="middle"
        >
            {label}
        </text>
    }
}
