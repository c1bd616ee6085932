//! Issued tickets: their pages, documents and server functions.

mod api;
mod issued;
mod list;
mod page;
mod paper;
mod stub;
mod words;

pub use api::{
    AccountTickets, CancelTicket, CheckTicket, FindTickets, GetTicket, ListTickets, RevokeTicket,
    account_tickets, find_tickets, list_tickets,
};
pub use issued::IssuedTickets;
pub use list::TicketsPage;
pub use page::TicketPage;
pub use paper::paper;
pub use words::{ENGLISH, KOREAN, TicketWords};
