//! Checks the promises from the outside: from the answers that simulated clients received, without
//! access to any store.

use crate::record::{EndStanding, Person, Record};
use model::queue::Arrival;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Upper bound on the broken cases listed per check; the others are only counted.
const TOLD: usize = 20;

/// Result of checking one promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable name.
    pub promise: Promise,
    pub kept: bool,
    /// What was compared, with counts.
    pub looked_at: String,
    /// Number of cases that break the promise.
    pub broken: usize,
    /// The first `TOLD` of those cases.
    pub cases: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    NeverOversold,
    OneTicketPerPerson,
    StrictOrder,
    NothingLost,
    Pace,
    ShownRank,
}

impl Promise {
    /// Returns the promise in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Promise::NeverOversold => "Never oversold",
            Promise::OneTicketPerPerson => "One place and one ticket per person",
            Promise::StrictOrder => "Strict order of arrival",
            Promise::NothingLost => "Nothing that was acknowledged is lost",
            Promise::Pace => "Never faster than the pace that was set",
            Promise::ShownRank => "The rank that is shown is true",
        }
    }
}

/// Checks every promise.
pub fn all(record: &Record) -> Vec<Check> {
    vec![
        never_oversold(record),
        one_ticket_per_person(record),
        strict_order(record),
        nothing_lost(record),
        pace(record),
        shown_rank(record),
    ]
}

fn check(promise: Promise, looked_at: String, mut cases: Vec<String>) -> Check {
    let broken = cases.len();
    cases.truncate(TOLD);
    Check {
        promise,
        kept: broken == 0,
        looked_at,
        broken,
        cases,
    }
}

/// Ids of all tickets that any client has seen.
fn tickets(record: &Record) -> BTreeSet<i64> {
    let received = record
        .people
        .iter()
        .filter_map(|person| person.ticket.as_ref());
    let held = record
        .people
        .iter()
        .filter_map(|person| person.end.as_ref());
    received
        .map(|ticket| ticket.id)
        .chain(held.flat_map(|end| end.tickets.iter().map(|(id, _)| *id)))
        .collect()
}

fn never_oversold(record: &Record) -> Check {
    let tickets = tickets(record).len();
    let called: BTreeSet<Arrival> = record
        .ticks
        .values()
        .flat_map(|tick| tick.issued.iter().copied())
        .collect();
    let capacity = record.capacity as usize;
    let mut cases = Vec::new();
    if tickets > capacity {
        cases.push(format!("{tickets} different tickets were seen"));
    }
    if called.len() > capacity {
        cases.push(format!("ticks called {} people", called.len()));
    }
    let looked_at = format!("{tickets} tickets for a capacity of {capacity}");
    check(Promise::NeverOversold, looked_at, cases)
}

fn one_ticket_per_person(record: &Record) -> Check {
    let mut cases = Vec::new();
    let mut serials: BTreeMap<u32, i64> = BTreeMap::new();
    let mut owners: BTreeMap<i64, usize> = BTreeMap::new();
    let mut codes: BTreeMap<&str, i64> = BTreeMap::new();
    let mut twice = 0;
    for (n, person) in record.people.iter().enumerate() {
        let mut own: BTreeMap<i64, u32> = BTreeMap::new();
        if let Some(ticket) = &person.ticket {
            own.insert(ticket.id, ticket.serial);
            if let Some(other) = codes.insert(&ticket.code, ticket.id) {
                cases.push(format!("tickets {other} and {} have one code", ticket.id));
            }
        }
        if let Some(end) = &person.end {
            own.extend(end.tickets.iter().copied());
        }
        if own.len() > 1 {
            cases.push(format!("person {n} holds tickets {:?}", own.keys()));
        }
        for (id, serial) in own {
            if let Some(other) = owners.insert(id, n) {
                cases.push(format!(
                    "ticket {id} is shown to person {other} and to person {n}"
                ));
            }
            if let Some(other) = serials.insert(serial, id).filter(|other| *other != id) {
                cases.push(format!("tickets {other} and {id} have the serial {serial}"));
            }
        }
        if let Some(second) = person.second_join {
            twice += 1;
            if let (Some(first), Some(second)) = (person.arrival(), second)
                && first != second
            {
                cases.push(format!(
                    "person {n} joined twice and got the places {} and {}",
                    first.0, second.0
                ));
            }
        }
    }
    let looked_at = format!("{} tickets, {twice} people who joined twice", owners.len());
    check(Promise::OneTicketPerPerson, looked_at, cases)
}

