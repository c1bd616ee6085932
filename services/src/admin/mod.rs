//! What admins see and do. Every function refuses other callers with [`Refusal::Forbidden`].

mod accounts;
mod actions;
mod attendance;

pub use accounts::{act, change_role, deactivate_and_revoke, find, list};
pub use actions::actions;
pub use attendance::attendance;
