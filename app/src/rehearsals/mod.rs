//! Rehearsals: endpoints for `frontrow rehearse`. There is no page; what happened is in the report that it writes.

mod api;

pub use api::{CreateRehearsal, EndRehearsal};
