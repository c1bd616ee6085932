//! Confirmation before an action that cannot be undone, with and without JavaScript.

use leptos::prelude::*;

/// A disclosure labelled `summary`; opened, it shows the consequences and the form that acts.
#[component]
pub fn SecondThought<C: IntoView + 'static>(
    summary: &'static str,
    #[prop(into)] sure: String,
    /// Class of the summary. Inconspicuous by default; set it where the action is the purpose of
    /// the page.
    #[prop(optional)]
    class: Option<&'static str>,
    /// Whether it is open from the start, because its form was refused.
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
