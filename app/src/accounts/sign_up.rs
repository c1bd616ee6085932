//! `/sign-up`.

use crate::forms::{FormContext, Refusals, SubmitButton, TextField, refusal_of};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::sessions::{use_next, use_session, with_next};
use leptos::form::ActionForm;
use leptos::prelude::*;
use model::Field;

#[component]
pub fn SignUpPage() -> impl IntoView {
    let words = use_words();
    let action = use_session().sign_up;
    let refusal = refusal_of(action);
    provide_context(FormContext::new(refusal));
    let next = use_next();
    let other = with_next("/log-in", &next);
    view! {
        <PageMeta title=words.sign_up.to_owned() description=words.sign_up_lead.to_owned()/>
        <section class="sheet sheet--narrow">
            <h1>{words.sign_up}</h1>
            <p class="lead">{words.sign_up_lead}</p>
            <Refusals refusal/>
            <ActionForm action attr:novalidate=true>
                <input type="hidden" name="next" value=next/>
                <TextField field=Field::AccountName autocomplete="username"/>
                <TextField field=Field::Password kind="password" autocomplete="new-password"/>
                <TextField field=Field::Name autocomplete="name"/>
                <TextField field=Field::Nickname autocomplete="nickname"/>
                <TextField field=Field::Email kind="email" autocomplete="email"/>
                <SubmitButton words=words.sign_up sending=words.sending pending=action.pending()/>
            </ActionForm>
            <p class="aside">{words.have_account}" "<a href=other>{words.log_in}</a></p>
        </section>
    }
}
