//! Places, ranks and ticks: the arithmetic that server and browser share.

use crate::concerts::{Concert, ConcertId, SaleState};
use crate::tickets::TicketId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// When an entry joined: microseconds since the epoch, strictly increasing per queue. Both a time
/// and a unique order.
///
/// Below 2^53, so that it is exact as a Redis score and as a JavaScript number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arrival(pub i64);

impl Arrival {
    pub fn instant(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }

    /// Returns the arrivals given by differences, each from the arrival before it, the first from
    /// the epoch. Returns `None` on overflow.
    pub fn from_steps(steps: impl IntoIterator<Item = i64>) -> Option<Vec<Arrival>> {
        let mut at = 0_i64;
        let arrivals = steps.into_iter().map(|step| {
            at = at.checked_add(step)?;
            Some(Arrival(at))
        });
        arrivals.collect()
    }
}

/// Id of a tick within a queue; later ticks have larger ids. 0 comes before every tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TickId(pub i64);

/// What changed in one queue since the previous tick.
///
/// Arrivals are written as differences ([`Arrival::from_steps`]), which have far fewer digits:
/// every watcher of the queue receives the same tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    pub id: TickId,
    /// The tick before this one. A watcher that has not seen it has a gap and must read its
    /// standing again.
    pub previous: TickId,
    /// Arrivals that were issued a ticket, in order.
    #[serde(with = "steps")]
    pub issued: Vec<Arrival>,
    /// Arrivals that left on their own.
    #[serde(with = "steps")]
    pub left: Vec<Arrival>,
    /// People still waiting.
    pub waiting: u64,
    pub sale: Sale,
}

mod steps {
    use super::*;

    pub fn serialize<S: Serializer>(arrivals: &[Arrival], to: S) -> Result<S::Ok, S::Error> {
        let before = [Arrival(0)];
        let before = before.iter().chain(arrivals);
        to.collect_seq(
            arrivals
                .iter()
                .zip(before)
                .map(|(at, before)| at.0 - before.0),
        )
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arrival>, D::Error> {
        let steps = Vec::<i64>::deserialize(from)?;
        Arrival::from_steps(steps).ok_or_else(|| de::Error::custom("arrivals without end"))
    }
}

/// What all people in a queue may know about the sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    pub state: SaleState,
    /// Tickets left to sell.
    pub stock: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
}

/// Standing of one account in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Has no place and holds no ticket.
    Absent,
    Waiting {
        arrival: Arrival,
        /// People ahead + 1.
        rank: u64,
        /// The rank on joining, where the progress bar begins.
        joined_rank: u64,
    },
    /// A ticket was issued. `ticket` is `None` between the tick and the next read.
    Issued {
        ticket: Option<TicketId>,
    },
    Left,
    /// The sale ended while the entry was waiting.
    Expired,
}

/// Everything that the queue page shows about one account's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    pub concert_id: ConcertId,
    #[serde(flatten)]
    pub standing: Standing,
    /// The tick as of which this is true.
    pub tick: TickId,
    pub waiting: u64,
    pub sale: Sale,
    pub sale_opens_at: DateTime<Utc>,
    pub server_time: DateTime<Utc>,
}

/// A place held by an account, in any queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPlace {
    pub concert: Concert,
    pub arrival: Arrival,
}

/// Result of applying a tick to a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The view is now true as of the tick.
    Yes,
    /// The tick is not newer than the view; nothing changed.
    Old,
    /// Ticks between the view and this one are missing: read the standing again. Nothing changed.
    Gap,
}

impl QueueView {
    /// Advances the view by one tick.
    pub fn apply(&mut self, tick: &Tick) -> Applied {
        if tick.id <= self.tick {
            return Applied::Old;
        }
        if tick.previous != self.tick {
            return Applied::Gap;
        }
        if let Standing::Waiting { arrival, rank, .. } = &mut self.standing {
            let arrival = *arrival;
            if tick.issued.contains(&arrival) {
                self.standing = Standing::Issued { ticket: None };
            } else if tick.left.contains(&arrival) {
                self.standing = Standing::Left;
            } else {
                let gone = tick
                    .issued
                    .iter()
                    .chain(&tick.left)
                    .filter(|a| **a < arrival)
                    .count();
                *rank = rank.saturating_sub(gone as u64).max(1);
            }
        }
        self.tick = tick.id;
        self.waiting = tick.waiting;
        self.sale = tick.sale.clone();
        Applied::Yes
    }
}

impl Sale {
    /// Returns whether the tickets left reach this rank if no people ahead leave.
    pub fn reaches(&self, rank: u64) -> bool {
        rank <= u64::from(self.stock)
    }

