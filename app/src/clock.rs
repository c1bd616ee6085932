//! The server's clock, reproduced in the browser.
//!
//! Islands first render with the `server_time` of the page, so that server and browser print the
//! same. Only then does the clock start to run.

use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// Returns the server's time. It starts at `server_time`, when the page was rendered, and advances
/// in steps of at most a quarter of a second, with one step at each instant in `at`.
///
/// In the browser it is accurate to within the latency from the server. It does not use the
/// device's wall clock, which users set and which may be wrong. [`correct`] makes up for time
/// during which the device sleeps.
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
        // Delays too long for a browser timer are covered by the interval.
        if let Ok(until) = u32::try_from(until)
            && until < i32::MAX as u32
            && let Ok(once) = set_timeout_with_handle(step, Duration::from_millis(until.into()))
        {
            on_cleanup(move || once.clear());
        }
    }
}

/// Returns the time on the monotonic clock, in milliseconds.
#[cfg(feature = "hydrate")]
pub(crate) fn monotonic_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// The server's time as received after the page was loaded.
#[cfg(feature = "hydrate")]
#[derive(Clone, Copy)]
struct Truth {
    /// When it was received, as returned by [`monotonic_ms`].
    at: f64,
    server_ms: f64,
}

#[cfg(feature = "hydrate")]
thread_local! {
    static TRUTH: std::cell::Cell<Option<Truth>> = const { std::cell::Cell::new(None) };
}

/// Tolerated error of a clock, in milliseconds.
#[cfg(feature = "hydrate")]
const GOOD_ENOUGH: f64 = 500.0;

/// Corrects the clock that shows `now`, given the `server_time` in a response whose request was
/// sent `way_ms` ago. Does nothing if the difference is at most [`GOOD_ENOUGH`] or can be explained
/// by the round trip.
#[cfg(feature = "hydrate")]
pub(crate) fn correct(now: DateTime<Utc>, server_time: DateTime<Utc>, way_ms: f64) {
    let server_ms = server_time.timestamp_millis() as f64 + way_ms / 2.0;
    let wrong = (now.timestamp_millis() as f64 - server_ms).abs();
    if wrong > way_ms.max(GOOD_ENOUGH) {
        let at = monotonic_ms();
        TRUTH.set(Some(Truth { at, server_ms }));
    }
}

/// Returns by how many milliseconds the device's wall clock is ahead of the monotonic clock. This
/// changes when the wall clock is set, and after the device has slept, because the monotonic clock
/// of some browsers stops during sleep.
#[cfg(feature = "hydrate")]
pub(crate) fn device_ahead_ms() -> f64 {
    js_sys::Date::now() - monotonic_ms()
}

/// Returns the milliseconds since the HTML of this page was rendered: its age when it was sent, if
/// the server reports it, plus the time since the response began to arrive. Returns 0 if the time
/// is unknown or not below 60 seconds.
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
        // `Server-Timing: age;dur=…`, the only entry that the server sends.
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
