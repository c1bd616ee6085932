//! Tickets as the concert's organiser sees them, and the form that revokes one: part of the desk
//! and of the admins' pages.

use super::api::RevokeTicket;
use crate::forms::{
    FormContext, FormEcho, Refusals, SecondThought, SubmitButton, TextField, form_action,
    just_done, refusal_of,
};
use crate::i18n::{thousands, use_words};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Field;
use model::tickets::IssuedTicket;

/// Passed to `say_done`, so that the next page reports the revocation.
pub(super) const REVOKED: &str = "ticket_revoked";

/// A list of tickets. Live ones can be revoked, with a reason.
#[component]
pub fn IssuedTickets(
    tickets: Vec<IssuedTicket>,
    /// The page to return to.
    next: String,
) -> impl IntoView {
    let words = &use_words().tickets;
    let refusal = refusal_of::<RevokeTicket>();
    provide_context(FormContext::new(refusal.clone()));
    let done = just_done(&[REVOKED]).is_some() && refusal.is_none();
    let live: Vec<IssuedTicket> = tickets
        .iter()
        .filter(|ticket| ticket.cancelled_at.is_none())
        .cloned()
        .collect();
    let some_live = !live.is_empty();
    let open = refusal.is_some();
    let rows = tickets
        .into_iter()
        .map(|ticket| view! { <li><Row ticket/></li> })
        .collect_view();
    view! {
        {done.then(|| view! { <p class="done" role="status">{words.revoked_done}</p> })}
        <ul class="issued" data-testid="issued-tickets">{rows}</ul>
        <Refusals refusal/>
        {some_live.then(|| view! {
            <SecondThought summary=words.revoke sure=words.revoke_sure open>
                <form method="post" action=form_action(RevokeTicket::PATH) data-testid="revoke-ticket">
                    <input type="hidden" name="next" value=next/>
                    <Which live/>
                    <TextField field=Field::Reason/>
                    <SubmitButton words=words.revoke_confirm class="button button--danger"/>
                </form>
            </SecondThought>
        })}
    }
}

/// Selects the ticket. If there are several, none is preselected.
#[component]
fn Which(live: Vec<IssuedTicket>) -> impl IntoView {
    let words = &use_words().tickets;
    if let [only] = live.as_slice() {
        return view! { <input type="hidden" name="id" value=only.id.to_string()/> }.into_any();
    }
    let chosen = FormEcho::of_request().get("id").map(str::to_owned);
    let choices = live
        .into_iter()
        .map(|ticket| {
            let id = ticket.id.to_string();
            let checked = chosen.as_ref() == Some(&id);
            let number = (words.number)(&thousands(ticket.serial.into()));
            view! {
                <label class="choice">
                    <input type="radio" name="id" value=id checked=checked required/>
                    <span><bdi>{ticket.title}</bdi>", "{number}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="choices">
            <legend>{words.revoke_which}</legend>
            {choices}
        </fieldset>
    }
    .into_any()
}

#[component]
fn Row(ticket: IssuedTicket) -> impl IntoView {
    let words = use_words();
    let number = (words.tickets.number)(&thousands(ticket.serial.into()));
    let (class, state) = match (ticket.revoked, ticket.cancelled_at) {
        (Some(revocation), _) => (
            "badge badge--past",
            (words.tickets.revoked_because)(&(words.date_time)(revocation.at), &revocation.reason),
        ),
        (None, Some(at)) => (
            "badge badge--past",
            (words.cancelled_at)(&(words.date_time)(at)),
        ),
        (None, None) => ("badge badge--now", words.tickets.valid.to_owned()),
    };
    view! {
        <p><strong><bdi>{ticket.title}</bdi></strong>" · "{number}</p>
        <p class="quietly">
            {words.holder}": "<bdi>{ticket.holder}</bdi>" · "{words.issued_at}": "{(words.date_time)(ticket.issued_at)}
        </p>
        <p><span class=class data-testid="ticket-state">{state}</span></p>
    }
}
