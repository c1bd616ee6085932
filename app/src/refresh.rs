//! Pages that come again by themselves.

use leptos::prelude::*;

/// Reloads the page where no JavaScript runs. It stands in the body, where every browser follows it, too, because the head
/// is rendered before the page knows whether it wants this.
#[component]
pub fn RefreshWithoutScript(seconds: u32) -> impl IntoView {
    // As text: with JavaScript on, a browser does not parse what is inside, and hydration must not look for it.
    view! { <noscript inner_html=format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")></noscript> }
}

/// Seconds after which a page that could not be shown is tried again.
const AGAIN: u32 = 4;

/// Reloads the page soon, with JavaScript and without.
#[island]
pub fn Refresh() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    set_timeout(
        || drop(window().location().reload()),
        // Spread out: whoever was refused together must not come back together.
        std::time::Duration::from_millis(u64::from(AGAIN) * 1000 + crate::queue::jitter(4000)),
    );
    view! { <RefreshWithoutScript seconds=AGAIN/> }
}
