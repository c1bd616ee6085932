//! What a person holds when their turn has come.

use crate::concerts::ConcertId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(pub i64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A ticket with what its owner needs to know of the concert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    pub concert_id: ConcertId,
    pub title: String,
    pub artist: String,
    pub venue: String,
    pub genre: crate::concerts::Genre,
    pub starts_at: DateTime<Utc>,
    /// 1 for the first ticket of the concert, then counted up in order of arrival. Never given twice.
    pub serial: u32,
    /// Ten characters that cannot be guessed, in groups of five: what is shown at the door.
    pub code: String,
    /// The nickname it was issued to.
    pub holder: String,
    pub issued_at: DateTime<Utc>,
    pub cancelled_at: Option<DateTime<Utc>>,
}
