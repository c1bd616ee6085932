//! Tickets in hand.

mod api;
mod list;
mod page;
mod paper;
mod stub;
mod words;

pub use api::{CancelTicket, CheckTicket, GetTicket, ListTickets};
pub use list::TicketsPage;
pub use page::TicketPage;
pub use paper::paper;
pub use words::{ENGLISH, KOREAN, TicketWords};
