//! Title and description of a page, and whether search engines may list it.

use crate::markup::{escaped, with_brand};
use crate::sharing::{Shared, SharedTags};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

/// Returns the value of a title slot: the title that [`PageMeta`] gets in a page rendered whole,
/// escaped as it is there.
pub fn title_text(title: &str) -> String {
    escaped(title.to_owned())
}

#[component]
pub fn PageMeta(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// `None` asks search engines not to list the page.
    #[prop(optional_no_strip, into)]
    shared: Option<Shared>,
) -> impl IntoView {
    let found = match shared {
        Some(shared) => view! { <SharedTags shared/> }.into_any(),
        None => view! { <Meta name="robots" content="noindex"/> }.into_any(),
    };
    // Escaped, because leptos_meta 0.8 writes titles into the page unescaped, and they include what
    // organisers typed.
    view! {
        <Title text=escaped(with_brand(&title))/>
        <Meta name="description" content=description/>
        {found}
    }
    .into_any()
}
