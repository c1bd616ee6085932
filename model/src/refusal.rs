//! The only error type of the API.

use crate::sessions::EndReason;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a request was refused. The serialised `code` is stable: clients may match on it.
///
/// A refusal never contains an error text of a store or driver; its message in the reader's
/// language is chosen where it is displayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// Fields of a form are invalid. All problems found are listed; those between two fields come
    /// last.
    Invalid {
        problems: Vec<Problem>,
    },
    AccountNameTaken,
    EmailTaken,
    /// Unknown account or wrong password; deliberately indistinguishable.
    WrongCredentials,
    /// A logged-in user repeated the password, and it was wrong.
    WrongPassword,
    NotLoggedIn,
    /// The session that the refresh token belongs to was ended.
    SessionEnded {
        reason: EndReason,
    },
    /// Deactivated by an admin. Returned only to clients that know the password.
    AccountDeactivated,
    /// Deleted by its owner; an admin can restore it until `until`. Returned only to clients that
    /// know the password.
    AccountDeleted {
        until: DateTime<Utc>,
    },
    /// Admins cannot take away their own rights: no admin might be left to restore them.
    OwnAccount,
    /// The request was sent from a page of an account other than the one logged in now; nothing was
    /// done.
    OtherAccount,
    Forbidden,
    NotFound,
    /// The request could not be parsed (a missing argument, a malformed number in a path).
    Malformed,
    SaleNotOpen {
        opens_at: DateTime<Utc>,
    },
    SaleClosed,
    /// The account already holds a ticket for this concert and needs no place.
    HoldsTicket,
    /// The capacity is below what is already issued.
    CapacityBelowIssued {
        issued: u32,
    },
    /// These fields were changed by another account since the form was opened, and differently
    /// here.
    ChangedMeanwhile {
        fields: Vec<Field>,
    },
    TooLarge,
    /// Too many streams of this account, of its network or of the whole server. The place can still
    /// be polled.
    TooManyStreams,
    /// Over a rate limit of this address, session or account, or no permit is free. The same
    /// request may be sent again after `retry_after_s` seconds.
    TooManyRequests {
        retry_after_s: u32,
    },
    /// A store is unavailable or a queue is being rebuilt. Nothing was lost; the same request may
    /// be sent again.
    Unavailable,
    /// An error of the server. The cause is in its log.
    Internal,
}

impl Refusal {
    /// Returns the HTTP status of this refusal.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Invalid { .. } => 422,
            Refusal::Malformed => 400,
            Refusal::WrongCredentials | Refusal::NotLoggedIn | Refusal::SessionEnded { .. } => 401,
            Refusal::Forbidden
            | Refusal::WrongPassword
            | Refusal::AccountDeactivated
            | Refusal::AccountDeleted { .. } => 403,
            Refusal::NotFound => 404,
            Refusal::AccountNameTaken
            | Refusal::EmailTaken
            | Refusal::SaleNotOpen { .. }
            | Refusal::SaleClosed
            | Refusal::HoldsTicket
            | Refusal::OwnAccount
            | Refusal::OtherAccount
            | Refusal::CapacityBelowIssued { .. }
            | Refusal::ChangedMeanwhile { .. } => 409,
            Refusal::TooLarge => 413,
            Refusal::TooManyStreams | Refusal::TooManyRequests { .. } => 429,
            Refusal::Unavailable => 503,
            Refusal::Internal => 500,
        }
    }

    /// Returns the seconds after which the same request may be sent again, or `None` if it would be
    /// refused again.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Refusal::TooManyRequests { retry_after_s } => Some(*retry_after_s),
            Refusal::Unavailable => Some(2),
            _ => None,
        }
    }

    /// Returns the problem of one field, for display next to that field.
    ///
    /// A taken account name or e-mail address is also a problem of its field.
    pub fn problem_of(&self, field: Field) -> Option<ProblemKind> {
        match self {
            Refusal::Invalid { problems } => {
                problems.iter().find(|p| p.field == field).map(|p| p.kind)
            }
            Refusal::AccountNameTaken if field == Field::AccountName => Some(ProblemKind::Taken),
            Refusal::EmailTaken if field == Field::Email => Some(ProblemKind::Taken),
            Refusal::WrongPassword if field == Field::CurrentPassword => Some(ProblemKind::Wrong),
            Refusal::CapacityBelowIssued { .. } if field == Field::Capacity => {
                Some(ProblemKind::BelowIssued)
            }
            Refusal::ChangedMeanwhile { fields } if fields.contains(&field) => {
                Some(ProblemKind::ChangedMeanwhile)
            }
            _ => None,
        }
    }
}

/// A field of a form. Serialised as the `name` of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    AccountName,
    Password,
    /// The current password, for changes that require it.
    CurrentPassword,
    Name,
    Nickname,
    Email,
    Title,
    Artist,
    Genre,
    Venue,
    StartsAt,
    EndsAt,
    RunningMinutes,
    PriceWon,
    Description,
    Capacity,
    SaleOpensAt,
    BatchSize,
    IntervalMs,
    /// A file.
    Poster,
    /// Why a ticket is revoked.
    Reason,
    /// Why all tickets of an account are revoked.
    TicketsReason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ProblemKind {
    Missing,
    /// Shorter than `least` characters.
    TooShort {
        least: u32,
    },
    /// Longer than `most` characters.
    TooLong {
        most: u32,
    },
    /// Contains a character that this field does not allow.
    BadCharacters,
    /// Easy to guess: too few different characters, or it contains the account's name.
    TooWeak,
    /// A very common password.
    TooCommon,
    /// Not an e-mail address, a date or a number: not what the field asks for.
    Malformed,
    /// Outside `least..=most`.
    OutOfRange {
        least: i64,
        most: i64,
    },
    /// The end is not after the start.
    EndBeforeStart,
    /// The sale would open after the concert has begun.
    OpensAfterStart,
    /// The concert would begin in the past.
    InThePast,
    Taken,
    /// A name that could be mistaken for the service's staff.
    Reserved,
    BelowIssued,
    /// Changed by another account since the form was opened.
    ChangedMeanwhile,
    /// Not the password of this account.
    Wrong,
    /// The file is not a picture, is of a kind that is not accepted, or is incomplete.
    NotAPicture,
    /// The file has more than `most` bytes.
    TooManyBytes {
        most: u32,
    },
    /// The picture has more than `most` pixels.
    TooManyPixels {
        most: u32,
    },
    /// A side of the picture has fewer than `least` pixels.
    TooFewPixels {
        least: u32,
    },
}

/// One field and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub field: Field,
    #[serde(flatten)]
    pub kind: ProblemKind,
}

/// Collects the problems of a form while its fields are parsed.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Returns the value, or records what is wrong with the field.
    pub fn check<T>(&mut self, field: Field, parsed: Result<T, ProblemKind>) -> Option<T> {
        parsed.map_err(|kind| self.add(field, kind)).ok()
    }

    pub fn add(&mut self, field: Field, kind: ProblemKind) {
        self.0.push(Problem { field, kind });
    }

    pub fn into_refusal(self) -> Refusal {
        Refusal::Invalid { problems: self.0 }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
