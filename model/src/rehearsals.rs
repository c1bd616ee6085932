//! A sale that is only practised: a copy of a concert, and people who exist for it alone.

use crate::concerts::Concert;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most people that one rehearsal may have.
pub const MOST_PEOPLE: u32 = 20_000;
/// The most of them who may log in with a password.
pub const MOST_SIGN_INS: u32 = 500;
/// How many may, when nobody says.
pub const DEFAULT_SIGN_INS: u32 = 20;
/// The longest time from making a rehearsal to its opening, in seconds.
pub const LATEST_OPENING_S: u32 = 3600;

/// A rehearsal that is ready: who the people are, and when they may begin.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The copy, with the opening that the rehearsal has.
    pub concert: Concert,
    /// An access token for each of the people.
    pub tokens: Vec<String>,
    /// When the tokens end, and with them the sale.
    pub ends_at: DateTime<Utc>,
    /// The accounts of the first of the people, who can also log in with the password.
    pub sign_ins: Vec<String>,
    pub password: String,
    pub server_time: DateTime<Utc>,
}

/// Leaves tokens and password out.
impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("concert", &self.concert.id)
            .field("people", &self.tokens.len())
            .finish_non_exhaustive()
    }
}
