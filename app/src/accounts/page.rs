//! `/account`.

use super::api::current_account;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use leptos::prelude::*;
use model::accounts::Account;
use model::{Field, Refusal};

#[component]
pub fn AccountPage() -> impl IntoView {
    let account = Resource::new(|| (), |_| current_account());
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match account.await {
                    Ok(Some(account)) => view! { <Facts account/> }.into_any(),
                    Ok(None) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Facts(account: Account) -> impl IntoView {
    let words = use_words();
    let label = words.field_label;
    view! {
        <PageMeta title=words.account.to_owned() description=words.account_lead.to_owned()/>
        <article class="sheet sheet--narrow">
            <h1>{words.account}</h1>
            <p class="lead">{words.account_lead}</p>
            <dl class="facts">
                <div><dt>{label(Field::AccountName)}</dt><dd>{account.account_name}</dd></div>
                <div><dt>{label(Field::Name)}</dt><dd>{account.name}</dd></div>
                <div><dt>{label(Field::Nickname)}</dt><dd>{account.nickname}</dd></div>
                <div><dt>{label(Field::Email)}</dt><dd>{account.email}</dd></div>
                <div><dt>{words.role}</dt><dd>{(words.role_name)(account.role)}</dd></div>
                <div><dt>{words.member_since}</dt><dd>{(words.date_time)(account.created_at)}</dd></div>
            </dl>
            <p><a class="button" href="/tickets">{words.my_tickets}</a></p>
        </article>
    }
}
