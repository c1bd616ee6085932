//! A ticket: the whole one, with its perforated edge.

use crate::concerts::Poster;
use crate::i18n::{thousands, use_words};
use leptos::prelude::*;
use model::tickets::Ticket;

#[component]
pub(super) fn TicketStub(
    ticket: Ticket,
    /// Whether the title leads to the ticket's own page.
    #[prop(default = false)]
    linked: bool,
) -> impl IntoView {
    let words = use_words();
    let title = ticket.title.clone();
    let heading = if linked {
        let href = format!("/tickets/{}", ticket.id);
        view! { <h2 class="poster-title"><a href=href>{title}</a></h2> }.into_any()
    } else {
        view! { <h1 class="poster-title">{title}</h1> }.into_any()
    };
    let cancelled = ticket.cancelled_at;
    view! {
        <div class="ticket" class:ticket--cancelled=cancelled.is_some() data-testid="ticket">
            <Poster id=ticket.concert_id genre=ticket.genre>
                <p class="poster-artist">{ticket.artist}</p>
                {heading}
            </Poster>
            <div class="ticket-body">
                <p class="ticket-when">{(words.date_time)(ticket.starts_at)}</p>
                <p class="ticket-where">{ticket.venue}</p>
                <dl class="ticket-facts">
                    <div><dt>{words.holder}</dt><dd>{ticket.holder}</dd></div>
                    <div><dt>{words.issued_at}</dt><dd>{(words.date_time)(ticket.issued_at)}</dd></div>
                </dl>
            </div>
            <div class="ticket-tear">
                <p class="ticket-serial">
                    <span>{words.serial}</span>
                    <span class="figures" data-testid="serial">{thousands(ticket.serial.into())}</span>
                </p>
                {match cancelled {
                    Some(at) => view! { <p class="ticket-void">{(words.cancelled_at)(&(words.date_time)(at))}</p> }.into_any(),
                    None => view! {
                        <p class="ticket-code"><span>{words.code}</span><code data-testid="code">{ticket.code}</code></p>
                    }.into_any(),
                }}
            </div>
        </div>
    }
}
