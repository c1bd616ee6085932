//! Who is looking, for every page.

use super::Auth;
use crate::error::ApiError;
use crate::request::auth;
use crate::template::{Slot, TemplateRender};
use model::Refusal;
use model::accounts::Role;
use serde::{Deserialize, Serialize};

/// Who is looking, as the header of every page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    pub account_name: String,
    pub nickname: String,
    pub role: Role,
}

/// Who is looking, from the token alone: no store is asked again. None when logged out.
pub fn visitor() -> Result<Option<Visitor>, ApiError> {
    match auth() {
        Auth::LoggedIn(s) => Ok(Some(Visitor {
            account_name: s.account_name,
            nickname: s.nickname,
            role: s.role,
        })),
        Auth::Anonymous => Ok(None),
        // Not through `From`: a page that everybody may read is no failure because we cannot tell who reads it.
        Auth::Unavailable => Err(ApiError(Refusal::Unavailable)),
    }
}

/// Who looks at a page that may be a template.
pub enum Viewer {
    Stranger,
    /// Whose `nickname` may be a slot: it is for showing and for nothing else.
    Member {
        nickname: String,
        role: Role,
    },
    /// The stores are away.
    Unknown,
}

/// Who looks, as far as it may be known in a template: there it is a member like most, and the nickname a slot.
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