fn strict_order(record: &Record) -> Check {
    let mut cases = Vec::new();
    // A join acknowledged before another one was sent must have the earlier arrival.
    let places: Vec<(i64, i64, Arrival)> = record
        .people
        .iter()
        .filter_map(|person| {
            let (join, acknowledged) = (person.join?, person.acknowledged()?);
            Some((join.sent, acknowledged.at, acknowledged.arrival?))
        })
        .collect();
    let mut by_sent = places.clone();
    by_sent.sort_unstable_by_key(|(sent, ..)| *sent);
    let mut by_acknowledged = places.clone();
    by_acknowledged.sort_unstable_by_key(|(_, acknowledged, _)| *acknowledged);
    let (mut pairs, mut before) = (0u64, 0);
    let mut latest: Option<Arrival> = None;
    for (sent, _, arrival) in by_sent {
        while before < by_acknowledged.len() && by_acknowledged[before].1 < sent {
            latest = latest.max(Some(by_acknowledged[before].2));
            before += 1;
        }
        pairs += before as u64;
        if let Some(latest) = latest.filter(|latest| *latest >= arrival) {
            cases.push(format!(
                "arrival {} was sent after {} had been acknowledged",
                arrival.0, latest.0
            ));
        }
    }
    // Serials increase in order of arrival.
    let serial = |person: &Person| {
        let end = person.end.as_ref().and_then(|end| end.tickets.first());
        let seen = person.ticket.as_ref().map(|ticket| ticket.serial);
        seen.or(end.map(|(_, serial)| *serial))
    };
    let mut issued: Vec<(u32, Arrival)> = record
        .people
        .iter()
        .filter_map(|person| Some((serial(person)?, person.arrival()?)))
        .collect();
    issued.sort_unstable();
    for two in issued.windows(2) {
        if let [(first, earlier), (second, later)] = two
            && earlier >= later
        {
            cases.push(format!(
                "ticket {first} has the arrival {}, and ticket {second} the earlier {}",
                earlier.0, later.0
            ));
        }
    }
    // No waiting account has an earlier arrival than an issued one. The sale was paused before the
    // final views were read.
    let newest = issued.iter().map(|(_, arrival)| *arrival).max();
    for (n, person) in record.people.iter().enumerate() {
        if let (Some(newest), Some(end)) = (newest, &person.end)
            && let EndStanding::Waiting(arrival) = end.standing
            && arrival < newest
        {
            cases.push(format!(
                "person {n} waits since {}, and {} has a ticket",
                arrival.0, newest.0
            ));
        }
    }
    let looked_at = format!(
        "{pairs} pairs of joins of which one was acknowledged before the other was sent, {} tickets by serial",
        issued.len()
    );
    check(Promise::StrictOrder, looked_at, cases)
}

fn nothing_lost(record: &Record) -> Check {
    let mut cases = Vec::new();
    let (mut waiting, mut issued, mut left) = (0, 0, 0);
    let acknowledged = record
        .people
        .iter()
        .enumerate()
        .filter_map(|(n, person)| Some((n, person, person.acknowledged()?)));
    let mut joins = 0;
    for (n, person, acknowledged) in acknowledged {
        joins += 1;
        let Some(end) = &person.end else {
            cases.push(format!("what became of person {n} could not be read"));
            continue;
        };
        match end.standing {
            EndStanding::Waiting(arrival) => {
                waiting += 1;
                if person.has_left() {
                    cases.push(format!("person {n} has left, and waits"));
                } else if acknowledged.arrival.is_some_and(|place| place != arrival) {
                    cases.push(format!("person {n} waits at another place, {}", arrival.0));
                }
            }
            EndStanding::Issued => {
                issued += 1;
                if person.has_left() {
                    cases.push(format!("person {n} has left, and was issued a ticket"));
                }
                if end.tickets.is_empty() {
                    cases.push(format!("person {n} was issued a ticket that is not there"));
                }
            }
            EndStanding::Left => {
                left += 1;
                if person.leave.is_none() {
                    cases.push(format!("person {n} never left, and is said to have"));
                }
            }
            EndStanding::Absent | EndStanding::Expired => {
                cases.push(format!("person {n} is {:?}", end.standing));
            }
        }
        if person.called.is_some() && end.standing != EndStanding::Issued {
            cases.push(format!(
                "person {n} was told that the turn had come, and is {:?}",
                end.standing
            ));
        }
        if let Some(ticket) = &person.ticket
            && !end.tickets.iter().any(|(id, _)| *id == ticket.id)
        {
            cases.push(format!(
                "person {n} had ticket {}, which is gone",
                ticket.id
            ));
        }
    }
    let looked_at = format!(
        "{joins} acknowledged joins: {issued} were issued a ticket, {waiting} wait, {left} have left"
    );
    check(Promise::NothingLost, looked_at, cases)
}

