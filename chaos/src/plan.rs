//! The plan of a seed: the sales, what each simulated client does and when, and which faults happen
//! when.

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

pub const SERVERS: usize = 3;

/// How long faults are injected; everything is healed after that.
const WINDOW: Duration = Duration::from_millis(5_500);

/// The fail points in the code, each with the latest passage at which it may be armed: a server
/// passes some of them with every join, and others only when a queue is built.
pub const POINTS: [(&str, u32); 15] = [
    ("join::placed", 20),
    ("join::recorded", 20),
    ("leave::recorded", 3),
    ("cancel::committed", 2),
    ("issue::claimed", 5),
    ("issue::begun", 5),
    ("issue::inserted", 5),
    ("issue::ready", 5),
    ("issue::due", 5),
    ("issue::committed", 5),
    ("acknowledge::done", 5),
    ("build::begun", 1),
    ("build::fenced", 1),
    ("build::loaded", 1),
    ("build::finished", 1),
];

/// The keys without which a queue is not whole.
const PARTS: [&str; 5] = ["waiting", "inflight", "leaving", "holders", "state"];

/// Number of `left` entries at which building a queue would take seconds if the build read them.
const MANY: u32 = 500_000;

/// How far the clock of a server's machine may be wrong, in milliseconds. A sale's concert begins
/// in an hour or more.
const CLOCKS_MS: [i64; 6] = [0, 0, 400, -3_000, 36_000_000, -36_000_000];

/// Steps by which Redis's clock is set, in milliseconds.
const STEPS_MS: [i64; 6] = [150, 400, 3_600_000, -400, -30_000, -3_600_000];

pub struct Plan {
    pub seed: u64,
    /// How long a claim belongs to a server.
    pub lease: Duration,
    /// The first sale is large; up to two small ones run beside it.
    pub sales: Vec<Sale>,
    /// Entries in state `left` that the first sale has on record before it begins.
    pub left_before: u32,
    /// For each server, what each of its processes does to itself, in order of their starts. Later
    /// processes do nothing.
    pub processes: [Vec<Process>; SERVERS],
    /// How far the clock of each server's machine is ahead, in milliseconds.
    pub clocks_ahead_ms: [i64; SERVERS],
    pub faults: Vec<(Duration, Fault)>,
    pub window: Duration,
}

pub struct Sale {
    pub capacity: u32,
    pub batch_size: u32,
    pub interval: Duration,
    /// From the start of the run; `None` if the sale has been open for a minute.
    pub opens_in: Option<Duration>,
    pub people: Vec<Person>,
}

/// What one simulated client does. `joins_at` counts from the start of the run, the other times
/// from the step before.
#[derive(Clone, Debug)]
pub struct Person {
    pub joins_at: Duration,
    /// Joins again although the account already waits.
    pub rejoins: Option<Duration>,
    pub leaves: Option<Duration>,
    /// Cancels the ticket as soon as it is seen.
    pub cancels: bool,
    /// Joins once more after leaving or cancelling.
    pub again: Option<Duration>,
    /// Follows the event stream.
    pub watches: bool,
}

/// One process of a server, from start to death.
#[derive(Clone, Debug)]
pub struct Process {
    pub armed: Vec<Armed>,
    /// How long a fail point that stops the process keeps it asleep: longer than the lease.
    pub sleep: Duration,
    /// Delay before the server is started again after this process died.
    pub away: Duration,
}

#[derive(Clone, Debug)]
pub struct Armed {
    pub point: &'static str,
    pub kills: bool,
    /// The passage at which the fail point acts, counted from 1.
    pub turn: u32,
}

