//! Sessions of an account, and why a session ended.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a session was ended before it expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// By its owner, in the session's browser.
    LogOut,
    /// By its owner, from another session.
    Elsewhere,
    /// Its refresh token was presented again after it had been used: another client may hold a
    /// copy.
    Reuse,
    /// The password was changed in another session.
    Password,
    /// An admin deactivated the account.
    Deactivated,
    /// The account was deleted.
    Deleted,
    /// The account had too many sessions, and this one was the least recently used.
    Displaced,
}

impl EndReason {
    pub const ALL: [EndReason; 7] = [
        EndReason::LogOut,
        EndReason::Elsewhere,
        EndReason::Reuse,
        EndReason::Password,
        EndReason::Deactivated,
        EndReason::Deleted,
        EndReason::Displaced,
    ];

    /// Returns the stable name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::LogOut => "log_out",
            EndReason::Elsewhere => "elsewhere",
            EndReason::Reuse => "reuse",
            EndReason::Password => "password",
            EndReason::Deactivated => "deactivated",
            EndReason::Deleted => "deleted",
            EndReason::Displaced => "displaced",
        }
    }

    pub fn parse(name: &str) -> Option<EndReason> {
        EndReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == name)
    }
}

/// One session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    pub sid: String,
    /// Common name of the browser or program; may be empty.
    pub device: String,
    /// The address it was last seen at; empty if unknown.
    pub address: String,
    pub created_at: DateTime<Utc>,
    /// Accurate to a minute.
    pub last_seen_at: DateTime<Utc>,
    /// Whether it is the session of this request.
    pub current: bool,
}

/// A session that was ended because its refresh token was used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misuse {
    pub device: String,
    pub at: DateTime<Utc>,
}

/// The sessions of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The session of this request first, the others by when they were last seen, latest first.
    pub open: Vec<SessionEntry>,
    /// The newest misuse within the last thirty days.
    pub misused: Option<Misuse>,
}

/// Wrong passwords tried before the account was last logged in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongPasswords {
    pub wrong: u32,
    /// Number of distinct addresses they came from, accurate to a few per cent.
    pub addresses: u32,
    /// When the account was last logged in to.
    pub at: DateTime<Utc>,
}
