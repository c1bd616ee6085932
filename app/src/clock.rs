//! The server's clock, followed in the browser.
//!
//! Pages render from the `server_time` that came with their data, so that server and browser print the same; only
//! afterwards does the clock run.

use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// Whether the page on screen is still the one that came as HTML, whose data is as old as the page.
#[derive(Clone, Copy)]
pub struct Fresh(
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser's page grows old")
    )]
    StoredValue<bool>,
);

impl Fresh {
    pub fn provide() {
        let fresh = Fresh(StoredValue::new(true));
        provide_context(fresh);
        #[cfg(feature = "hydrate")]
        Effect::new(move |_| {
            // After the effects of the page itself, which want to know.
            set_timeout(move || fresh.0.set_value(false), std::time::Duration::ZERO);
        });
    }
}

/// The server's time: `server_time` at first, then running on, in steps of at most a quarter of a second.
///
/// In the browser it is as exact as the way from the server is short. It must be called where `server_time` has just
/// arrived.
pub fn use_server_clock(server_time: DateTime<Utc>) -> Signal<DateTime<Utc>> {
    let now = RwSignal::new(server_time);
    #[cfg(feature = "hydrate")]
    {
        let fresh = use_context::<Fresh>();
        Effect::new(move |_| {
            let from_html = fresh.is_some_and(|fresh| fresh.0.get_value());
            let since = js_sys::Date::now() - if from_html { page_age() } else { 0.0 };
            let ticking = set_interval_with_handle(
                move || {
                    let passed = (js_sys::Date::now() - since).max(0.0) as i64;
                    now.set(server_time + chrono::TimeDelta::milliseconds(passed));
                },
                std::time::Duration::from_millis(200),
            );
            on_cleanup(move || {
                if let Ok(ticking) = ticking {
                    ticking.clear();
                }
            });
        });
    }
    now.into()
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
