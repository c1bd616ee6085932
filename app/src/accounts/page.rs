//! `/account`: "my page".

use super::api::current_account;
use super::done::{Done, DoneNote};
use crate::error::ApiError;
use crate::forms::refusal_of;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::sessions::{
    EndOtherSessions, EndSession, SessionList, WrongPasswordsNote, list_sessions, wrong_passwords,
};
use leptos::prelude::*;
use model::accounts::Account;
use model::sessions::{Sessions, WrongPasswords};
use model::{Field, Refusal};

#[component]
pub fn AccountPage() -> impl IntoView {
    let refusal = refusal_of::<EndSession>().or_else(refusal_of::<EndOtherSessions>);
    let all = Resource::new(|| (), |()| load());
    view! {
        <Suspense>
            {move || {
                let refusal = refusal.clone();
                Suspend::new(async move { match all.await {
                    Ok((account, sessions, wrong)) => view! {
                        <Facts account wrong refused=refusal.is_some()/>
                        <SessionList sessions refusal/>
                        <Farewell/>
                    }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }})
            }}
        </Suspense>
    }
}

async fn load() -> Result<(Account, Sessions, Option<WrongPasswords>), ApiError> {
    let account = current_account()
        .await?
        .ok_or(ApiError(Refusal::NotLoggedIn))?;
    let (sessions, wrong) = futures::future::join(list_sessions(), wrong_passwords()).await;
    Ok((account, sessions?, wrong?))
}

#[component]
fn Facts(account: Account, wrong: Option<WrongPasswords>, refused: bool) -> impl IntoView {
    let words = use_words();
    let label = words.field_label;
    view! {
        <PageMeta title=words.account.to_owned() description=words.account_lead.to_owned()/>
        <article class="sheet sheet--medium">
            <h1>{words.account}</h1>
            <p class="lead">{words.account_lead}</p>
            <DoneNote of=Done::HERE refused/>
            {wrong.map(|wrong| view! { <WrongPasswordsNote wrong/> }.into_any())}
            <dl class="facts">
                <div><dt>{label(Field::AccountName)}</dt><dd>{account.account_name}</dd></div>
                <div><dt>{label(Field::Name)}</dt><dd><bdi>{account.name}</bdi></dd></div>
                <div><dt>{label(Field::Nickname)}</dt><dd><bdi>{account.nickname}</bdi></dd></div>
                <div><dt>{label(Field::Email)}</dt><dd><bdi>{account.email}</bdi></dd></div>
                <div><dt>{words.role}</dt><dd>{(words.role_name)(account.role)}</dd></div>
                <div><dt>{words.member_since}</dt><dd>{(words.date_time)(account.created_at)}</dd></div>
            </dl>
            <p class="ways">
                <a class="button button--main" href="/tickets">{words.my_tickets}</a>
                <a class="button" href="/account/profile">{words.my_page.change_profile}</a>
                <a class="button" href="/account/password">{words.my_page.change_password}</a>
            </p>
        </article>
    }
}

#[component]
fn Farewell() -> impl IntoView {
    let words = &use_words().my_page;
    view! { <p class="farewell"><a href="/account/delete">{words.delete}</a></p> }
}
