//! The one error that crosses the wire.

use crate::sessions::EndReason;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why a request was not carried out. The serialised `code` is stable: clients may match on it.
///
/// A refusal never carries a driver's text; its words in the reader's language are chosen where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// Fields of a form are wrong; every problem found is listed, the ones between two fields last.
    Invalid {
        problems: Vec<Problem>,
    },
    AccountNameTaken,
    EmailTaken,
    /// Unknown account or wrong password: deliberately the same.
    WrongCredentials,
    /// Of somebody who is logged in, and has to give it once more.
    WrongPassword,
    NotLoggedIn,
    /// The session that the refresh token belongs to was ended.
    SessionEnded {
        reason: EndReason,
    },
    /// By an admin. Said only to whoever knows the password.
    AccountDeactivated,
    /// By its owner; an admin can restore it until then. Said only to whoever knows the password.
    AccountDeleted {
        until: DateTime<Utc>,
    },
    /// Nobody may take away their own rights: there would be nobody left who could give them back.
    OwnAccount,
    /// It was sent from a page of another account than the one that is logged in now; nothing was done.
    OtherAccount,
    Forbidden,
    NotFound,
    /// The request itself could not be understood (a missing argument, a malformed number in an address).
    Malformed,
    SaleNotOpen {
        opens_at: DateTime<Utc>,
    },
    SaleClosed,
    /// The account already holds a ticket for this concert and needs no place.
    HoldsTicket,
    /// Capacity below what is already issued.
    CapacityBelowIssued {
        issued: u32,
    },
    /// These fields were changed by another since the form was opened, and to something else here.
    ChangedMeanwhile {
        fields: Vec<Field>,
    },
    TooLarge,
    /// Of this account, or of the whole server: the place can still be asked for.
    TooManyStreams,
    /// More than is good for everybody: from this address, in this session, or of this account. The same request may be
    /// sent again after so many seconds.
    TooManyRequests {
        retry_after_s: u32,
    },
    /// A store is away or a queue is being rebuilt: nothing was lost, the same request may be sent again.
    Unavailable,
    /// Our fault. The cause is in the server's log.
    Internal,
}

impl Refusal {
    /// The HTTP status that answers this refusal.
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

    /// Seconds after which the same request may be sent again; None: it would be refused again.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Refusal::TooManyRequests { retry_after_s } => Some(*retry_after_s),
            Refusal::Unavailable => Some(2),
            _ => None,
        }
    }

    /// The problem of one field, for showing it beside that field.
    ///
    /// A taken name or e-mail is a problem of its field, too.
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

/// A field of one of our forms. Serialised as the `name` of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    AccountName,
    Password,
    /// The password in use, for changing something that needs it.
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
    /// Why all tickets of an account are.
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
    /// Holds a character that this field does not allow.
    BadCharacters,
    /// Easy to guess: too few different characters, or it holds the account's name.
    TooWeak,
    /// A password that very many people use.
    TooCommon,
    /// Not an e-mail address, a date, a number: not what the field asks for.
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
    /// The concert would begin before now.
    InThePast,
    Taken,
    /// A name that would pass for one of the service's staff.
    Reserved,
    BelowIssued,
    /// By another, since the form was opened.
    ChangedMeanwhile,
    /// Not the password of this account.
    Wrong,
    /// A file that is no picture, of a kind that is not taken, or not whole.
    NotAPicture,
    /// A file of more bytes.
    TooManyBytes {
        most: u32,
    },
    /// A picture of more pixels.
    TooManyPixels {
        most: u32,
    },
    /// A picture with a side of fewer pixels.
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
    /// Keeps the value, or notes what is wrong with the field.
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