#[derive(Clone, Debug)]
pub enum Fault {
    KillServer {
        server: usize,
    },
    /// SIGSTOP, and SIGCONT after `asleep`.
    StopServer {
        server: usize,
        asleep: Duration,
    },
    KillRedis {
        away: Duration,
    },
    FlushRedis,
    /// One key of a queue is deleted, as by an eviction.
    LosePart {
        sale: usize,
        part: &'static str,
    },
    /// Another Redis, without the queue, takes over and serves for `after`; then the former one is
    /// back with its data.
    FailBack {
        sale: usize,
        after: Duration,
    },
    /// A transaction from outside Frontrow holds the row of a sale.
    LockSale {
        sale: usize,
        lasts: Duration,
    },
    /// Redis has no memory for new data for `lasts`.
    FillRedis {
        lasts: Duration,
    },
    /// Redis's clock is set, forward or back: the instants that a queue has noted are that much
    /// earlier or later relative to now.
    SetRedisClock {
        sale: usize,
        by_ms: i64,
    },
    /// Redis is killed and restarts with the files it had `age` before.
    OldRedis {
        age: Duration,
        away: Duration,
    },
    /// SIGQUIT is PostgreSQL's immediate shutdown; SIGKILL also leaves its child processes
    /// orphaned.
    EndPostgres {
        signal: Signal,
        away: Duration,
    },
    /// PostgreSQL is replaced by a standby that received nothing in the last `age`.
    LoseCommits {
        age: Duration,
        away: Duration,
    },
    /// Every subscription to wake-ups is broken again and again for `lasts`: what is published
    /// meanwhile is lost.
    LoseWakeUps {
        lasts: Duration,
    },
    /// The connections of a server to a store are disturbed.
    Line {
        server: usize,
        store: embedded::Store,
        trouble: Trouble,
        lasts: Duration,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Every connection is dropped, new ones as well.
    Cut,
    /// Nothing is forwarded, but the connections stay: what was sent arrives when the fault is
    /// over.
    Stalled,
    /// Requests of the server are forwarded, answers are not; afterwards the connections are
    /// dropped.
    Mute,
}

impl Fault {
    /// Returns the name in the table at the end of the report.
    pub fn name(&self) -> &'static str {
        use embedded::Store::{Postgres, Redis};
        match self {
            Fault::KillServer { .. } => "server killed",
            Fault::StopServer { .. } => "server stopped beyond its lease and woken",
            Fault::KillRedis { .. } => "Redis killed",
            Fault::FlushRedis => "FLUSHALL",
            Fault::LosePart { .. } => "a part of a queue lost",
            Fault::FailBack { .. } => "Redis failed over and back",
            Fault::LockSale { .. } => "a sale's row locked",
            Fault::FillRedis { .. } => "Redis full",
            Fault::SetRedisClock { .. } => "Redis's clock set",
            Fault::LoseWakeUps { .. } => "wake-ups lost",
            Fault::OldRedis { .. } => "Redis restarted from an older copy",
            Fault::LoseCommits { .. } => "PostgreSQL without its last commits",
            Fault::EndPostgres {
                signal: Signal::SIGQUIT,
                ..
            } => "PostgreSQL stopped immediately",
            Fault::EndPostgres { .. } => "PostgreSQL killed",
            Fault::Line { store, trouble, .. } => match (store, trouble) {
                (Redis, Trouble::Cut) => "line to Redis cut",
                (Redis, Trouble::Stalled) => "line to Redis stalled",
                (Redis, Trouble::Mute) => "line to Redis without answers",
                (Postgres, Trouble::Cut) => "line to PostgreSQL cut",
                (Postgres, Trouble::Stalled) => "line to PostgreSQL stalled",
                (Postgres, Trouble::Mute) => "line to PostgreSQL without answers",
            },
        }
    }

