//! The sender of a request, as pages show it.

use super::Auth;
use crate::error::ApiError;
use crate::request::auth;
use crate::template::{Slot, TemplateRender};
use model::Refusal;
use model::accounts::Role;
use serde::{Deserialize, Serialize};

/// The account that is logged in, as the header of every page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    pub account_name: String,
    pub nickname: String,
    pub role: Role,
}

/// Returns the account that sent the request, from the token alone: no store is read again. Returns
/// `None` when logged out.
pub fn visitor() -> Result<Option<Visitor>, ApiError> {
    match auth() {
        Auth::LoggedIn(s) => Ok(Some(Visitor {
            account_name: s.account_name,
            nickname: s.nickname,
            role: s.role,
        })),
        Auth::Anonymous => Ok(None),
        // Not through `From`, which sets the status: a public page does not fail because its reader
        // cannot be determined.
        Auth::Unavailable => Err(ApiError(Refusal::Unavailable)),
    }
}

/// The reader of a page that may be a template.
pub enum Viewer {
    Stranger,
    /// The `nickname` may be a slot: it is only for display.
    Member {
        nickname: String,
        role: Role,
    },
    /// The stores are unavailable.
    Unknown,
}

/// Returns the reader, as far as a template may know it: there it is a member with the role `user`,
/// and the nickname is a slot.
pub fn viewer() -> Viewer {
    if let Some(template) = TemplateRender::current() {
        return Viewer::Member {
            nickname: template.slot(Slot::Nickname),
            role: Role::User,
        };
    }
    match auth() {
        Auth::LoggedIn(session) => Viewer::Member {
            nickname: session.nickname,
            role: session.role,
        },
        Auth::Anonymous => Viewer::Stranger,
        Auth::Unavailable => Viewer::Unknown,
    }
}
