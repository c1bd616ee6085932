//! `/admin`. Search and page are in the address, so links and the back button work.

use super::accounts::Accounts;
use super::actions::Actions;
use super::api::{admin_actions, attendance, list_accounts};
use super::attendance::AttendancePlot;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::admin::{AccountPage, AdminAction, Attendance};

#[component]
pub fn AdminPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let search = query.get_str("search").unwrap_or_default().trim();
            let page = query.get_str("page").and_then(|page| page.parse().ok());
            (
                search.chars().take(120).collect::<String>(),
                page.unwrap_or(1u32),
            )
        })
    });
    let all = Resource::new(move || asked.get(), |(search, page)| load(search, page));
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match all.await {
                    Ok(loaded) => {
                        let (search, _) = asked.get_untracked();
                        view! { <Loaded loaded search/> }.into_any()
                    }
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Transition>
    }
}

type Everything = (Attendance, AccountPage, Vec<AdminAction>);

async fn load(search: String, page: u32) -> Result<Everything, ApiError> {
    let (attendance, accounts, actions) =
        futures::future::join3(attendance(), list_accounts(search, page), admin_actions()).await;
    Ok((attendance?, accounts?, actions?))
}

#[component]
fn Loaded(loaded: Everything, search: String) -> impl IntoView {
    let words = &use_words().admin;
    let (attendance, accounts, actions) = loaded;
    view! {
        <PageMeta title=words.title.to_owned() description=words.lead.to_owned()/>
        <div class="admin">
            <header>
                <h1>{words.title}</h1>
                <p class="lead">{words.lead}</p>
            </header>
            <AttendancePlot attendance/>
            <Accounts page=accounts search/>
            <Actions actions/>
        </div>
    }
}
