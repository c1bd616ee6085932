//! `/sign-up`.

use super::api::SignUp;
use crate::forms::{
    FormContext, Refusals, SubmitButton, TextField, anyones_form_action, refusal_of,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::sessions::{use_next, with_next};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Field;

#[component]
pub fn SignUpPage() -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<SignUp>();
    provide_context(FormContext::new(refusal.clone()));
    let next = use_next();
    let other = with_next("/log-in", &next);
    view! {
        <PageMeta title=words.sign_up.to_owned() description=words.sign_up_lead.to_owned()/>
        <section class="sheet sheet--narrow">
            <h1>{words.sign_up}</h1>
            <p class="lead">{words.sign_up_lead}</p>
            <Refusals refusal/>
            <form method="post" action=anyones_form_action(SignUp::PATH) novalidate>
                <input type="hidden" name="next" value=next/>
                <TextField field=Field::AccountName autocomplete="username"/>
                <TextField field=Field::Password kind="password" autocomplete="new-password"/>
                <TextField field=Field::Name autocomplete="name"/>
                <TextField field=Field::Nickname autocomplete="nickname"/>
                <TextField field=Field::Email kind="email" autocomplete="email"/>
                <SubmitButton words=words.sign_up/>
            </form>
            <p class="aside">{words.have_account}" "<a href=other>{words.log_in}</a></p>
        </section>
    }
}
