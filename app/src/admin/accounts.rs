//! The list of accounts, searched and paged.

use crate::address::argument;
use crate::i18n::use_words;
use leptos::prelude::*;
use model::admin::{AccountEntry, AccountPage, AccountState};

#[component]
pub(super) fn Accounts(page: AccountPage, search: String) -> impl IntoView {
    let words = use_words();
    let admin = &words.admin;
    let none = page.accounts.is_empty();
    let link = {
        let search = search.clone();
        move |page: u32| {
            let search = argument(&search);
            format!("/admin?search={search}&page={page}#accounts-title")
        }
    };
    let (at, pages) = (page.page, page.pages);
    let previous = (at > 1).then(|| {
        view! { <a class="button" rel="prev" href=link(at - 1)>{words.previous_page}</a> }
    });
    let next = (at < pages).then(|| {
        view! { <a class="button" rel="next" href=link(at + 1)>{words.next_page}</a> }
    });
    let rows = page
        .accounts
        .into_iter()
        .map(|account| view! { <Row account/> })
        .collect_view();
    view! {
        <section class="sheet sheet--wide" aria-labelledby="accounts-title" data-testid="accounts">
            <h2 id="accounts-title">{admin.accounts}</h2>
            <search>
                <form method="get" action="/admin" class="search">
                    <div class="search-field search-field--wide">
                        <label for="search">{admin.search}</label>
                        <input id="search" name="search" type="search" dir="auto" autocomplete="off" maxlength="120" value=search/>
                    </div>
                    <button type="submit" class="button">{words.find}</button>
                </form>
            </search>
            <p class="found" role="status">{(admin.found)(page.total)}</p>
            {none.then(|| view! { <p>{admin.none_found}</p> })}
            <ul class="accounts">{rows}</ul>
            {(pages > 1).then(|| view! {
                <nav class="paging" aria-label=words.pages>
                    {previous}
                    <span>{(words.page_of)(at, pages)}</span>
                    {next}
                </nav>
            })}
        </section>
    }
}

#[component]
fn Row(account: AccountEntry) -> impl IntoView {
    let words = use_words();
    view! {
        <li class="account-row">
            <a href=format!("/admin/accounts/{}", account.id)>{account.account_name}</a>
            <span dir="auto">{account.nickname}</span>
            <span class="account-email" dir="auto">{account.email}</span>
            <span>{(words.role_name)(account.role)}</span>
            <StateBadge state=account.state/>
        </li>
    }
}

/// The current state of an account, as a word or a sentence.
#[component]
pub(super) fn StateBadge(state: AccountState) -> impl IntoView {
    let words = use_words();
    let admin = &words.admin;
    let (class, said) = match state {
        AccountState::Active => ("badge", admin.active_state.to_owned()),
        AccountState::Deactivated { at } => (
            "badge badge--held",
            (admin.deactivated)(&(words.date_time)(at)),
        ),
        AccountState::Deleted { at, purged_at } => (
            "badge badge--past",
            (admin.deleted)(&(words.date_time)(at), &(words.date_time)(purged_at)),
        ),
    };
    view! { <span class=class data-testid="account-state">{said}</span> }
}
