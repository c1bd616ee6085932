//! Server functions of tickets.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::tickets::{Ticket, TicketCheck, TicketId};

use crate::request::{services, session};

/// The tickets of whoever asks, newest first, cancelled ones included.
#[server(name = ListTickets, prefix = "/api", endpoint = "list_tickets", input = GetUrl)]
pub async fn list_tickets() -> Result<Vec<Ticket>, ApiError> {
    Ok(services::tickets::list(&services()?, &session()?).await?)
}

/// One ticket. Somebody else's is not found.
#[server(name = GetTicket, prefix = "/api", endpoint = "get_ticket", input = GetUrl)]
pub async fn get_ticket(id: TicketId) -> Result<Ticket, ApiError> {
    Ok(services::tickets::find(&services()?, &session()?, id).await?)
}

/// Gives a ticket back, for good: it goes to the next in line.
#[server(name = CancelTicket, prefix = "/api", endpoint = "cancel_ticket")]
pub async fn cancel_ticket(id: TicketId) -> Result<(), ApiError> {
    services::tickets::cancel(&services()?, &session()?, id).await?;
    leptos_axum::redirect(&format!("/tickets/{id}"));
    Ok(())
}

/// What a code is good for, at the door: the text of a QR code, or the ten characters beside it. For organisers, of the tickets
/// for their own concerts, and for admins.
#[server(name = CheckTicket, prefix = "/api", endpoint = "check_ticket", input = GetUrl)]
pub async fn check_ticket(code: String) -> Result<TicketCheck, ApiError> {
    Ok(services::tickets::check(&services()?, &session()?, &code).await?)
}
