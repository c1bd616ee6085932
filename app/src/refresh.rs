//! Pages that reload automatically.

use leptos::prelude::*;

/// Reloads the page every `seconds` where no JavaScript runs, unless the user has stopped it: not
/// every user reads and clicks as fast as the page reloads.
#[component]
pub fn RefreshWithoutScript(seconds: u32) -> impl IntoView {
    // As text: with JavaScript on, a browser does not parse the content of `<noscript>`, so
    // hydration must not look for elements in it.
    #[cfg(feature = "ssr")]
    let inside = without_script(seconds);
    #[cfg(not(feature = "ssr"))]
    let (inside, _) = ("", seconds);
    view! { <noscript inner_html=inside></noscript> }
}

/// Requests the page again, by its address: reloading the response to a form would make the browser
/// ask whether to send the form again.
#[cfg(feature = "hydrate")]
pub(crate) fn reload() {
    let _ = window().location().replace(&here());
}

/// Returns the page's address, without the arguments of a call.
#[cfg(feature = "hydrate")]
pub(crate) fn here() -> String {
    let location = window().location();
    let (path, query) = (location.pathname(), location.search());
    let query = query.unwrap_or_default();
    let query = crate::forms::without_call(query.trim_start_matches('?'));
    let question = if query.is_empty() { "" } else { "?" };
    format!("{}{question}{query}", path.unwrap_or_default())
}

/// Delay before the first reload after a panic, in milliseconds. [`LONGEST`] is the upper bound,
/// before jitter.
#[cfg(feature = "hydrate")]
const AFTER_A_PANIC: u64 = 5_000;
#[cfg(feature = "hydrate")]
const LONGEST: u64 = 60_000;
/// Session storage key with the number of reloads after a panic in this tab.
#[cfg(feature = "hydrate")]
const AGAIN_KEY: &str = "frontrow-again";

/// Schedules a reload of a page with a place or a sale whose islands could not start, because an
/// extension or the browser has changed the elements that they hydrate. Until then the page works
/// as without JavaScript. Pages without live parts are not reloaded, and neither is one in which
/// the user is typing.
#[cfg(feature = "hydrate")]
pub fn reload_soon() {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    let moves = document().query_selector(".queue, .join");
    if !matches!(moves, Ok(Some(_))) {
        return;
    }
    let storage = window().session_storage().ok().flatten();
    let before = storage
        .as_ref()
        .and_then(|storage| storage.get_item(AGAIN_KEY).ok().flatten())
        .and_then(|times| times.parse::<u32>().ok())
        .unwrap_or_default();
    if let Some(storage) = &storage {
        let _ = storage.set_item(AGAIN_KEY, &(before + 1).to_string());
    }
    let pause = (AFTER_A_PANIC << before.min(8)).min(LONGEST);
    let pause = pause + crate::queue::jitter(pause as u32);
    // Not through Leptos, which may be what panicked.
    let again = Closure::once_into_js(|| {
        let typing = document().query_selector("input:focus, textarea:focus");
        if !matches!(typing, Ok(Some(_))) {
            reload();
        }
    });
    let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(
        again.unchecked_ref(),
        i32::try_from(pause).unwrap_or(i32::MAX),
    );
}

/// Argument of a page's address that stops it from reloading.
#[cfg(feature = "ssr")]
pub const STILL: &str = "still";

/// Returns whether the user has stopped this page from reloading. Always false in the browser,
/// because only the server knows.
pub fn stands_still() -> bool {
    #[cfg(feature = "ssr")]
    return crate::request::asks_for(STILL);
    #[cfg(not(feature = "ssr"))]
    false
}

/// Returns the content of `<noscript>`. The `<meta>` is in the body, where every browser obeys it
/// too, because the head is rendered before the page knows whether it has to reload.
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

/// Seconds after which a page that could not be shown is requested again.
const AGAIN: u32 = 4;

/// Reloads the page soon, with and without JavaScript.
#[island]
pub fn Refresh() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    set_timeout(
        reload,
        // Spread out, so that clients that were refused together do not return together.
        std::time::Duration::from_millis(u64::from(AGAIN) * 1000 + crate::queue::jitter(4000)),
    );
    view! { <RefreshWithoutScript seconds=AGAIN/> }
}
