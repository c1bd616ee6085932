//! A form whose sender was logged out in the meantime, kept in the page to be sent again.

use super::{AS, CALL, FormEcho, RefusedForm};
use crate::i18n::use_words;
use leptos::prelude::*;
use model::Refusal;

/// Returns the refused form if its sender was no longer logged in, or was logged in as another
/// account, and typed something that would be lost. Returns `None` otherwise.
pub fn unsent() -> Option<RefusedForm> {
    let refused = RefusedForm::of_request()?;
    let not_theirs = matches!(
        refused.refusal,
        Refusal::NotLoggedIn | Refusal::OtherAccount
    );
    (not_theirs && FormEcho::of_request().has_text()).then_some(refused)
}

/// Says that nothing was saved, and has a form that sends everything typed again, except passwords.
/// Replaces the log-in form, which would lose the input when submitted.
#[component]
pub fn Unsent(form: RefusedForm) -> impl IntoView {
    let echo = FormEcho::of_request();
    let words = &use_words().forms;
    let page = use_context::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<UnsentFrom>().cloned());
    let UnsentFrom { page, owner } = page.unwrap_or_default();
    let owner = owner
        .map(|owner| format!("&{AS}={owner}"))
        .unwrap_or_default();
    let joint = if page.contains('?') { '&' } else { '?' };
    let action = format!("{page}{joint}{CALL}={}{owner}", form.path);
    let mut fields: Vec<_> = echo.0.into_iter().collect();
    fields.sort();
    let fields = fields
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view();
    view! {
        <section class="sheet sheet--narrow" data-testid="unsent">
            <h1>{words.unsent}</h1>
            <p>{words.unsent_hint}</p>
            <form method="post" action=action>
                {fields}
                <div class="form-ways">
                    <a class="button" href="/log-in" target="_blank">{words.log_in_elsewhere}</a>
                    <button type="submit" class="button button--main">{words.send_again}</button>
                </div>
            </form>
        </section>
    }
}

/// Page on which the form was typed, and the account that the page was rendered for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsentFrom {
    pub page: String,
    pub owner: Option<String>,
}
