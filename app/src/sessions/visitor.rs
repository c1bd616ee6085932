//! Who is looking, for every page.

use super::Auth;
use crate::error::ApiError;
use crate::request::auth;
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