    /// Returns whether a ticket is issued with the next batch.
    pub fn nearly_there(&self, rank: u64) -> bool {
        self.state == SaleState::Open && self.reaches(rank) && rank <= u64::from(self.batch_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sale(stock: u32) -> Sale {
        Sale {
            state: SaleState::Open,
            stock,
            batch_size: 10,
            interval_ms: 1000,
        }
    }

    fn view(arrival: i64, rank: u64) -> QueueView {
        let standing = Standing::Waiting {
            arrival: Arrival(arrival),
            rank,
            joined_rank: rank,
        };
        let epoch = DateTime::UNIX_EPOCH;
        QueueView {
            concert_id: ConcertId(1),
            standing,
            tick: TickId(0),
            waiting: 0,
            sale: sale(100),
            sale_opens_at: epoch,
            server_time: epoch,
        }
    }

    proptest! {
        /// With any batches issued and any leavers, the rank updated by ticks equals the rank
        /// recounted.
        #[test]
        fn the_rank_by_ticks_is_the_rank_by_counting(
            people in 1usize..60,
            me in 0usize..60,
            plan in prop::collection::vec((0usize..5, prop::collection::vec(0usize..60, 0..4)), 0..20),
        ) {
            let me = Arrival((me % people) as i64);
            let mut queue: Vec<Arrival> = (0..people as i64).map(Arrival).collect();
            let mut mine = view(me.0, me.0 as u64 + 1);
            for (n, (batch, leavers)) in plan.into_iter().enumerate() {
                let mut left = Vec::new();
                for leaver in leavers {
                    if leaver < queue.len() {
                        left.push(queue.remove(leaver));
                    }
                }
                let issued: Vec<_> = queue.drain(..batch.min(queue.len())).collect();
                let tick = Tick {
                    id: TickId(n as i64 + 1), previous: TickId(n as i64),
                    issued: issued.clone(), left: left.clone(), waiting: queue.len() as u64, sale: sale(100),
                };
                let was_waiting = matches!(mine.standing, Standing::Waiting { .. });
                prop_assert_eq!(mine.apply(&tick), Applied::Yes);
                prop_assert_eq!(mine.apply(&tick), Applied::Old);
                match &mine.standing {
                    Standing::Waiting { rank, .. } => {
                        let ahead = queue.iter().filter(|a| **a < me).count() as u64;
                        prop_assert!(queue.contains(&me));
                        prop_assert_eq!(*rank, ahead + 1);
                    }
                    Standing::Issued { .. } => prop_assert!(!was_waiting || issued.contains(&me)),
                    Standing::Left => prop_assert!(!was_waiting || left.contains(&me)),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_tick_is_read_as_it_was_written(
            issued in prop::collection::vec(0i64..1 << 53, 0..9),
            left in prop::collection::vec(0i64..1 << 53, 0..9),
        ) {
            let arrivals = |list: Vec<i64>| list.into_iter().map(Arrival).collect();
            let (issued, left) = (arrivals(issued), arrivals(left));
            let tick = Tick { id: TickId(1), previous: TickId(0), issued, left, waiting: 3, sale: sale(1) };
            let written = serde_json::to_string(&tick).unwrap();
            prop_assert_eq!(serde_json::from_str::<Tick>(&written).unwrap(), tick);
        }
    }

    #[test]
    fn arrivals_are_written_as_steps_and_none_is_made_up() {
        let tick = |left: &str| {
            format!(
                r#"{{"id":9,"previous":8,"issued":[],"left":{left},"waiting":1,"sale":{{"state":"open","stock":5,"batch_size":1,"interval_ms":1000}}}}"#
            )
        };
        let written = tick("[1795231864251251,2248,1]");
        let read: Tick = serde_json::from_str(&written).unwrap();
        let left = [1795231864251251, 1795231864253499, 1795231864253500].map(Arrival);
        assert_eq!(read.left, left);
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
        for odd in ["[9223372036854775807,1]", "[1,\"2\"]", "[1.5]", "null"] {
            assert!(serde_json::from_str::<Tick>(&tick(odd)).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_missed_tick_is_noticed() {
        let mut mine = view(7, 8);
        let tick = Tick {
            id: TickId(5),
            previous: TickId(4),
            issued: vec![Arrival(1)],
            left: vec![],
            waiting: 9,
            sale: sale(5),
        };
        let before = mine.clone();
        assert_eq!(mine.apply(&tick), Applied::Gap);
        assert_eq!(mine, before);
    }

    #[test]
    fn nearly_there_is_in_the_next_batch() {
        assert!(sale(100).nearly_there(10) && !sale(100).nearly_there(11));
        assert!(!sale(9).nearly_there(10));
    }

    #[test]
    fn the_wire_names_are_stable() {
        let json = serde_json::to_value(view(3, 4)).unwrap();
        assert_eq!(json["standing"], "waiting");
        assert_eq!(json["rank"], 4);
        assert_eq!(json["sale"]["state"], "open");
    }
}
