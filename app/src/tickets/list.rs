//! `/tickets`: the places that the account has, and its tickets.

use super::api::list_tickets;
use super::stub::TicketStub;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::{HeldPlaces, list_places};
use crate::refused::Refused;
use crate::request::services;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::queue::HeldPlace;
use model::tickets::Ticket;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Held {
    places: Vec<HeldPlace>,
    tickets: Vec<Ticket>,
    now: DateTime<Utc>,
}

async fn load() -> Result<Held, ApiError> {
    // Places are read first: one that becomes a ticket in between is then shown twice instead of
    // not at all.
    let places = list_places().await?;
    Ok(Held {
        places,
        tickets: list_tickets().await?,
        now: services()?.clock.now(),
    })
}

#[component]
pub fn TicketsPage() -> impl IntoView {
    let held = Resource::new(|| (), |_| load());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match held.await {
                    Ok(held) => view! { <All held/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn All(held: Held) -> impl IntoView {
    let words = use_words();
    let Held {
        places,
        tickets,
        now,
    } = held;
    let (none, waits) = (places.is_empty() && tickets.is_empty(), !places.is_empty());
    let (good, past): (Vec<_>, Vec<_>) = tickets
        .into_iter()
        .partition(|ticket| ticket.cancelled_at.is_none() && now < ticket.starts_at);
    let some_past = !past.is_empty();
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
            {waits.then(|| view! { <HeldPlaces places/> }.into_any())}
            {stubs(good)}
            {some_past.then(|| view! {
                <section class="tickets" aria-labelledby="past-title">
                    <h2 id="past-title">{words.past_tickets}</h2>
                    {stubs(past)}
                </section>
            })}
        </section>
    }
}

fn stubs(tickets: Vec<Ticket>) -> AnyView {
    let stubs = tickets
        .into_iter()
        .map(|ticket| view! { <li><TicketStub ticket/></li> })
        .collect_view();
    view! { <ul class="tickets-list">{stubs}</ul> }.into_any()
}
