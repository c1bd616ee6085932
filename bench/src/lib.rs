//! A load generator of Frontrow's own kind of traffic: people who sign in, join a queue, watch their place, leave, and
//! receive a ticket.
//!
//! It knows the site as a person does, through its addresses, and judges the promises from what people were told
//! ([`check`]). It talks to the one address that it is given ([`address`]).

pub mod address;
pub mod check;
mod client;
pub mod curve;
mod hall;
pub mod organiser;
mod person;
pub mod record;
pub mod rehearsal;
pub mod report;
pub mod statistics;
