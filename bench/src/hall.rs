//! What all people of a rehearsal share: where the site is, what time it is, and what has been counted so far.

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
    /// The sale as the newest tick or view tells it, and which tick that is.
    sale: Mutex<Option<(TickId, Sale)>>,
    /// Everybody goes home.
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

    /// The tick that this text says; parsed once, however many people are told it. None: it says none.
    pub fn tick(&self, json: &str) -> Option<Arc<Tick>> {
        // {"id":1795231868260571,"previous":…: enough to find it by.
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

    /// What the sale is like as of a tick, unless something newer is known.
    pub fn heard_of(&self, tick: TickId, sale: &Sale) {
        let mut known = lock(&self.sale);
        if known.as_ref().is_none_or(|(newest, _)| *newest <= tick) {
            *known = Some((tick, sale.clone()));
        }
    }

    pub fn sale(&self) -> Option<Sale> {
        lock(&self.sale).as_ref().map(|(_, sale)| sale.clone())
    }

    /// Every tick so far, and of how many different things were told.
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
        // A fault that everybody meets differently is not worth thousands of lines.
        let known = errors.len() < 50 || errors.contains_key(&what);
        let what = if known { what } else { "and others".to_owned() };
        *errors.entry(what).or_default() += 1;
    }

    pub fn errors(&self) -> BTreeMap<String, u64> {
        lock(&self.errors).clone()
    }

    /// How things stand now.
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

/// What the progress line says.
#[derive(Default)]
pub struct Counts {
    /// Whose join came to an end, good or bad.
    pub arrived: AtomicU64,
    pub joined: AtomicU64,
    pub watching: AtomicU64,
    pub issued: AtomicU64,
    pub left: AtomicU64,
    /// Who will still leave if their turn does not come first.
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

/// Time since the opening, by this machine, and what the server's clock says of it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    opening: Instant,
    /// The opening by the server's clock, in microseconds since the epoch.
    opening_there: i64,
}

impl Clock {
    /// `ahead`: by how much the server's clock is ahead of this machine's, in microseconds.
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

    /// Microseconds since the epoch by the server's clock.
    pub fn now_there(&self) -> i64 {
        self.opening_there + self.now()
    }
}

/// This machine's clock, in microseconds since the epoch.
pub fn epoch_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// A panic elsewhere leaves what is locked here whole: nothing is half done under these locks.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
