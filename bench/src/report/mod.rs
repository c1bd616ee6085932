//! Results of a rehearsal, as numbers and as a page. `docs/rehearsal.md` describes the numbers.

mod page;
pub mod plot;

pub use page::page;

use crate::check::Check;
use crate::record::{Micros, Person, Record};
use crate::rehearsal::{Outcome, Settings};
use crate::statistics::{Histogram, Summary, percentile};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Version of the format of the numbers: incremented when a field is renamed or removed.
const FORM: &str = "frontrow-rehearsal/1";
/// Number of clients whose rank over time is shown.
const FOLLOWED: usize = 6;

/// The complete report. Seconds count from the opening.
#[derive(Clone, Debug, Serialize)]
pub struct Numbers {
    pub form: &'static str,
    pub held_at: DateTime<Utc>,
    pub concert: Concert,
    pub settings: SettingsTable,
    /// How it ended: `complete`, `stopped` by hand, or `gave_up` at its time limit.
    pub ended: &'static str,
    pub kept: bool,
    pub checks: Vec<Check>,
    pub totals: Totals,
    pub latency: Latency,
    pub seconds: Vec<Second>,
    pub ticks: Vec<TickPoint>,
    pub tick_lag: Vec<LagBucket>,
    /// Rank over time of a few clients, as (second, rank).
    pub ranks: Vec<Vec<(f64, u64)>>,
    pub errors: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Concert {
    pub id: i64,
    pub title: String,
    pub capacity: u32,
    pub batch_size: u32,
    pub interval_ms: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct SettingsTable {
    pub people: u32,
    pub curve: &'static str,
    pub duration_s: f64,
    pub leave: f64,
    pub watch: f64,
    pub sign_ins: u32,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    pub joined: usize,
    pub issued: usize,
    pub left: usize,
    pub waiting: usize,
    /// Clients whose join was never acknowledged.
    pub not_joined: usize,
    pub tried_again: u64,
    pub errors: u64,
    pub seconds: f64,
}

/// All in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// Logging in with a password.
    pub sign_in: Summary,
    /// From the first attempt to the acknowledgement.
    pub join: Summary,
    pub leave: Summary,
    /// From the instant in a tick to its arrival at a watcher.
    pub tick_lag: Summary,
    /// From learning that a ticket was issued to receiving it.
    pub receive: Summary,
    /// Delay of the load generator itself: unless this is small, the other numbers measure the
    /// generator, not the server.
    pub send_lag: Summary,
}

/// One second of the rehearsal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Second {
    pub second: i64,
    /// Joins acknowledged in this second, and their latency.
    pub joins: u64,
    pub join_p50_us: u64,
    pub join_p99_us: u64,
    /// At the end of this second.
    pub waiting: u64,
    pub watching: u64,
    pub issued: u64,
    pub left: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct TickPoint {
    pub second: f64,
    pub issued: usize,
    pub left: usize,
    pub waiting: u64,
}

/// Ticks with a lag above the previous bucket's bound and at most this one's.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LagBucket {
    pub up_to_us: u64,
    pub count: u64,
}

impl Numbers {
    pub fn of(settings: &Settings, outcome: &Outcome, held_at: DateTime<Utc>) -> Numbers {
        let record = &outcome.record;
        let summary = |of: fn(&Person) -> Option<u64>| {
            Summary::of(record.people.iter().filter_map(of).collect())
        };
        Numbers {
            form: FORM,
            held_at,
            concert: Concert {
                id: outcome.concert.id.0,
                title: outcome.concert.title.clone(),
                capacity: outcome.concert.capacity,
                batch_size: outcome.concert.batch_size,
                interval_ms: outcome.concert.interval_ms,
            },
            settings: SettingsTable {
                people: settings.people,
                curve: settings.curve.name(),
                duration_s: settings.curve.duration(settings.duration).as_secs_f64(),
                leave: settings.leave,
                watch: settings.watch,
                sign_ins: settings.sign_ins.min(settings.people),
                seed: settings.seed,
            },
            ended: match (outcome.stopped, outcome.gave_up) {
                (true, _) => "stopped",
                (_, true) => "gave_up",
                _ => "complete",
            },
            kept: outcome.kept(),
            checks: outcome.checks.clone(),
            totals: totals(record),
            latency: Latency {
                sign_in: summary(|person| person.sign_in),
                join: summary(Person::join_latency),
                leave: summary(Person::leave_latency),
                tick_lag: record.tick_lag.summary(),
                receive: summary(Person::receive_latency),
                send_lag: summary(Person::send_lag),
            },
            seconds: seconds(record),
            ticks: ticks(outcome),
            tick_lag: lags(&record.tick_lag),
            ranks: ranks(record),
            errors: record.errors.clone(),
        }
    }

