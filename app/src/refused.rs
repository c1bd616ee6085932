//! The page shown in place of one that cannot be shown.

use crate::forms::{Unsent, unsent};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::use_queue_words;
use crate::refresh::Refresh;
use crate::sessions::log_in_path;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::Refusal;

/// Shows the reason, with the matching status when rendered on the server. Redirects users who have
/// to log in first to the log-in page, which leads back here.
#[component]
pub fn Refused(refusal: Refusal) -> impl IntoView {
    let words = use_words();
    let location = use_location();
    let here = move || {
        let (path, query) = (
            location.pathname.get_untracked(),
            location.search.get_untracked(),
        );
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    };
    crate::request::Response::refuse(&refusal);
    if refusal == Refusal::NotLoggedIn {
        let path = log_in_path(&here());
        return view! { <Elsewhere path/> }.into_any();
    }
    let (title, hint) = match refusal {
        Refusal::NotFound => (words.not_found_title, words.not_found_hint.to_owned()),
        Refusal::Forbidden => (words.forbidden_title, words.forbidden_hint.to_owned()),
        Refusal::Malformed => (words.malformed_title, words.malformed_hint.to_owned()),
        Refusal::OtherAccount => (words.forms.other_account, (words.refusal)(&refusal, words)),
        Refusal::TooLarge => (words.malformed_title, (words.refusal)(&refusal, words)),
        Refusal::Unavailable => (words.unavailable_title, words.unavailable_hint.to_owned()),
        Refusal::TooManyRequests { .. } => {
            (words.unavailable_title, (words.refusal)(&refusal, words))
        }
        _ => (words.internal_title, words.internal_hint.to_owned()),
    };
    let again = refusal == Refusal::Unavailable;
    let unsent = unsent().map(|form| view! { <Unsent form/> });
    view! {
        <PageMeta title=title.to_owned() description=hint.clone()/>
        <section class="notice" data-testid="refused">
            <p class="notice-figure figures" aria-hidden="true">{refusal.status()}</p>
            <h1>{title}</h1>
            <p>{hint}</p>
            <p class="notice-ways">
                {again.then(|| view! {
                    <a class="button button--main" href=here()>{words.try_again}</a>
                })}
                <a class="button" href="/">{use_queue_words().other_concerts}</a>
            </p>
            {again.then(|| view! { <Refresh/> })}
        </section>
        {unsent}
    }
    .into_any()
}

/// Redirects to another page.
#[component]
pub fn Elsewhere(path: String) -> impl IntoView {
    crate::request::Response::redirect(&path);
    view! { <p class="notice"><a href=path>{use_words().log_in_first}</a></p> }
}
