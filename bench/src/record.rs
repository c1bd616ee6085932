//! What the simulated clients received, and when: plain data, the basis of all checks and reports.
//!
//! Times are microseconds since the opening by the load generator's clock, negative before it.

use crate::statistics::Histogram;
use model::queue::{Arrival, Tick};
use std::collections::BTreeMap;

/// Microseconds since the opening.
pub type Micros = i64;

/// Record of a whole rehearsal.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub capacity: u32,
    pub people: Vec<Person>,
    /// Every tick that any client received, by id.
    pub ticks: BTreeMap<i64, Tick>,
    /// Times that a tick arrived with contents different from those that came first.
    pub differing_ticks: u64,
    /// From the instant in a tick to its arrival at a watcher, in microseconds.
    pub tick_lag: Histogram,
    /// One per second.
    pub samples: Vec<Sample>,
    /// Unexpected answers, and how many times each was received.
    pub errors: BTreeMap<String, u64>,
    /// Requests answered with "try again", or not at all.
    pub tried_again: u64,
}

/// Record of one simulated client.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Arrival time by the curve.
    pub due: Micros,
    /// Duration of the log-in, in microseconds.
    pub sign_in: Option<u64>,
    pub join: Option<Join>,
    /// Arrival from the second join. The inner value is `None` if the answer had none: the account
    /// holds a ticket.
    pub second_join: Option<Option<Arrival>>,
    pub leave: Option<Leave>,
    /// When the client learnt that a ticket was issued.
    pub called: Option<Micros>,
    pub ticket: Option<Ticket>,
    /// Each change of the displayed rank.
    pub ranks: Vec<(Micros, u64)>,
    /// Ranks that grew: the tick, the rank before, the rank after.
    pub grown: Vec<(i64, u64, u64)>,
    /// Ticks that did not follow the previous one in a stream.
    pub gaps: u64,
    /// Number of comparisons of the rank by ticks with that of `queue_view` as of the same tick.
    pub compared: u64,
    /// Comparisons that differ: the tick, the rank by ticks, the rank by `queue_view`.
    pub differing: Vec<(i64, u64, u64)>,
    /// Final standing, once the sale is paused; `None` if it could not be read.
    pub end: Option<End>,
}

/// A join, from the first attempt that may have created a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    pub sent: Micros,
    /// `None` if the join was never acknowledged.
    pub acknowledged: Option<Acknowledged>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub at: Micros,
    /// `None` if a ticket was issued before the acknowledgement was read.
    pub arrival: Option<Arrival>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    pub sent: Micros,
    /// When it was answered, and whether the place was given up; if not, a ticket was issued
    /// before.
    pub answered: Option<(Micros, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub id: i64,
    pub serial: u32,
    pub code: String,
    /// When the client received it.
    pub at: Micros,
}

/// Final standing of an account.
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

/// Counts at one moment of the rehearsal.
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

    /// Returns the time from the first attempt to the acknowledgement, in microseconds.
    pub fn join_latency(&self) -> Option<u64> {
        let join = self.join?;
        Some((join.acknowledged?.at - join.sent).max(0) as u64)
    }

    /// Returns how much later than planned the generator sent the join, in microseconds. This delay
    /// is the generator's, not the server's.
    pub fn send_lag(&self) -> Option<u64> {
        let signing_in = self.sign_in.unwrap_or_default() as Micros;
        Some((self.join?.sent - self.due - signing_in).max(0) as u64)
    }

    /// Returns the time from learning that a ticket was issued to receiving it, in microseconds.
    pub fn receive_latency(&self) -> Option<u64> {
        Some((self.ticket.as_ref()?.at - self.called?).max(0) as u64)
    }

    pub fn leave_latency(&self) -> Option<u64> {
        let leave = self.leave?;
        Some((leave.answered?.0 - leave.sent).max(0) as u64)
    }

    /// Returns whether leaving was acknowledged.
    pub fn has_left(&self) -> bool {
        self.leave
            .is_some_and(|leave| leave.answered.is_some_and(|(_, left)| left))
    }
}
