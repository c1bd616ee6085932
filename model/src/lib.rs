//! Plain data and rules that server and browser share.
//!
//! Nothing here does input or output: ids, wire formats, parsing of forms into valid values,
//! refusals and their codes, the arithmetic of ranks, and forecasts.

pub mod accounts;
pub mod admin;
pub mod concerts;
pub mod desk;
pub mod forecast;
pub mod ids;
pub mod posters;
pub mod queue;
pub mod refusal;
pub mod rehearsals;
mod secret;
pub mod sessions;
mod text;
pub mod tickets;
pub mod time;

pub use refusal::{Field, Problem, ProblemKind, Refusal};
pub use secret::Secret;
pub use text::is_invisible;
