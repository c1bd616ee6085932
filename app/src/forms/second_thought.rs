//! Asking once more before what cannot be undone, with JavaScript and without.

use leptos::prelude::*;

/// The words on the outside; opened, what it means, and the form that does it.
#[component]
pub fn SecondThought<C: IntoView + 'static>(
    summary: &'static str,
    #[prop(into)] sure: String,
    /// Of the words on the outside: quiet ones, unless it is what people came for.
    #[prop(optional)]
    class: Option<&'static str>,
    /// Open already: its form was sent back.
    #[prop(optional)]
    open: bool,
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <details class="second-thought" open=open>
            <summary class=class>{summary}</summary>
            <p>{sure}</p>
            {children.into_inner()()}
        </details>
    }
}
