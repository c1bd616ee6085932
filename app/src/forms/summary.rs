//! Everything that is wrong with a form, in one place, with a way to each field.

use super::field_name;
use super::fields::label_of;
use crate::error::ApiError;
use crate::i18n::use_words;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;
use leptos_router::hooks::use_query_map;
use model::{Field, Refusal};

/// Why the form that calls `S` was sent back, if the page's address says that it was.
pub fn refusal_of<S: ServerFn<Error = ApiError>>() -> Option<Refusal> {
    refusal_of_path(S::PATH)
}

/// The same for a form that is sent to this path.
pub fn refusal_of_path(path: &str) -> Option<Refusal> {
    use_query_map().with_untracked(|query| {
        if query.get_str("__path")? != path {
            return None;
        }
        let ApiError(refusal) = ServerFnUrlError::decode_err(query.get_str("__err")?);
        Some(refusal)
    })
}

/// Says what was refused and links to the fields it is about. Takes the focus, so that it is read out.
#[component]
pub fn Refusals(refusal: Option<Refusal>) -> impl IntoView {
    let words = use_words();
    refusal.map(|refusal| {
        let said = (words.refusal)(&refusal, words);
        let fields = problems_of(&refusal).into_iter().map(|(field, problem)| {
            let label = label_of(field);
            view! { <li><a href=format!("#{}", field_name(field))>{label}": "{problem}</a></li> }
        });
        view! {
            <div class="summary" role="alert" tabindex="-1" autofocus>
                <p>{said}</p>
                <ul>{fields.collect_view()}</ul>
            </div>
        }
        .into_any()
    })
}

fn problems_of(refusal: &Refusal) -> Vec<(Field, String)> {
    let words = use_words();
    match refusal {
        Refusal::Invalid { problems } => problems
            .iter()
            .map(|p| (p.field, (words.problem)(p.kind)))
            .collect(),
        _ => Vec::new(),
    }
}
