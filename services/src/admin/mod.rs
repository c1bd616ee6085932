//! What admins see and do. Every function refuses other callers with [`Refusal::Forbidden`].

mod accounts;
mod actions;
mod attendance;

pub use accounts::{act, change_role, deactivate_and_revoke, find, list};
pub use actions::actions;
pub(crate) use actions::{Done, record};
pub use attendance::attendance;

use crate::Result;
use crate::sessions::Session;
use model::Refusal;
use model::accounts::Role;

pub(crate) fn authorise(by: &Session) -> Result<()> {
    match by.role {
        Role::Admin => Ok(()),
        Role::User | Role::Organiser => Err(Refusal::Forbidden.into()),
    }
}
