//! Title and description of a page.

use crate::markup::escaped;
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

/// Sets both. The title may change later, as the rank in it does.
#[component]
pub fn PageMeta(#[prop(into)] title: Signal<String>, description: String) -> impl IntoView {
    // Escaped: leptos_meta 0.8 writes titles into the page as they are, and titles hold what organisers typed.
    // The document's title outlives the page for a moment: leptos_meta may ask once more after the page is gone.
    let text = move || escaped(with_brand(title.try_get().unwrap_or_default()));
    view! {
        <Title text/>
        <Meta name="description" content=description/>
    }
}

fn with_brand(title: String) -> String {
    if title.is_empty() {
        "Frontrow".into()
    } else {
        format!("{title} · Frontrow")
    }
}
