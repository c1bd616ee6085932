//! Tickets, their revocation, and their verification at the door.

pub use crate::ids::TicketId;

use crate::concerts::{ConcertId, Genre};
use crate::posters::UploadedPoster;
use crate::text::line;
use crate::{Field, Problem, Refusal};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A ticket with the details of the concert that its holder needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    pub concert_id: ConcertId,
    pub title: String,
    pub artist: String,
    pub venue: String,
    pub genre: Genre,
    /// The poster that was uploaded for the concert.
    pub poster: Option<UploadedPoster>,
    pub starts_at: DateTime<Utc>,
    /// 1 for the first ticket of the concert, then increasing in order of arrival. Never reused.
    pub serial: u32,
    /// Ten characters that cannot be guessed, in groups of five: what is shown at the door.
    pub code: String,
    /// Content of the QR code; `None` if the ticket was cancelled. The format is in `docs/api.md`.
    pub signed: Option<String>,
    /// Nickname that the ticket was issued to.
    pub holder: String,
    pub issued_at: DateTime<Utc>,
    /// When it was cancelled or revoked.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When and why it was revoked; `None` if it was not, or if its holder cancelled it.
    pub revoked: Option<Revocation>,
}

/// Revocation of a ticket by the organiser or an admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub at: DateTime<Utc>,
    /// As it was typed.
    pub reason: String,
}

/// Why a ticket is revoked: one line, shown to its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeReason(String);

impl RevokeReason {
    /// Longest reason, in characters.
    pub const MOST: u32 = 200;

    /// Returns [`Refusal::Invalid`], with the problem of the `field` it was typed into, if it is
    /// invalid.
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

/// A ticket as the organiser sees it: without the code that admits its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTicket {
    pub id: TicketId,
    pub concert_id: ConcertId,
    pub title: String,
    pub starts_at: DateTime<Utc>,
    pub serial: u32,
    /// Nickname on the ticket.
    pub holder: String,
    pub issued_at: DateTime<Utc>,
    /// When it was cancelled or revoked.
    pub cancelled_at: Option<DateTime<Utc>>,
    pub revoked: Option<Revocation>,
}

/// Result of checking a code at the door. Does not say whose ticket it is.
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
    /// Forged, altered, signed with a retired key, or for a concert of another organiser.
    NotOurs,
}

/// The public keys that verify ticket codes: a JSON Web Key Set (RFC 7517).
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
    /// Key id that a code refers to.
    pub kid: String,
    /// The 32 bytes of the key in base64url.
    pub x: String,
}

impl TicketKey {
    /// `x` is base64url without padding.
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
