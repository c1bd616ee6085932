//! The account's sessions, each with a control to end it: a part of "my page".

use super::api::{EndOtherSessions, EndSession};
use crate::forms::{Refusals, form_action};
use crate::i18n::use_words;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Refusal;
use model::sessions::{SessionEntry, Sessions};

#[component]
pub fn SessionList(
    sessions: Sessions,
    /// Why a session could not be ended.
    refusal: Option<Refusal>,
) -> impl IntoView {
    let words = use_words();
    let page = &words.my_page;
    let others = sessions.open.iter().filter(|entry| !entry.current).count() as u64;
    let misused = sessions.misused.map(|misuse| {
        let device = device_or(misuse.device, page.unknown_device);
        let at = (words.date_time)(misuse.at);
        view! { <p class="warning" role="note">{(page.misused)(&device, &at)}</p> }
    });
    let entries = sessions
        .open
        .into_iter()
        .map(|entry| view! { <Entry entry/> })
        .collect_view();
    view! {
        <section class="sheet sheet--medium" aria-labelledby="sessions-title" data-testid="sessions">
            <h2 id="sessions-title">{page.sessions}</h2>
            <p class="quietly">{page.sessions_lead}</p>
            {misused}
            <Refusals refusal/>
            <ul class="devices">{entries}</ul>
            {(others > 0).then(|| view! {
                <form method="post" action=form_action(EndOtherSessions::PATH)>
                    <button type="submit" class="button">{(page.end_others)(others)}</button>
                </form>
            })}
        </section>
    }
}

fn device_or(device: String, unknown: &str) -> String {
    match device.is_empty() {
        true => unknown.to_owned(),
        false => device,
    }
}

#[component]
fn Entry(entry: SessionEntry) -> impl IntoView {
    let words = use_words();
    let page = &words.my_page;
    let device = device_or(entry.device, page.unknown_device);
    let label = (page.end_session)(&device);
    let address = match entry.address.is_empty() {
        true => page.unknown_address.to_owned(),
        false => entry.address,
    };
    view! {
        <li class="device" data-current=entry.current.to_string()>
            <div>
                <p class="device-name">
                    {device} " "
                    {entry.current.then(|| view! { <span class="badge badge--now">{page.this_device}</span> })}
                </p>
                <p class="device-facts">
                    {address} " · " {page.last_seen} " "
                    <time datetime=entry.last_seen_at.to_rfc3339()>{(words.date_time)(entry.last_seen_at)}</time>
                    " · " {page.since} " "
                    <time datetime=entry.created_at.to_rfc3339()>{(words.date_time)(entry.created_at)}</time>
                </p>
            </div>
            {(!entry.current).then(|| view! {
                <form method="post" action=form_action(EndSession::PATH)>
                    <input type="hidden" name="sid" value=entry.sid/>
                    <button type="submit" class="button" aria-label=label>{words.log_out}</button>
                </form>
            })}
        </li>
    }
}
