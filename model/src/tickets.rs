//! What a person holds when their turn has come.

use crate::concerts::{ConcertId, Genre};
use crate::posters::UploadedPoster;
use crate::text::line;
use crate::{Field, Problem, Refusal};
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
    pub genre: Genre,
    /// The one that was uploaded for the concert.
    pub poster: Option<UploadedPoster>,
    pub starts_at: DateTime<Utc>,
    /// 1 for the first ticket of the concert, then counted up in order of arrival. Never given twice.
    pub serial: u32,
    /// Ten characters that cannot be guessed, in groups of five: what is shown at the door.
    pub code: String,
    /// What the QR code says; none when the ticket was cancelled. The format is in `docs/api.md`.
    pub signed: Option<String>,
    /// The nickname it was issued to.
    pub holder: String,
    pub issued_at: DateTime<Utc>,
    /// Given back, or revoked.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When and why it was taken back; none when it was not, or when its holder gave it back.
    pub revoked: Option<Revocation>,
}

/// That a ticket was revoked by the organiser or an admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub at: DateTime<Utc>,
    /// As it was typed.
    pub reason: String,
}

/// Why a ticket is revoked: one line that its holder is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeReason(String);

impl RevokeReason {
    /// Characters.
    pub const MOST: u32 = 200;

    /// [`Refusal::Invalid`], with the problem of the `field` that it was typed into.
    pub fn parse(typed: &str, field: Field) -> Result<RevokeReason, Refusal> {
        let parsed = line(typed, 1, RevokeReason::MOST);
        parsed.map(RevokeReason).map_err(|kind| Refusal::Invalid {
            problems: vec![Problem { field, kind }],
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A ticket as the organiser sees it: without the code that is admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTicket {
    pub id: TicketId,
    pub concert_id: ConcertId,
    pub title: String,
    pub starts_at: DateTime<Utc>,
    pub serial: u32,
    /// The nickname that is on the ticket.
    pub holder: String,
    pub issued_at: DateTime<Utc>,
    /// Given back, or revoked.
    pub cancelled_at: Option<DateTime<Utc>>,
    pub revoked: Option<Revocation>,
}

/// What somebody at the door is told of a code. Not whose ticket it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum TicketCheck {
    Valid {
        concert_id: ConcertId,
        title: String,
        serial: u32,
    },
    Cancelled {
        concert_id: ConcertId,
        title: String,
        serial: u32,
        cancelled_at: DateTime<Utc>,
    },
    /// Revoked by the organiser or an admin.
    Revoked {
        concert_id: ConcertId,
        title: String,
        serial: u32,
        revoked_at: DateTime<Utc>,
        reason: String,
    },
    /// Made up, changed, retired, or of somebody else's concert.
    NotOurs,
}

/// The public keys that codes of tickets are verified with: a JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKeySet {
    pub keys: Vec<TicketKey>,
}

/// A public key as RFC 8037 writes one of Ed25519.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKey {
    pub kty: String,
    pub crv: String,
    pub alg: String,
    #[serde(rename = "use")]
    pub purpose: String,
    /// What a code names it by.
    pub kid: String,
    /// The key's 32 bytes in base64url.
    pub x: String,
}

impl TicketKey {
    /// `x` in base64url, without padding.
    pub fn ed25519(kid: String, x: String) -> TicketKey {
        TicketKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            purpose: "sig".to_owned(),
            kid,
            x,
        }
    }
}
