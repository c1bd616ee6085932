//! `/account/profile`, `/account/password`, `/account/delete`: one page for each form of "my page".

use super::api::{ChangePassword, ChangeProfile, DeleteAccount, current_account};
use crate::error::ApiError;
use crate::forms::{
    FormContext, FormEcho, Refusals, SubmitButton, TextField, as_opened, form_action, refusal_of,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::request::services;
use crate::tickets::list_tickets;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::accounts::{Account, ProfileForm, TicketsLeft};
use model::{Field, Refusal};

/// Renders `form` for the account that is logged in, or else the refusal.
#[component]
fn LoggedIn(form: fn(Account) -> AnyView) -> impl IntoView {
    let account = Resource::new(|| (), |_| current_account());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match account.await {
                    Ok(Some(account)) => form(account),
                    Ok(None) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
pub fn ProfilePage() -> impl IntoView {
    view! { <LoggedIn form=|account| view! { <Profile account/> }.into_any()/> }
}

#[component]
pub fn PasswordPage() -> impl IntoView {
    view! { <LoggedIn form=|account| view! { <NewPassword account/> }.into_any()/> }
}

#[component]
pub fn DeletePage() -> impl IntoView {
    let to_come = Resource::new(|| (), |()| tickets_to_come());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match to_come.await {
                    Ok(tickets) => view! { <Delete tickets/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Returns the number of the account's live tickets for upcoming concerts.
async fn tickets_to_come() -> Result<u64, ApiError> {
    let tickets = list_tickets().await?;
    let now = services()?.clock.now();
    let to_come = tickets
        .iter()
        .filter(|ticket| ticket.cancelled_at.is_none() && now < ticket.starts_at);
    Ok(to_come.count() as u64)
}

#[component]
fn Sheet(title: &'static str, lead: &'static str, children: Children) -> impl IntoView {
    let words = &use_words().my_page;
    view! {
        <PageMeta title=title.to_owned() description=lead.to_owned()/>
        <section class="sheet sheet--narrow">
            <h1>{title}</h1>
            <p class="lead">{lead}</p>
            {children()}
            <p class="aside"><a href="/account">{words.back}</a></p>
        </section>
    }
}

#[component]
fn Profile(account: Account) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<ChangeProfile>();
    let opened = as_opened(&ProfileForm::from(&account), refusal.as_ref());
    provide_context(FormContext::new(refusal.clone()));
    view! {
        <Sheet title=words.my_page.change_profile lead=words.my_page.profile_lead>
            <Refusals refusal/>
            <form method="post" action=form_action(ChangeProfile::PATH) novalidate>
                <input type="hidden" name="opened" value=opened/>
                <TextField field=Field::Name value=account.name autocomplete="name"/>
                <TextField field=Field::Nickname value=account.nickname autocomplete="nickname"/>
                <TextField field=Field::Email kind="email" value=account.email autocomplete="email"/>
                <p class="quietly">{words.my_page.email_needs_password}</p>
                <TextField field=Field::CurrentPassword kind="password" autocomplete="current-password" required=false/>
                <SubmitButton words=words.save/>
            </form>
        </Sheet>
    }
}

#[component]
fn NewPassword(account: Account) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<ChangePassword>();
    let form = FormContext::new(refusal.clone());
    provide_context(form.calling(Field::Password, words.my_page.new_password));
    view! {
        <Sheet title=words.my_page.change_password lead=words.my_page.password_lead>
            <Refusals refusal/>
            <form method="post" action=form_action(ChangePassword::PATH) novalidate>
                // Password managers store the password under this name.
                <input type="text" autocomplete="username" value=account.account_name readonly hidden/>
                <TextField field=Field::CurrentPassword kind="password" autocomplete="current-password"/>
                <TextField field=Field::Password kind="password" autocomplete="new-password"/>
                <SubmitButton words=words.my_page.change_password/>
            </form>
        </Sheet>
    }
}

/// The choice between giving back and keeping the account's tickets.
#[component]
fn TicketsChoice(tickets: u64) -> impl IntoView {
    let words = &use_words().my_page;
    let echo = FormEcho::of_request();
    let kept = echo.get("tickets") == Some(TicketsLeft::Keep.as_str());
    let choices = [
        (TicketsLeft::GiveBack, words.tickets_give_back, !kept),
        (TicketsLeft::Keep, words.tickets_keep, kept),
    ];
    let choices = choices
        .map(|(choice, words, checked)| {
            view! {
                <label class="choice">
                    <input type="radio" name="tickets" value=choice.as_str() checked=checked/>
                    <span>{words}</span>
                </label>
            }
        })
        .into_iter()
        .collect_view();
    view! {
        <fieldset class="choices" data-testid="tickets-left">
            <legend>{(words.tickets_left)(tickets)}</legend>
            {choices}
        </fieldset>
    }
}

#[component]
fn Delete(tickets: u64) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<DeleteAccount>();
    provide_context(FormContext::new(refusal.clone()));
    let what = words
        .my_page
        .delete_what
        .map(|line| view! { <li>{line}</li> });
    view! {
        <Sheet title=words.my_page.delete lead=words.my_page.delete_lead>
            <ul class="consequences">{what.into_iter().collect_view()}</ul>
            <Refusals refusal/>
            <form method="post" action=form_action(DeleteAccount::PATH) novalidate>
                {(tickets > 0).then(|| view! { <TicketsChoice tickets/> })}
                <TextField field=Field::CurrentPassword kind="password" autocomplete="current-password"/>
                <SubmitButton
                    words=words.my_page.delete_confirm
                    class="button button--danger"
                />
            </form>
        </Sheet>
    }
}