fn pace(record: &Record) -> Check {
    let mut cases = Vec::new();
    let mut before: Option<i64> = None;
    let (mut issuing, mut largest, mut shortest) = (0, 0, None::<i64>);
    for tick in record.ticks.values().filter(|tick| !tick.issued.is_empty()) {
        issuing += 1;
        largest = largest.max(tick.issued.len());
        let (batch_size, interval) = (tick.sale.batch_size, i64::from(tick.sale.interval_ms));
        if tick.issued.len() > batch_size as usize {
            let issued = tick.issued.len();
            cases.push(format!(
                "tick {} issued {issued}, not {batch_size}",
                tick.id.0
            ));
        }
        if let Some(before) = before {
            let apart = tick.id.0 - before;
            shortest = Some(shortest.map_or(apart, |least| least.min(apart)));
            // Both instants are from the queue's own clock, with microsecond resolution.
            if apart < interval * 1000 {
                let ms = apart as f64 / 1000.0;
                cases.push(format!(
                    "tick {} came {ms} ms after the one before",
                    tick.id.0
                ));
            }
        }
        before = Some(tick.id.0);
    }
    let apart = shortest.map_or_else(
        || "no two of them".to_owned(),
        |micros| format!("never less than {:.1} ms apart", micros as f64 / 1000.0),
    );
    let looked_at = format!("{issuing} ticks that issued tickets, at most {largest}, {apart}");
    check(Promise::Pace, looked_at, cases)
}

