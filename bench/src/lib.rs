//! Load generator for Frontrow: simulated clients that log in, join a queue, watch their place,
//! leave, and receive a ticket.
//!
//! It uses only the public HTTP interface, and checks the promises from the answers that the
//! clients received ([`check`]). It contacts only the address that it is given ([`address`]).

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
