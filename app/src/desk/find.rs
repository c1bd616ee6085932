//! Finding a ticket of this sale, to see what it is good for and to take it back. Apart from what is read again every second.

use super::page::path;
use crate::i18n::use_words;
use crate::tickets::IssuedTickets;
use leptos::prelude::*;
use model::concerts::ConcertId;
use model::tickets::IssuedTicket;

/// The argument of the page's address that says which ticket is looked for.
pub(super) const TICKET: &str = "ticket";

/// A QR code's text is the longest that one is found by.
const TYPED_MAX: usize = 300;

/// What is looked for; none when nothing is.
pub(super) fn typed(argument: Option<&str>) -> Option<String> {
    let typed: String = argument?.trim().chars().take(TYPED_MAX).collect();
    (!typed.is_empty()).then_some(typed)
}

#[component]
pub(super) fn FindTicket(
    id: ConcertId,
    /// What was looked for, and what was found.
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
