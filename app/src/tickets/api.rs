//! Server functions of tickets.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::Field;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::tickets::{IssuedTicket, RevokeReason, Ticket, TicketCheck, TicketId};

use super::issued::REVOKED;
use crate::{
    forms::say_done,
    request::{services, session},
    sessions::safe_next,
};

/// Returns the account's tickets, newest first, including cancelled ones.
#[server(name = ListTickets, prefix = "/api", endpoint = "list_tickets", input = GetUrl)]
pub async fn list_tickets() -> Result<Vec<Ticket>, ApiError> {
    Ok(services::tickets::list(&services()?, &session()?).await?)
}

/// Returns one ticket. Another account's ticket is refused as not found.
#[server(name = GetTicket, prefix = "/api", endpoint = "get_ticket", input = GetUrl)]
pub async fn get_ticket(id: TicketId) -> Result<Ticket, ApiError> {
    Ok(services::tickets::find(&services()?, &session()?, id).await?)
}

/// Cancels a ticket permanently: it goes to the next account in the queue.
#[server(name = CancelTicket, prefix = "/api", endpoint = "cancel_ticket")]
pub async fn cancel_ticket(id: TicketId) -> Result<(), ApiError> {
    services::tickets::cancel(&services()?, &session()?, id).await?;
    leptos_axum::redirect(&format!("/tickets/{id}"));
    Ok(())
}

/// Checks a code at the door: the text of a QR code, or the ten characters beside it. Organisers
/// may check tickets for their own concerts, admins all tickets.
#[server(name = CheckTicket, prefix = "/api", endpoint = "check_ticket", input = GetUrl)]
pub async fn check_ticket(code: String) -> Result<TicketCheck, ApiError> {
    Ok(services::tickets::check(&services()?, &session()?, &code).await?)
}

/// Returns the tickets of a concert that match a code, a serial number or an account's name. The
/// concert's organiser and admins only.
#[server(name = FindTickets, prefix = "/api", endpoint = "find_tickets", input = GetUrl)]
pub async fn find_tickets(
    concert_id: ConcertId,
    ticket: String,
) -> Result<Vec<IssuedTicket>, ApiError> {
    Ok(services::tickets::find_issued(&services()?, &session()?, concert_id, &ticket).await?)
}

/// Returns the live tickets of an account. Admins only.
#[server(name = AccountTickets, prefix = "/api", endpoint = "account_tickets", input = GetUrl)]
pub async fn account_tickets(id: AccountId) -> Result<Vec<IssuedTicket>, ApiError> {
    Ok(services::tickets::live_of(&services()?, &session()?, id).await?)
}

/// Revokes a ticket, permanently and on record: it goes to the next account in the queue. The
/// concert's organiser and admins only. A form is redirected to `next`.
#[server(name = RevokeTicket, prefix = "/api", endpoint = "revoke_ticket")]
pub async fn revoke_ticket(
    id: TicketId,
    #[server(default)] reason: String,
    #[server(default)] next: String,
) -> Result<IssuedTicket, ApiError> {
    let session = session()?;
    let reason = RevokeReason::parse(&reason, Field::Reason)?;
    let ticket = services::tickets::revoke(&services()?, &session, id, &reason).await?;
    say_done(REVOKED);
    leptos_axum::redirect(safe_next(&next));
    Ok(ticket)
}
