//! Tickets in hand.

mod api;
mod list;
mod page;
mod stub;

pub use api::{CancelTicket, GetTicket, ListTickets};
pub use list::TicketsPage;
pub use page::TicketPage;
