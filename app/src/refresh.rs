//! Pages that come again by themselves.

use leptos::prelude::*;

/// Reloads the page where no JavaScript runs, unless its reader has asked it to stand still: not everybody reads and presses
/// as quickly as it would come again.
#[component]
pub fn RefreshWithoutScript(seconds: u32) -> impl IntoView {
    // As text: with JavaScript on, a browser does not parse what is inside, and hydration must not look for it.
    #[cfg(feature = "ssr")]
    let inside = without_script(seconds);
    #[cfg(not(feature = "ssr"))]
    let (inside, _) = ("", seconds);
    view! { <noscript inner_html=inside></noscript> }
}

/// Milliseconds.
#[cfg(feature = "hydrate")]
const AFTER_A_PANIC: i32 = 5_000;

/// Reloads the page in a moment: for one whose islands could not wake, because an extension or the browser itself has changed
/// what they were to wake in. As often as that happens, it is as good as a page without JavaScript.
#[cfg(feature = "hydrate")]
pub fn reload_soon() {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    // Not by way of Leptos: what broke down may be its own.
    let reload = Closure::once_into_js(|| {
        let _ = window().location().reload();
    });
    let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(
        reload.unchecked_ref(),
        AFTER_A_PANIC,
    );
}

/// What an address says of a page that stands still.
#[cfg(feature = "ssr")]
pub const STILL: &str = "still";

/// Whether the reader has asked this page to stand still; the server alone knows.
pub fn stands_still() -> bool {
    #[cfg(feature = "ssr")]
    return crate::request::asks_for(STILL);
    #[cfg(not(feature = "ssr"))]
    false
}

/// The order to come again stands in the body, where every browser follows it, too, because the head is rendered before the
/// page knows whether it wants this.
#[cfg(feature = "ssr")]
fn without_script(seconds: u32) -> String {
    let words = crate::i18n::use_words();
    let (order, to, way) = match stands_still() {
        true => (String::new(), "?".to_owned(), words.go_on),
        false => (
            format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"),
            format!("?{STILL}=1"),
            words.stand_still,
        ),
    };
    format!("{order}<p class=\"refresh\"><a href=\"{to}\">{way}</a></p>")
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
