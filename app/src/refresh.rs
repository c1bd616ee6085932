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

/// Asks for the page anew. Not as browsers reload one that is the answer to a form: they would ask whether to send it again.
#[cfg(feature = "hydrate")]
pub(crate) fn reload() {
    let _ = window().location().replace(&here());
}

/// The page's address, without what was called from it last.
#[cfg(feature = "hydrate")]
pub(crate) fn here() -> String {
    let location = window().location();
    let (path, query) = (location.pathname(), location.search());
    let query = query.unwrap_or_default();
    let query = crate::forms::without_call(query.trim_start_matches('?'));
    let question = if query.is_empty() { "" } else { "?" };
    format!("{}{question}{query}", path.unwrap_or_default())
}

/// Milliseconds: at first, and at most.
#[cfg(feature = "hydrate")]
const AFTER_A_PANIC: u64 = 5_000;
#[cfg(feature = "hydrate")]
const LONGEST: u64 = 60_000;
/// How often the pages of this tab have come again so, in a row.
#[cfg(feature = "hydrate")]
const AGAIN_KEY: &str = "frontrow-again";

/// Asks for a page with a place or a sale anew in a while: one whose islands could not wake, because an extension or the browser
/// itself has changed what they were to wake in. It is then as good as a page without JavaScript. Pages that do not move stay,
/// and so does one on which something is being typed.
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
    // Not by way of Leptos: what broke down may be its own.
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
        reload,
        // Spread out: whoever was refused together must not come back together.
        std::time::Duration::from_millis(u64::from(AGAIN) * 1000 + crate::queue::jitter(4000)),
    );
    view! { <RefreshWithoutScript seconds=AGAIN/> }
}
