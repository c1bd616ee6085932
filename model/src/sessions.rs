//! Where an account is logged in, and why it no longer is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a session was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// By its own owner, in its own browser.
    LogOut,
    /// By its owner, from another session.
    Elsewhere,
    /// Its refresh token was presented again after it had been used: somebody may hold a copy.
    Reuse,
    /// The password was changed in another session.
    Password,
    /// An admin has deactivated the account.
    Deactivated,
    /// The account was deleted.
    Deleted,
    /// The account was logged in in too many places, and this one was not used for longest.
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

    /// The stable name, as stored.
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

/// One place where an account is logged in, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    pub sid: String,
    /// What people call the browser or program; may be empty.
    pub device: String,
    /// The address it was last seen at; empty when that is not known.
    pub address: String,
    pub created_at: DateTime<Utc>,
    /// To within a minute.
    pub last_seen_at: DateTime<Utc>,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// A session that was ended because its key was used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misuse {
    pub device: String,
    pub at: DateTime<Utc>,
}

/// Where an account is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// The one that asks first, then the one last seen first.
    pub open: Vec<SessionEntry>,
    /// The newest one of the last thirty days, if there was any.
    pub misused: Option<Misuse>,
}

/// Passwords that were tried in vain before the account was last logged in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongPasswords {
    pub wrong: u32,
    /// From how many addresses, to within a few in a hundred.
    pub addresses: u32,
    /// When it was logged in to.
    pub at: DateTime<Utc>,
}
