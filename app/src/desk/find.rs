//! The search for a ticket of this sale, to check what it is valid for and to revoke it. It is not
//! part of what is refreshed every second.

use super::page::path;
use crate::i18n::use_words;
use crate::tickets::IssuedTickets;
use leptos::prelude::*;
use model::concerts::ConcertId;
use model::tickets::IssuedTicket;

/// Argument of the page's address with the text to search for.
pub(super) const TICKET: &str = "ticket";

/// Upper bound on the characters searched for. A QR code's text is the longest one that finds a
/// ticket.
const TYPED_MAX: usize = 300;

/// Returns the text to search for, or `None` if there is none.
pub(super) fn typed(argument: Option<&str>) -> Option<String> {
    let typed: String = argument?.trim().chars().take(TYPED_MAX).collect();
    (!typed.is_empty()).then_some(typed)
}

#[component]
pub(super) fn FindTicket(
    id: ConcertId,
    /// What was searched for, and what was found.
    found: Option<(String, Vec<IssuedTicket>)>,
) -> impl IntoView {
    let words = use_words();
    let desk = &words.desk;
    let (typed, tickets) = found.unzip();
    let typed = typed.unwrap_or_default();
    let next = format!("{}?{TICKET}={}", path(id), crate::address::argument(&typed));
    view! {
        <section class="desk-tickets" aria-labelledby="find-ticket-title" data-testid="find-ticket">
            <h2 id="find-ticket-title">{desk.find_ticket}</h2>
            <search>
                <form method="get" action=path(id) class="search">
                    <div class="search-field search-field--wide">
                        <label for=TICKET>{desk.find_ticket_by}</label>
                        <input id=TICKET name=TICKET type="search" dir="auto" autocomplete="off" maxlength=TYPED_MAX value=typed/>
                    </div>
                    <button type="submit" class="button">{words.find}</button>
                </form>
            </search>
            {tickets.map(|tickets| match tickets.is_empty() {
                true => view! { <p role="status">{desk.no_such_ticket}</p> }.into_any(),
                false => view! { <IssuedTickets tickets next/> }.into_any(),
            })}
        </section>
    }
}
