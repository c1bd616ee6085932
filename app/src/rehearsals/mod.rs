//! Rehearsals: endpoints for `frontrow rehearse`. There is no page; the results are in the report
//! that the command writes.

mod api;

pub use api::{CreateRehearsal, EndRehearsal};
