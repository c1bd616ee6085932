//! Data that an island is rendered from, and how it gets to the browser.
//!
//! Leptos would send it as properties and read them with serde, which would be a third of
//! everything that a browser downloads. So the server puts it beside the island as JSON, and the
//! browser reads it with its own parser.

#[cfg(feature = "hydrate")]
pub mod json;

use leptos::prelude::*;

/// Returns the island `name`, rendered from `data`, with the data beside it. Names are unique on a
/// page.
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

/// Returns the data that the island is rendered from. Called in the first line of the island.
#[cfg(feature = "ssr")]
pub fn data<T: Clone + 'static>(_name: &str) -> T {
    expect_context()
}

/// Returns the data that the server rendered the island from. Panics if the page does not have it.
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