    /// Whether this fault may make Redis lose what PostgreSQL has lost as well.
    fn loses_what_redis_knows(&self) -> bool {
        matches!(
            self,
            Fault::KillRedis { .. }
                | Fault::FlushRedis
                | Fault::LosePart { .. }
                | Fault::FailBack { .. }
                | Fault::OldRedis { .. }
        )
    }
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let rng = &mut StdRng::seed_from_u64(seed);
        let lease = millis(if rng.random_bool(0.1) { 5_000 } else { 1_000 });
        let mut sales = vec![sale(rng, 200..=300)];
        for _ in 0..[0, 0, 1, 2][rng.random_range(0..4)] {
            sales.push(sale(rng, 20..=40));
        }
        let loses_commits = rng.random_bool(0.1);
        Plan {
            seed,
            lease,
            left_before: if rng.random_bool(0.1) { MANY } else { 0 },
            processes: std::array::from_fn(|_| (0..4).map(|_| process(rng, lease)).collect()),
            clocks_ahead_ms: std::array::from_fn(|_| {
                CLOCKS_MS[rng.random_range(0..CLOCKS_MS.len())]
            }),
            faults: faults(rng, lease, sales.len(), loses_commits),
            sales,
            window: WINDOW,
        }
    }

    pub fn people(&self) -> usize {
        self.sales.iter().map(|sale| sale.people.len()).sum()
    }
}

fn sale(rng: &mut StdRng, people: RangeInclusive<u32>) -> Sale {
    let number = rng.random_range(people);
    // Occasionally there are more tickets than clients.
    let share = if rng.random_bool(0.1) {
        1.2
    } else {
        rng.random_range(0.35..0.45)
    };
    let opens_in = rng.random_bool(0.75).then(|| between(rng, 200, 1_000));
    Sale {
        capacity: (f64::from(number) * share) as u32,
        batch_size: rng.random_range(3..=7),
        interval: between(rng, 150, 300),
        people: (0..number).map(|_| person(rng, opens_in)).collect(),
        opens_in,
    }
}

fn person(rng: &mut StdRng, opens_in: Option<Duration>) -> Person {
    // Most clients come for the opening.
    let rush = millis(200) + opens_in.unwrap_or_default();
    let latest = if rng.random_bool(0.55) {
        rush
    } else {
        WINDOW - millis(1_000)
    };
    let leaves = rng.random_bool(0.15).then(|| between(rng, 50, 1_500));
    let cancels = leaves.is_none() && rng.random_bool(0.15);
    let again = (leaves.is_some() || cancels) && rng.random_bool(0.5);
    Person {
        joins_at: rng.random_range(Duration::ZERO..latest),
        rejoins: rng.random_bool(0.4).then(|| between(rng, 20, 1_000)),
        leaves,
        cancels,
        again: again.then(|| between(rng, 20, 500)),
        watches: rng.random_bool(0.2),
    }
}

fn process(rng: &mut StdRng, lease: Duration) -> Process {
    let armed = (0..rng.random_range(1..=2)).filter_map(|_| {
        let (point, most) = POINTS.choose(rng)?;
        let (kills, turn) = (rng.random_bool(0.7), rng.random_range(1..=*most));
        Some(Armed { point, kills, turn })
    });
    Process {
        armed: armed.collect(),
        sleep: beyond(rng, lease),
        away: between(rng, 0, 600),
    }
}

