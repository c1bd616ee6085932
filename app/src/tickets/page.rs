//! `/tickets/:id`.

use super::api::{CancelTicket, get_ticket};
use super::stub::TicketStub;
use crate::error::ApiError;
use crate::forms::{Refusals, SubmitButton, refusal_of};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::Refusal;
use model::tickets::{Ticket, TicketId};

#[component]
pub fn TicketPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|p| p.get_str("id").and_then(|id| id.parse().ok()).map(TicketId))
    });
    let cancel = ServerAction::<CancelTicket>::new();
    let ticket = Resource::new(
        move || (id.get(), cancel.version().get()),
        |(id, _)| async move {
            match id {
                Some(id) => get_ticket(id).await,
                None => Err(ApiError(Refusal::NotFound)),
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match ticket.await {
                    Ok(ticket) => view! { <One ticket cancel/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn One(ticket: Ticket, cancel: ServerAction<CancelTicket>) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of(cancel);
    let live = ticket.cancelled_at.is_none();
    let (id, concert_id) = (ticket.id, ticket.concert_id);
    view! {
        <PageMeta title=format!("{} · {}", words.ticket, ticket.title) description=words.tickets_description.to_owned()/>
        <section class="ticket-page">
            <TicketStub ticket/>
            {live.then(|| view! { <p class="quietly">{words.code_hint}</p> })}
            <p class="notice-ways">
                <a class="button" href="/tickets">{words.my_tickets}</a>
                <a class="button" href=format!("/concerts/{concert_id}")>{words.back_to_concert}</a>
            </p>
            <Refusals refusal/>
            {live.then(|| view! {
                <details class="second-thought">
                    <summary>{words.cancel_ticket}</summary>
                    <p>{words.cancel_sure}</p>
                    <ActionForm action=cancel>
                        <input type="hidden" name="id" value=id.to_string()/>
                        <SubmitButton
                            words=words.cancel_confirm
                            sending=words.sending
                            pending=cancel.pending()
                            class="button button--danger"
                        />
                    </ActionForm>
                </details>
            })}
        </section>
    }
}
