//! Rehearsals: a copy of a concert, and generated accounts that exist only for it.

use crate::concerts::Concert;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Upper bound on accounts in one rehearsal.
pub const MOST_PEOPLE: u32 = 20_000;
/// Upper bound on accounts of a rehearsal that can log in with a password.
pub const MOST_SIGN_INS: u32 = 500;
/// Default number of accounts that can log in with a password.
pub const DEFAULT_SIGN_INS: u32 = 20;
/// Longest time from the creation of a rehearsal to its opening, in seconds.
pub const LATEST_OPENING_S: u32 = 3600;

/// A rehearsal that is ready to start: its accounts and its times.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The copy, with the opening time of the rehearsal.
    pub concert: Concert,
    /// An access token for each account.
    pub tokens: Vec<String>,
    /// When the tokens expire, and the sale with them.
    pub ends_at: DateTime<Utc>,
    /// Names of the first accounts, which can also log in with `password`.
    pub sign_ins: Vec<String>,
    pub password: String,
    pub server_time: DateTime<Utc>,
}

/// Omits tokens and password.
impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("concert", &self.concert.id)
            .field("people", &self.tokens.len())
            .finish_non_exhaustive()
    }
}
