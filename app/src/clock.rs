//! The server's clock, followed in the browser.
//!
//! Islands render from the `server_time` that came with the page, so that server and browser print the same; only
//! afterwards does the clock run.

use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The server's time: `server_time`, that of the page's rendering, at first, then running on, in steps of at most a quarter
/// of a second, and one at each instant of `at`.
///
/// In the browser it is as exact as the way from the server is short.
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
    let since = js_sys::Date::now() - page_age();
    let passed = move || (js_sys::Date::now() - since).max(0.0) as i64;
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
        let now = read(&performance, "now")?
            .dyn_into::<js_sys::Function>()
            .ok()?;
        Some(now.call0(&performance).ok()?.as_f64()? - began + sent_at)
    };
    age()
        .filter(|age| (0.0..60_000.0).contains(age))
        .unwrap_or(0.0)
}
