//! `/log-in`.

use super::api::last_session;
use super::{LogIn, use_next, with_next};
use crate::accounts::{Done, DoneNote};
use crate::forms::{
    FormContext, Refusals, SubmitButton, TextField, Unsent, anyones_form_action, refusal_of, unsent,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Field;

#[component]
pub fn LogInPage() -> impl IntoView {
    let words = use_words();
    if let Some(form) = unsent() {
        return view! {
            <PageMeta title=words.log_in.to_owned() description=words.log_in_lead.to_owned()/>
            <Unsent form/>
        }
        .into_any();
    }
    let refusal = refusal_of::<LogIn>();
    provide_context(FormContext::new(refusal.clone()));
    let next = use_next();
    let other = with_next("/sign-up", &next);
    view! {
        <PageMeta title=words.log_in.to_owned() description=words.log_in_lead.to_owned()/>
        <section class="sheet sheet--narrow">
            <h1>{words.log_in}</h1>
            <p class="lead">{words.log_in_lead}</p>
            <DoneNote of=Done::OUT refused=refusal.is_some()/>
            <WhyLoggedOut/>
            <Refusals refusal/>
            <form method="post" action=anyones_form_action(LogIn::PATH) novalidate>
                <input type="hidden" name="next" value=next/>
                <TextField field=Field::AccountName autocomplete="username" hinted=false/>
                <TextField field=Field::Password kind="password" autocomplete="current-password" hinted=false/>
                <SubmitButton words=words.log_in/>
            </form>
            <p class="aside">{words.no_account}" "<a href=other>{words.sign_up}</a></p>
        </section>
    }
    .into_any()
}

/// Shows why the session was ended, unless the user logged out.
#[component]
fn WhyLoggedOut() -> impl IntoView {
    let words = &use_words().my_page;
    let reason = Resource::new(|| (), |_| last_session());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                // An error is ignored, because the reason is not needed to log in.
                let why = reason.await.ok().flatten().and_then(words.ended);
                why.map(|why| view! { <p class="warning" role="status" data-testid="why-logged-out">{why}</p> })
            })}
        </Suspense>
    }
}
