//! Browser entry point: hydrates the islands of the page and does nothing else. The `app` crate
//! exports the islands; the script of the page calls each by its name.

/// Called by the script of the page, before the islands.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        app::refresh::reload_soon();
    }));
    leptos::mount::hydrate_islands();
}