    /// Writes `report.html` and `report.json` into a folder, which is created if it does not exist.
    /// Returns the path of the page.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let written = || -> Result<PathBuf> {
            std::fs::create_dir_all(folder)?;
            std::fs::write(
                folder.join("report.json"),
                serde_json::to_string_pretty(self)?,
            )?;
            let path = folder.join("report.html");
            std::fs::write(&path, page(self))?;
            Ok(path)
        };
        written().with_context(|| format!("--report {}", folder.display()))
    }
}

fn totals(record: &Record) -> Totals {
    use crate::record::EndStanding::{Issued, Left, Waiting};
    let mut totals = Totals {
        tried_again: record.tried_again,
        errors: record.errors.values().sum(),
        seconds: record
            .samples
            .last()
            .map_or(0.0, |last| seconds_of(last.at)),
        ..Totals::default()
    };
    for person in &record.people {
        match person.acknowledged() {
            Some(_) => totals.joined += 1,
            None => totals.not_joined += 1,
        }
        match person.end.as_ref().map(|end| end.standing) {
            Some(Issued) => totals.issued += 1,
            Some(Left) => totals.left += 1,
            Some(Waiting(_)) => totals.waiting += 1,
            _ => {}
        }
    }
    totals
}

fn seconds(record: &Record) -> Vec<Second> {
    let mut latencies: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for person in &record.people {
        if let (Some(acknowledged), Some(took)) = (person.acknowledged(), person.join_latency()) {
            let second = acknowledged.at.div_euclid(1_000_000);
            latencies.entry(second).or_default().push(took);
        }
    }
    let last = record
        .samples
        .iter()
        .map(|sample| sample.at.div_euclid(1_000_000))
        .chain(latencies.keys().copied())
        .max();
    let mut samples = record.samples.iter().peekable();
    let mut now = crate::record::Sample::default();
    (0..=last.unwrap_or(-1))
        .map(|second| {
            while let Some(sample) = samples.next_if(|sample| sample.at < (second + 1) * 1_000_000)
            {
                now = *sample;
            }
            let mut took = latencies.remove(&second).unwrap_or_default();
            took.sort_unstable();
            Second {
                second,
                joins: took.len() as u64,
                join_p50_us: percentile(&took, 0.5).unwrap_or_default(),
                join_p99_us: percentile(&took, 0.99).unwrap_or_default(),
                waiting: now.waiting,
                watching: now.watching,
                issued: now.issued,
                left: now.left,
            }
        })
        .collect()
}

fn ticks(outcome: &Outcome) -> Vec<TickPoint> {
    let opening = outcome.opening.timestamp_micros();
    let ticks = outcome.record.ticks.values();
    ticks
        .map(|tick| TickPoint {
            second: seconds_of(tick.id.0 - opening),
            issued: tick.issued.len(),
            left: tick.left.len(),
            waiting: tick.waiting,
        })
        .collect()
}

fn lags(histogram: &Histogram) -> Vec<LagBucket> {
    // 1, 2, 5, 10 … ms: round bounds that are easy to read off.
    let edges = (0..6).flat_map(|power| [1, 2, 5].map(|first| first * 1000 * 10u64.pow(power)));
    let mut before = 0;
    let mut buckets: Vec<LagBucket> = edges
        .map(|up_to_us| {
            let up_to = histogram.up_to(up_to_us);
            let count = up_to - before;
            before = up_to;
            LagBucket { up_to_us, count }
        })
        .collect();
    while buckets.last().is_some_and(|last| last.count == 0) {
        buckets.pop();
    }
    buckets
}

/// Returns the ranks over time of up to [`FOLLOWED`] clients whose rank changed, spread from the
/// front to the back.
fn ranks(record: &Record) -> Vec<Vec<(f64, u64)>> {
    let mut watched: Vec<&Person> = record
        .people
        .iter()
        .filter(|person| person.ranks.len() > 1)
        .collect();
    watched.sort_by_key(|person| person.ranks.first().map(|(_, rank)| *rank));
    let step = watched.len().div_ceil(FOLLOWED).max(1);
    let followed = watched.into_iter().rev().step_by(step).take(FOLLOWED);
    followed
        .map(|person| {
            let points = person.ranks.iter();
            points.map(|(at, rank)| (seconds_of(*at), *rank)).collect()
        })
        .collect()
}

fn seconds_of(micros: Micros) -> f64 {
    (micros as f64 / 1000.0).round() / 1000.0
}
