//! What people were told, and when: plain data, from which everything else is worked out.
//!
//! Times are microseconds since the opening by the clock of whoever generates the load, negative before it.

use crate::statistics::Histogram;
use model::queue::{Arrival, Tick};
use std::collections::BTreeMap;

/// Microseconds since the opening.
pub type Micros = i64;

/// A whole rehearsal.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub capacity: u32,
    pub people: Vec<Person>,
    /// Every tick that anybody was sent, by its id.
    pub ticks: BTreeMap<i64, Tick>,
    /// Ticks of which two people were told different things.
    pub differing_ticks: u64,
    /// From the instant in a tick to its arrival at a watcher, in microseconds.
    pub tick_lag: Histogram,
    /// Once a second.
    pub samples: Vec<Sample>,
    /// Answers that nobody should get, and how many got them.
    pub errors: BTreeMap<String, u64>,
    /// Requests that were answered with "try again", or not at all.
    pub tried_again: u64,
}

/// What one of the people met with.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// When the curve sends them.
    pub due: Micros,
    /// How long signing in took.
    pub sign_in: Option<u64>,
    pub join: Option<Join>,
    /// The place that joining a second time gave; None inside: it was refused because of a ticket in hand.
    pub second_join: Option<Option<Arrival>>,
    pub leave: Option<Leave>,
    /// When the turn was known to have come.
    pub called: Option<Micros>,
    pub ticket: Option<Ticket>,
    /// The rank that was shown, each time it changed.
    pub ranks: Vec<(Micros, u64)>,
    /// Ranks that grew: the tick, the rank before, the rank after.
    pub grown: Vec<(i64, u64, u64)>,
    /// Ticks that did not follow on the one before in a stream.
    pub gaps: u64,
    /// How often the rank by ticks was compared with the one that `queue_view` tells as of the same tick.
    pub compared: u64,
    /// Where they differed: the tick, by ticks, by `queue_view`.
    pub differing: Vec<(i64, u64, u64)>,
    /// What stood at the end, when nothing moved any more; None: it could not be read.
    pub end: Option<End>,
}

/// A join, from the first attempt that may have given a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    pub sent: Micros,
    /// None: nobody has ever acknowledged it.
    pub acknowledged: Option<Acknowledged>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub at: Micros,
    /// None: the turn had come before the acknowledgement was read.
    pub arrival: Option<Arrival>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    pub sent: Micros,
    /// When it was answered, and whether with "you have left"; else the turn had come before.
    pub answered: Option<(Micros, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub id: i64,
    pub serial: u32,
    pub code: String,
    /// When it was in hand.
    pub at: Micros,
}

/// How somebody stood at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub standing: EndStanding,
    /// Live tickets for the concert, by id and serial.
    pub tickets: Vec<(i64, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndStanding {
    Absent,
    Waiting(Arrival),
    Issued,
    Left,
    Expired,
}

/// A moment of the whole rehearsal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub at: Micros,
    pub joined: u64,
    pub waiting: u64,
    pub watching: u64,
    pub issued: u64,
    pub left: u64,
}

impl Person {
    pub fn acknowledged(&self) -> Option<Acknowledged> {
        self.join?.acknowledged
    }

    pub fn arrival(&self) -> Option<Arrival> {
        self.acknowledged()?.arrival
    }

    /// From the first attempt to the acknowledgement, in microseconds.
    pub fn join_latency(&self) -> Option<u64> {
        let join = self.join?;
        Some((join.acknowledged?.at - join.sent).max(0) as u64)
    }

    /// By how much the generator sent a join later than the curve says: its own fault.
    pub fn send_lag(&self) -> Option<u64> {
        let signing_in = self.sign_in.unwrap_or_default() as Micros;
        Some((self.join?.sent - self.due - signing_in).max(0) as u64)
    }

    /// From learning that the turn has come to the ticket in hand, in microseconds.
    pub fn receive_latency(&self) -> Option<u64> {
        Some((self.ticket.as_ref()?.at - self.called?).max(0) as u64)
    }

    pub fn leave_latency(&self) -> Option<u64> {
        let leave = self.leave?;
        Some((leave.answered?.0 - leave.sent).max(0) as u64)
    }

    /// Whether leaving was acknowledged.
    pub fn has_left(&self) -> bool {
        self.leave
            .is_some_and(|leave| leave.answered.is_some_and(|(_, left)| left))
    }
}
