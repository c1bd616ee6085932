//! Title and description of a page.

use crate::markup::{escaped, with_brand};
use leptos::prelude::*;
use leptos_meta::{Meta, Title};

#[component]
pub fn PageMeta(#[prop(into)] title: String, #[prop(into)] description: String) -> impl IntoView {
    // Escaped: leptos_meta 0.8 writes titles into the page as they are, and titles hold what organisers typed.
    view! {
        <Title text=escaped(with_brand(&title))/>
        <Meta name="description" content=description/>
    }
}
