//! Wrong passwords that were tried before the last log-in: a part of "my page".

use super::api::DismissWrongPasswords;
use crate::forms::{Refusals, SubmitButton, form_action, refusal_of};
use crate::i18n::use_words;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::sessions::WrongPasswords;

/// Shown until it is dismissed, or for a week.
#[component]
pub fn WrongPasswordsNote(wrong: WrongPasswords) -> impl IntoView {
    let words = use_words();
    let said = (words.my_page.wrong_passwords)(
        wrong.wrong.into(),
        wrong.addresses.into(),
        &(words.date_time)(wrong.at),
    );
    let refusal = refusal_of::<DismissWrongPasswords>();
    view! {
        <section class="warning" role="note" data-testid="wrong-passwords">
            <p>{said}</p>
            <p>{words.my_page.wrong_passwords_hint}</p>
            <Refusals refusal/>
            <form method="post" action=form_action(DismissWrongPasswords::PATH)>
                <SubmitButton words=words.my_page.wrong_passwords_read class="button"/>
            </form>
        </section>
    }
}
