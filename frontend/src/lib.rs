//! What runs in the browser: brings the islands of the page to life, nothing else.

// The islands are exported by the app itself; the page's script calls each by its name.
use app as _;

/// Called by the script that the page loads, before the islands.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
