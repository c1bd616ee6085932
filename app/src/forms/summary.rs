//! Everything that is wrong with a form, in one place, with a way to each field.

use super::field_name;
use crate::error::ApiError;
use crate::i18n::use_words;
use leptos::html::Div;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::{Field, Refusal};

/// The refusal that an action ended with, from the browser or, without JavaScript, from the address.
pub fn refusal_of<S>(action: ServerAction<S>) -> Signal<Option<Refusal>>
where
    S: ServerFn<Error = ApiError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let value = action.value();
    Signal::derive(move || {
        value.with(|v| {
            v.as_ref()
                .and_then(|r| r.as_ref().err().map(|error| error.0.clone()))
        })
    })
}

/// Says what was refused and links to the fields it is about. Takes the focus, so that it is read out.
#[component]
pub fn Refusals(refusal: Signal<Option<Refusal>>) -> impl IntoView {
    let words = use_words();
    let summary = NodeRef::<Div>::new();
    Effect::new(move |before: Option<()>| {
        // Not on the first run: the page that came with the refusal already reads it out.
        if refusal.with(Option::is_some)
            && before.is_some()
            && let Some(summary) = summary.get_untracked()
        {
            let _ = summary.focus();
        }
    });
    let fields = move || {
        refusal.with(|r| r.as_ref().map(fields_of).unwrap_or_default()).into_iter().map(|(field, problem)| {
            let label = (words.field_label)(field);
            view! { <li><a href=format!("#{}", field_name(field)) rel="external">{label}": "{problem}</a></li> }
        }).collect_view()
    };
    let fields_of_words = move || refusal.with(|r| r.as_ref().map(|r| (words.refusal)(r, words)));
    view! {
        <div
            class="summary"
            role="alert"
            tabindex="-1"
            node_ref=summary
            hidden=move || refusal.with(Option::is_none)
        >
            <p>{fields_of_words}</p>
            <ul>{fields}</ul>
        </div>
    }
}

fn fields_of(refusal: &Refusal) -> Vec<(Field, String)> {
    let words = use_words();
    match refusal {
        Refusal::Invalid { problems } => problems
            .iter()
            .map(|p| (p.field, (words.problem)(p.kind)))
            .collect(),
        _ => Vec::new(),
    }
}
