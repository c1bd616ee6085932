//! Title and description of a page, and whether it may be found.

use crate::markup::{escaped, with_brand};
use crate::sharing::{Shared, SharedTags};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

/// What the slot of a title holds: the title that [`PageMeta`] is given in a page rendered whole, as it stands in the page.
pub fn title_text(title: &str) -> String {
    escaped(title.to_owned())
}

#[component]
pub fn PageMeta(
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// Without it the page asks not to be listed.
    #[prop(optional_no_strip, into)]
    shared: Option<Shared>,
) -> impl IntoView {
    let found = match shared {
        Some(shared) => view! { <SharedTags shared/> }.into_any(),
        None => view! { <Meta name="robots" content="noindex"/> }.into_any(),
    };
    // Escaped: leptos_meta 0.8 writes titles into the page as they are, and titles hold what organisers typed.
    view! {
        <Title text=escaped(with_brand(&title))/>
        <Meta name="description" content=description/>
        {found}
    }
    .into_any()
}
