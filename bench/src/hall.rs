//! State shared by all simulated clients of a rehearsal: the HTTP client, the clock, and the counts
//! so far.

use crate::client::Client;
use crate::record::{Micros, Sample};
use crate::statistics::Histogram;
use model::concerts::ConcertId;
use model::queue::{Sale, Tick, TickId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub struct Hall {
    pub client: Client,
    pub concert: ConcertId,
    pub clock: Clock,
    pub counts: Counts,
    pub join_latency: Mutex<Histogram>,
    pub tick_lag: Mutex<Histogram>,
    ticks: Mutex<Ticks>,
    errors: Mutex<BTreeMap<String, u64>>,
    /// The sale as of the newest tick or view, and the id of that tick.
    sale: Mutex<Option<(TickId, Sale)>>,
    /// Cancelled to stop all simulated clients.
    pub closing: CancellationToken,
}

impl Hall {
    pub fn new(client: Client, concert: ConcertId, clock: Clock) -> Hall {
        Hall {
            client,
            concert,
            clock,
            counts: Counts::default(),
            join_latency: Mutex::default(),
            tick_lag: Mutex::default(),
            ticks: Mutex::default(),
            errors: Mutex::default(),
            sale: Mutex::default(),
            closing: CancellationToken::new(),
        }
    }

    /// Parses a tick; a text that other clients have received already is not parsed again. Returns
    /// `None` if it is not a valid tick.
    pub fn tick(&self, json: &str) -> Option<Arc<Tick>> {
        // The text starts with {"id":1795231868260571,"previous":…: the id is enough to look it up.
        let id = json.strip_prefix("{\"id\":").and_then(|rest| {
            let digits = rest.split(',').next()?;
            digits.parse::<i64>().ok()
        });
        if let Some(known) = id.and_then(|id| lock(&self.ticks).known(id, json)) {
            return Some(known);
        }
        let tick: Arc<Tick> = Arc::new(serde_json::from_str(json).ok()?);
        self.heard_of(tick.id, &tick.sale);
        lock(&self.ticks).add(tick.clone(), json);
        Some(tick)
    }

    /// Records the sale as of a tick, unless a newer one is known.
    pub fn heard_of(&self, tick: TickId, sale: &Sale) {
        let mut known = lock(&self.sale);
        if known.as_ref().is_none_or(|(newest, _)| *newest <= tick) {
            *known = Some((tick, sale.clone()));
        }
    }

    pub fn sale(&self) -> Option<Sale> {
        lock(&self.sale).as_ref().map(|(_, sale)| sale.clone())
    }

    /// Returns all ticks so far, and how many times a tick arrived with different contents.
    pub fn ticks(&self) -> (BTreeMap<i64, Tick>, u64) {
        let ticks = lock(&self.ticks);
        let all = ticks.by_id.iter();
        (
            all.map(|(id, (_, tick))| (*id, Tick::clone(tick)))
                .collect(),
            ticks.differing,
        )
    }

    pub fn complain(&self, what: String) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
        let mut errors = lock(&self.errors);
        // Bounds the map: a fault that every client sees with a different text would add thousands
        // of entries.
        let known = errors.len() < 50 || errors.contains_key(&what);
        let what = if known { what } else { "and others".to_owned() };
        *errors.entry(what).or_default() += 1;
    }

    pub fn errors(&self) -> BTreeMap<String, u64> {
        lock(&self.errors).clone()
    }

    /// Returns the counts as of now.
    pub fn sample(&self) -> Sample {
        let counts = &self.counts;
        let (joined, issued, left) = (
            counts.joined.load(Ordering::Relaxed),
            counts.issued.load(Ordering::Relaxed),
            counts.left.load(Ordering::Relaxed),
        );
        Sample {
            at: self.clock.now(),
            joined,
            waiting: joined.saturating_sub(issued + left),
            watching: counts.watching.load(Ordering::Relaxed),
            issued,
            left,
        }
    }
}

/// Counters for the progress line.
#[derive(Default)]
pub struct Counts {
    /// Clients whose join has finished, successfully or not.
    pub arrived: AtomicU64,
    pub joined: AtomicU64,
    pub watching: AtomicU64,
    pub issued: AtomicU64,
    pub left: AtomicU64,
    /// Clients that will still leave unless they are issued a ticket first.
    pub leaving: AtomicU64,
    pub tried_again: AtomicU64,
    pub errors: AtomicU64,
}

#[derive(Default)]
struct Ticks {
    by_id: BTreeMap<i64, (Box<str>, Arc<Tick>)>,
    differing: u64,
}

impl Ticks {
    fn known(&mut self, id: i64, json: &str) -> Option<Arc<Tick>> {
        let (text, tick) = self.by_id.get(&id)?;
        if **text == *json {
            return Some(tick.clone());
        }
        None
    }

    fn add(&mut self, tick: Arc<Tick>, json: &str) {
        let known = self.by_id.get(&tick.id.0);
        if known.is_some_and(|(_, known)| *known != tick) {
            self.differing += 1;
            return;
        }
        self.by_id.insert(tick.id.0, (json.into(), tick));
    }
}

/// Time since the opening, by this machine's clock, and its conversion to the server's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    opening: Instant,
    /// The opening by the server's clock, in microseconds since the epoch.
    opening_there: i64,
}

impl Clock {
    /// `ahead`: how far the server's clock is ahead of this machine's, in microseconds.
    pub fn new(opening_there: i64, ahead: i64) -> Clock {
        let until = opening_there - (epoch_micros() + ahead);
        let now = Instant::now();
        let distance = Duration::from_micros(until.unsigned_abs());
        let opening = match until >= 0 {
            true => now + distance,
            false => now.checked_sub(distance).unwrap_or(now),
        };
        Clock {
            opening,
            opening_there,
        }
    }

    pub fn now(&self) -> Micros {
        let now = Instant::now();
        match now.checked_duration_since(self.opening) {
            Some(since) => since.as_micros() as Micros,
            None => -((self.opening - now).as_micros() as Micros),
        }
    }

    pub fn at(&self, since_opening: Duration) -> Instant {
        self.opening + since_opening
    }

    /// Returns the server's time in microseconds since the epoch.
    pub fn now_there(&self) -> i64 {
        self.opening_there + self.now()
    }
}

/// Returns this machine's time in microseconds since the epoch.
pub fn epoch_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// Locks a mutex and ignores poisoning: the state stays consistent if a holder panics, because no
/// update under these locks is partial.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
