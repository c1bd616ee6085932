//! Logging in and out, and the sender of a request.

mod api;
pub mod cookies;
mod list;
mod log_in;
mod next;
mod visitor;
mod wrong_passwords;

pub use api::{
    CreateToken, DismissWrongPasswords, EndOtherSessions, EndSession, GetWrongPasswords,
    LastSession, ListSessions, LogIn, LogOut, RefreshToken, TokenPair, VisitorQuery, list_sessions,
    wrong_passwords,
};
pub use list::SessionList;
pub use log_in::LogInPage;
pub use next::{log_in_path, safe_next, use_next, with_next};
pub use visitor::{Viewer, Visitor, viewer, visitor};
pub use wrong_passwords::WrongPasswordsNote;

/// Why the session that a browser had was ended, if it was ended elsewhere. The server puts it into
/// the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended(pub model::sessions::EndReason);

/// The sender of a request. The server puts it into the request's extensions before anything else
/// runs.
#[derive(Clone)]
pub enum Auth {
    Anonymous,
    LoggedIn(services::sessions::Session),
    /// There was a token, but the stores could not be asked about it.
    Unavailable,
}

impl Auth {
    /// Returns the session, for a request that requires one.
    pub fn session(self) -> Result<services::sessions::Session, model::Refusal> {
        match self {
            Auth::LoggedIn(session) => Ok(session),
            Auth::Anonymous => Err(model::Refusal::NotLoggedIn),
            Auth::Unavailable => Err(model::Refusal::Unavailable),
        }
    }
}