/// Draws the faults. A seed in which PostgreSQL loses commits has none by which Redis loses data:
/// what both have lost is on record nowhere.
fn faults(
    rng: &mut StdRng,
    lease: Duration,
    sales: usize,
    loses_commits: bool,
) -> Vec<(Duration, Fault)> {
    let mut faults: Vec<_> = (0..rng.random_range(6..=10))
        .map(|_| {
            (
                between(rng, 100, WINDOW.as_millis() as u64),
                fault(rng, lease, sales),
            )
        })
        .filter(|(_, fault)| !(loses_commits && fault.loses_what_redis_knows()))
        .collect();
    if loses_commits {
        let fault = Fault::LoseCommits {
            age: between(rng, 300, 1_500),
            away: between(rng, 0, 500),
        };
        faults.push((between(rng, 1_000, 4_000), fault));
    }
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn fault(rng: &mut StdRng, lease: Duration, sales: usize) -> Fault {
    let server = rng.random_range(0..SERVERS);
    let sale = rng.random_range(0..sales);
    match rng.random_range(0..100) {
        0..10 => Fault::KillServer { server },
        10..20 => Fault::StopServer {
            server,
            asleep: beyond(rng, lease),
        },
        20..27 => Fault::KillRedis {
            away: between(rng, 0, 800),
        },
        27..34 => Fault::FlushRedis,
        34..42 => Fault::LosePart {
            sale,
            part: PARTS[rng.random_range(0..PARTS.len())],
        },
        42..46 => Fault::FillRedis {
            lasts: between(rng, 200, 1_500),
        },
        46..52 => Fault::SetRedisClock {
            sale,
            by_ms: STEPS_MS[rng.random_range(0..STEPS_MS.len())],
        },
        52..58 => Fault::OldRedis {
            age: between(rng, 500, 1_500),
            away: between(rng, 0, 500),
        },
        58..64 => Fault::FailBack {
            sale,
            after: between(rng, 300, 1_500),
        },
        64..69 => Fault::LockSale {
            sale,
            lasts: between(rng, 300, 2_500),
        },
        69..74 => Fault::LoseWakeUps {
            lasts: between(rng, 500, 2_500),
        },
        74..81 => {
            let signal = if rng.random_bool(0.7) {
                Signal::SIGQUIT
            } else {
                Signal::SIGKILL
            };
            Fault::EndPostgres {
                signal,
                away: between(rng, 0, 800),
            }
        }
        _ => {
            let store = if rng.random() {
                embedded::Store::Redis
            } else {
                embedded::Store::Postgres
            };
            let trouble = [Trouble::Cut, Trouble::Stalled, Trouble::Mute][rng.random_range(0..3)];
            Fault::Line {
                server,
                store,
                trouble,
                lasts: between(rng, 100, 2_500),
            }
        }
    }
}

fn beyond(rng: &mut StdRng, lease: Duration) -> Duration {
    lease.mul_f64(rng.random_range(1.05..1.6)) + between(rng, 0, 300)
}

fn between(rng: &mut StdRng, least: u64, most: u64) -> Duration {
    millis(rng.random_range(least..=most))
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl fmt::Display for Process {
    /// Formats the armed fail points as `FRONTROW_FAILPOINTS` expects them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.armed.iter().map(|armed| {
            let word = if armed.kills { "kill" } else { "stop" };
            format!("{}={word}@{}", armed.point, armed.turn)
        });
        f.write_str(&armed.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "lease {:?}; clocks of servers ahead by {:?} ms; {} entries before the first sale",
            self.lease, self.clocks_ahead_ms, self.left_before
        )?;
        for (index, sale) in self.sales.iter().enumerate() {
            let opens = match sale.opens_in {
                Some(opens_in) => format!("opens after {opens_in:?}"),
                None => "open from the start".to_owned(),
            };
            writeln!(
                f,
                "sale {index}: {} tickets for {} people, {} every {:?}, {opens}",
                sale.capacity,
                sale.people.len(),
                sale.batch_size,
                sale.interval,
            )?;
        }
        for (at, fault) in &self.faults {
            writeln!(f, "{at:>8.1?}  {fault:?}")?;
        }
        for (server, processes) in self.processes.iter().enumerate() {
            for process in processes {
                let Process { sleep, away, .. } = process;
                writeln!(
                    f,
                    "server {server}: {process}, asleep for {sleep:?}, away for {away:?}"
                )?;
            }
        }
        for (index, sale) in self.sales.iter().enumerate() {
            for person in &sale.people {
                writeln!(f, "sale {index}: {person:?}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn a_seed_is_one_plan() {
        assert_eq!(Plan::of(7).to_string(), Plan::of(7).to_string());
        assert_ne!(Plan::of(7).to_string(), Plan::of(8).to_string());
    }

    #[test]
    fn every_fail_point_in_the_code_is_known() {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/src");
        let mut found = BTreeSet::new();
        let mut folders = vec![services];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).expect("a file");
                    for after in text.split("fail_point!(\"").skip(1) {
                        found.extend(after.split('"').next().map(str::to_owned));
                    }
                }
            }
        }
        let known: BTreeSet<String> = POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, known);
    }
}
