//! `/tickets`.

use super::api::list_tickets;
use super::stub::TicketStub;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use leptos::prelude::*;
use model::tickets::Ticket;

#[component]
pub fn TicketsPage() -> impl IntoView {
    let tickets = Resource::new(|| (), |_| list_tickets());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match tickets.await {
                    Ok(tickets) => view! { <All tickets/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn All(tickets: Vec<Ticket>) -> impl IntoView {
    let words = use_words();
    let none = tickets.is_empty();
    let stubs = tickets
        .into_iter()
        .map(|ticket| view! { <li><TicketStub ticket/></li> })
        .collect_view();
    view! {
        <PageMeta title=words.my_tickets.to_owned() description=words.tickets_description.to_owned()/>
        <section class="tickets">
            <h1>{words.my_tickets}</h1>
            {none.then(|| view! {
                <div class="notice">
                    <h2>{words.no_tickets}</h2>
                    <p>{words.no_tickets_hint}</p>
                    <p><a class="button button--main" href="/">{words.find_concerts}</a></p>
                </div>
            })}
            <ul class="tickets-list">{stubs}</ul>
        </section>
    }
}
