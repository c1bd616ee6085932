//! What runs in the browser: brings the islands of the page to life, nothing else. They are exported by the app itself; the
//! page's script calls each by its name.

/// Called by the script that the page loads, before the islands.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        app::refresh::reload_soon();
    }));
    leptos::mount::hydrate_islands();
}
