//! What an island is rendered from, on its way to the browser.
//!
//! Leptos would send it as properties and read them with serde, which is a third of all that a browser would fetch. So the
//! server puts it beside the island as JSON, and the browser reads it with its own parser.

#[cfg(feature = "hydrate")]
pub mod json;

use leptos::prelude::*;

/// The island of this name, rendered from `data`, and the data beside it. One of a name on a page.
#[cfg(feature = "ssr")]
pub fn with_data<T, V>(name: &'static str, data: T, island: impl FnOnce() -> V) -> impl IntoView
where
    T: serde::Serialize + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let json = serde_json::to_string(&data).unwrap_or_else(|error| {
        tracing::error!(%error, name, "an island's data could not be written");
        String::new()
    });
    provide_context(data);
    view! {
        <span hidden data-island=name data-from=json></span>
        {island().into_any()}
    }
}

/// What the island is rendered from: in its first line.
#[cfg(feature = "ssr")]
pub fn data<T: Clone + 'static>(_name: &str) -> T {
    expect_context()
}

/// What the server rendered the island from.
#[cfg(feature = "hydrate")]
pub fn data<T: json::Read>(name: &str) -> T {
    let element = document().query_selector(&format!("[data-island={name}]"));
    let text = element
        .ok()
        .flatten()
        .and_then(|element| element.get_attribute("data-from"));
    text.and_then(|text| json::parse(&text))
        .expect("the page holds what its islands were rendered from")
}
