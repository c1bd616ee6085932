//! A ticket with its perforated edge, in a list and on its page.

use crate::concerts::Poster;
use crate::i18n::{thousands, use_words};
use leptos::prelude::*;
use model::tickets::Ticket;
use services::drawing::Qr;

/// A ticket in a list: what it is for, and a link to its page.
#[component]
pub(super) fn TicketStub(ticket: Ticket) -> impl IntoView {
    let href = format!("/tickets/{}", ticket.id);
    let heading =
        view! { <h2 class="poster-title"><a href=href dir="auto">{ticket.title.clone()}</a></h2> };
    view! { <Stub ticket heading=heading.into_any()/> }
}

/// The whole ticket, with the code that lets its holder in.
#[component]
pub(super) fn WholeTicket(ticket: Ticket) -> impl IntoView {
    let heading = view! { <h1 class="poster-title"><bdi>{ticket.title.clone()}</bdi></h1> };
    let qr = ticket.signed.as_deref().map(|signed| {
        let serial = thousands(ticket.serial.into());
        view! { <Code signed=signed.to_owned() serial/> }.into_any()
    });
    view! { <Stub ticket heading=heading.into_any() qr/> }
}

/// The QR code, dark on light even in the dark theme: few scanners find a light code on dark.
#[component]
fn Code(signed: String, serial: String) -> impl IntoView {
    let words = use_words();
    match Qr::of(&signed) {
        Ok(qr) => view! {
            <div class="ticket-qr" role="img" aria-label=(words.tickets.qr)(&serial) data-testid="qr" inner_html=qr.svg()></div>
        }
        .into_any(),
        Err(error) => {
            // The text of the code is still shown.
            tracing::error!(%error, "a ticket has no QR code");
            ().into_any()
        }
    }
}

#[component]
fn Stub(
    ticket: Ticket,
    heading: AnyView,
    /// The QR code, for a live ticket that is shown whole.
    #[prop(default = None)]
    qr: Option<AnyView>,
) -> impl IntoView {
    let words = use_words();
    let (whole, cancelled) = (qr.is_some(), ticket.cancelled_at);
    let void = cancelled.map(|at| {
        let at = (words.date_time)(at);
        match ticket.revoked {
            Some(_) => (words.tickets.revoked_at)(&at),
            None => (words.cancelled_at)(&at),
        }
    });
    view! {
        <div class="ticket" class:ticket--whole=whole class:ticket--cancelled=cancelled.is_some() data-testid="ticket">
            <Poster id=ticket.concert_id genre=ticket.genre uploaded=ticket.poster>
                <p class="poster-artist"><bdi>{ticket.artist}</bdi></p>
                {heading}
            </Poster>
            <div class="ticket-body">
                <p class="ticket-when">{(words.date_time)(ticket.starts_at)}</p>
                <p class="ticket-where"><bdi>{ticket.venue}</bdi></p>
                <dl class="ticket-facts">
                    <div><dt>{words.holder}</dt><dd><bdi>{ticket.holder}</bdi></dd></div>
                    <div><dt>{words.issued_at}</dt><dd>{(words.date_time)(ticket.issued_at)}</dd></div>
                </dl>
            </div>
            <div class="ticket-tear">
                {qr}
                <p class="ticket-serial">
                    <span>{words.serial}</span>
                    <span class="figures" data-testid="serial">{thousands(ticket.serial.into())}</span>
                </p>
                {match void {
                    Some(void) => view! { <p class="ticket-void">{void}</p> }.into_any(),
                    None => view! {
                        <p class="ticket-code"><span>{words.code}</span><code data-testid="code">{ticket.code}</code></p>
                    }.into_any(),
                }}
            </div>
        </div>
    }
}
