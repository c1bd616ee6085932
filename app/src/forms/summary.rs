//! All problems of a form in one place, with a link to each field.

use super::field_name;
use super::fields::label_of;
use crate::i18n::use_words;
use leptos::prelude::*;
use model::{Field, ProblemKind, Refusal};

/// Says why the form was refused and links to the fields concerned. Takes the focus, so that screen
/// readers read it.
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
        Refusal::ChangedMeanwhile { fields } => fields
            .iter()
            .map(|field| (*field, (words.problem)(ProblemKind::ChangedMeanwhile)))
            .collect(),
        _ => Vec::new(),
    }
}