fn shown_rank(record: &Record) -> Check {
    let mut cases = Vec::new();
    let (mut compared, mut shown) = (0, 0);
    for (n, person) in record.people.iter().enumerate() {
        compared += person.compared;
        shown += person.ranks.len();
        for (tick, by_ticks, by_view) in &person.differing {
            cases.push(format!(
                "person {n} is {by_ticks} by ticks and {by_view} by queue_view as of tick {tick}"
            ));
        }
        for (tick, before, after) in &person.grown {
            cases.push(format!(
                "person {n} went from {before} to {after} with tick {tick}"
            ));
        }
        if person.gaps > 0 {
            cases.push(format!("person {n} missed ticks {} times", person.gaps));
        }
    }
    if record.differing_ticks > 0 {
        let differing = record.differing_ticks;
        cases.push(format!(
            "{differing} ticks were told differently to different people"
        ));
    }
    let looked_at = format!(
        "{shown} ranks shown, {compared} compared with queue_view, none of which may differ or grow"
    );
    check(Promise::ShownRank, looked_at, cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Acknowledged, End, Join, Leave, Ticket};
    use model::concerts::SaleState;
    use model::queue::{Sale, Tick, TickId};

    /// A record that keeps every promise: three accounts for two tickets. The first two are issued
    /// one each, a second apart; the third waits.
    fn kept() -> Record {
        let person = |n: i64| Person {
            due: n * 1000,
            join: Some(Join {
                sent: n * 1000,
                acknowledged: Some(Acknowledged {
                    at: n * 1000 + 500,
                    arrival: Some(Arrival(n)),
                }),
            }),
            second_join: Some(Some(Arrival(n))),
            compared: 1,
            ..Person::default()
        };
        let issued = |n: i64| Person {
            called: Some(5000),
            ticket: Some(Ticket {
                id: 10 + n,
                serial: n as u32,
                code: format!("code {n}"),
                at: 6000,
            }),
            end: Some(End {
                standing: EndStanding::Issued,
                tickets: vec![(10 + n, n as u32)],
            }),
            ..person(n)
        };
        let tick = |n: i64| Tick {
            id: TickId(n * 1_000_000),
            previous: TickId((n - 1) * 1_000_000),
            issued: vec![Arrival(n)],
            left: vec![],
            waiting: 3 - n as u64,
            sale: Sale {
                state: SaleState::Open,
                stock: 2 - n as u32,
                batch_size: 1,
                interval_ms: 1000,
            },
        };
        let third = Person {
            end: Some(End {
                standing: EndStanding::Waiting(Arrival(3)),
                tickets: vec![],
            }),
            ..person(3)
        };
        Record {
            capacity: 2,
            people: vec![issued(1), issued(2), third],
            ticks: [1, 2].map(|n| (n * 1_000_000, tick(n))).into(),
            ..Record::default()
        }
    }

    /// Returns the promises that break when `change` is applied to a record that keeps all of them.
    fn broken(change: impl FnOnce(&mut Record)) -> Vec<Promise> {
        let mut record = kept();
        change(&mut record);
        let checks = all(&record).into_iter();
        checks
            .filter(|check| !check.kept)
            .map(|check| {
                assert!(check.broken > 0 && !check.cases.is_empty(), "{check:?}");
                check.promise
            })
            .collect()
    }

    fn end(record: &mut Record, n: usize) -> &mut End {
        record.people[n].end.as_mut().unwrap()
    }

    #[test]
    fn what_keeps_every_promise_passes() {
        assert_eq!(broken(|_| {}), []);
    }

    #[test]
    fn more_tickets_than_the_capacity() {
        assert_eq!(broken(|r| r.capacity = 1), [Promise::NeverOversold]);
    }

    #[test]
    fn a_second_ticket_a_shared_one_and_a_second_place() {
        let second = |r: &mut Record| end(r, 0).tickets.push((99, 9));
        let found = broken(|r| {
            second(r);
            r.capacity = 3;
        });
        assert_eq!(found, [Promise::OneTicketPerPerson]);
        let shared = broken(|r| end(r, 2).tickets.push((11, 1)));
        assert!(shared.contains(&Promise::OneTicketPerPerson));
        let serial = broken(|r| {
            r.people[1].ticket.as_mut().unwrap().serial = 1;
            end(r, 1).tickets[0].1 = 1;
        });
        assert!(serial.contains(&Promise::OneTicketPerPerson));
        let place = broken(|r| r.people[2].second_join = Some(Some(Arrival(4))));
        assert_eq!(place, [Promise::OneTicketPerPerson]);
    }

    #[test]
    fn an_arrival_serials_and_a_turn_out_of_order() {
        let arrival = broken(|r| {
            let join = r.people[2].join.as_mut().unwrap();
            join.acknowledged.as_mut().unwrap().arrival = Some(Arrival(0));
            r.people[2].second_join = None;
            end(r, 2).standing = EndStanding::Waiting(Arrival(0));
        });
        assert_eq!(arrival, [Promise::StrictOrder]);
        let serials = broken(|r| {
            for (n, serial) in [(0, 2), (1, 1)] {
                r.people[n].ticket.as_mut().unwrap().serial = serial;
                end(r, n).tickets[0].1 = serial;
            }
        });
        assert_eq!(serials, [Promise::StrictOrder]);
        let passed_over = broken(|r| {
            r.people[0].ticket = None;
            r.people[0].called = None;
            *end(r, 0) = End {
                standing: EndStanding::Waiting(Arrival(1)),
                tickets: vec![],
            };
        });
        assert_eq!(passed_over, [Promise::StrictOrder]);
    }

    #[test]
    fn whatever_was_acknowledged_and_is_gone() {
        let lost: [fn(&mut Record); 8] = [
            |r| end(r, 2).standing = EndStanding::Absent,
            |r| end(r, 2).standing = EndStanding::Expired,
            |r| end(r, 2).standing = EndStanding::Left,
            |r| end(r, 2).standing = EndStanding::Waiting(Arrival(7)),
            |r| r.people[2].end = None,
            |r| r.people[2].called = Some(1),
            |r| end(r, 0).tickets.clear(),
            |r| {
                r.people[2].leave = Some(Leave {
                    sent: 1,
                    answered: Some((2, true)),
                });
            },
        ];
        for (n, change) in lost.into_iter().enumerate() {
            assert_eq!(broken(change), [Promise::NothingLost], "{n}");
        }
        // A leave without an answer may have taken effect or not.
        let unanswered = |r: &mut Record| {
            r.people[2].leave = Some(Leave {
                sent: 1,
                answered: None,
            });
        };
        assert_eq!(broken(unanswered), []);
        let done = |r: &mut Record| {
            unanswered(r);
            end(r, 2).standing = EndStanding::Left;
        };
        assert_eq!(broken(done), []);
    }

    #[test]
    fn a_batch_too_large_and_a_tick_too_early() {
        let large = broken(|r| {
            let tick = r.ticks.get_mut(&2_000_000).unwrap();
            tick.issued.push(Arrival(1));
        });
        assert_eq!(large, [Promise::Pace]);
        let early = broken(|r| {
            let mut tick = r.ticks.remove(&2_000_000).unwrap();
            tick.id = TickId(1_999_000);
            r.ticks.insert(1_999_000, tick);
        });
        assert_eq!(early, [Promise::Pace]);
    }

    #[test]
    fn a_rank_that_differs_or_grows_and_ticks_that_do() {
        let ranks: [fn(&mut Record); 4] = [
            |r| r.people[2].differing.push((1, 2, 3)),
            |r| r.people[2].grown.push((1, 2, 3)),
            |r| r.people[2].gaps = 1,
            |r| r.differing_ticks = 1,
        ];
        for change in ranks {
            assert_eq!(broken(change), [Promise::ShownRank]);
        }
    }
}
