//! The server's clock, followed in the browser.
//!
//! Islands render from the `server_time` that came with the page, so that server and browser print the same; only
//! afterwards does the clock run.

use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The server's time: `server_time`, that of the page's rendering, at first, then running on, in steps of at most a quarter
/// of a second, and one at each instant of `at`.
///
/// In the browser it is as exact as the way from the server is short, and goes by no clock of the device: those are set, and
/// may be wrong. What a device sleeps through is made up for by [`correct`].
pub fn use_server_clock(server_time: DateTime<Utc>, at: &[DateTime<Utc>]) -> Signal<DateTime<Utc>> {
    let now = RwSignal::new(server_time);
    #[cfg(feature = "hydrate")]
    {
        let instants = at.to_vec();
        Effect::new(move |_| run(now, server_time, &instants));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = at;
    now.into()
}

#[cfg(feature = "hydrate")]
fn run(now: RwSignal<DateTime<Utc>>, server_time: DateTime<Utc>, instants: &[DateTime<Utc>]) {
    use std::time::Duration;
    let since = monotonic_ms() - page_age();
    let passed = move || {
        let passed = match TRUTH.get() {
            Some(truth) if truth.at > since => {
                truth.server_ms - server_time.timestamp_millis() as f64 + monotonic_ms() - truth.at
            }
            _ => monotonic_ms() - since,
        };
        passed.max(0.0) as i64
    };
    let step = move || now.set(server_time + chrono::TimeDelta::milliseconds(passed()));
    if let Ok(ticking) = set_interval_with_handle(step, Duration::from_millis(200)) {
        on_cleanup(move || ticking.clear());
    }
    for instant in instants {
        let until = (*instant - server_time).num_milliseconds() - passed();
        // Longer ones than a browser can wait for come with the interval.
        if let Ok(until) = u32::try_from(until)
            && until < i32::MAX as u32
            && let Ok(once) = set_timeout_with_handle(step, Duration::from_millis(until.into()))
        {
            on_cleanup(move || once.clear());
        }
    }
}

/// Milliseconds on the monotonic clock.
#[cfg(feature = "hydrate")]
pub(crate) fn monotonic_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// The server's time as it was told after the page came.
#[cfg(feature = "hydrate")]
#[derive(Clone, Copy)]
struct Truth {
    /// When it was heard, by [`monotonic_ms`].
    at: f64,
    server_ms: f64,
}

#[cfg(feature = "hydrate")]
thread_local! {
    static TRUTH: std::cell::Cell<Option<Truth>> = const { std::cell::Cell::new(None) };
}

/// Milliseconds by which a clock may be wrong.
#[cfg(feature = "hydrate")]
const GOOD_ENOUGH: f64 = 500.0;

/// Sets a clock right that shows `now` when the server has just said what time it is, asked `way_ms` ago: if it is wrong by more
/// than the way there and back can explain.
#[cfg(feature = "hydrate")]
pub(crate) fn correct(now: DateTime<Utc>, server_time: DateTime<Utc>, way_ms: f64) {
    let server_ms = server_time.timestamp_millis() as f64 + way_ms / 2.0;
    let wrong = (now.timestamp_millis() as f64 - server_ms).abs();
    if wrong > way_ms.max(GOOD_ENOUGH) {
        let at = monotonic_ms();
        TRUTH.set(Some(Truth { at, server_ms }));
    }
}

/// By how many milliseconds the device's clock is ahead of the monotonic one. It changes when that clock is set, and when
/// the device has slept, in which some browsers' other clock stands still.
#[cfg(feature = "hydrate")]
pub(crate) fn device_ahead_ms() -> f64 {
    js_sys::Date::now() - monotonic_ms()
}

/// Milliseconds since the HTML of this page was rendered: how old it was when it was sent, if the server says so, and the
/// time since it began to arrive.
#[cfg(feature = "hydrate")]
fn page_age() -> f64 {
    use wasm_bindgen::{JsCast, JsValue};
    let read = |object: &JsValue, name: &str| js_sys::Reflect::get(object, &name.into()).ok();
    let age = || {
        let performance = read(&window(), "performance")?;
        let entries = read(&performance, "getEntriesByType")?
            .dyn_into::<js_sys::Function>()
            .ok()?;
        let entries = entries.call1(&performance, &"navigation".into()).ok()?;
        let entry = read(&entries, "0")?;
        let began = read(&entry, "responseStart")?.as_f64()?;
        // `Server-Timing: age;dur=…`, the only one that we send.
        let sent_at = read(&entry, "serverTiming")
            .and_then(|timings| read(&timings, "0"))
            .and_then(|timing| read(&timing, "duration")?.as_f64())
            .unwrap_or_default();
        Some(monotonic_ms() - began + sent_at)
    };
    age()
        .filter(|age| (0.0..60_000.0).contains(age))
        .unwrap_or(0.0)
}
