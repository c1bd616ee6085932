//! Hands ticks, and news that a queue is interrupted or resumed, from the one place in this process
//! that receives them to all watchers.

use bytes::Bytes;
use model::concerts::ConcertId;
use model::queue::{Tick, TickId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

/// News buffered per concert; a watcher that falls further behind reads its standing anew.
const KEPT: usize = 64;

/// A tick, prepared once for sending to all watchers.
#[derive(Clone, Debug)]
pub struct TickEvent {
    pub tick: Arc<Tick>,
    /// The tick as JSON.
    pub json: Arc<str>,
    framed: Arc<OnceLock<Bytes>>,
}

impl TickEvent {
    pub fn new(tick: Tick, json: String) -> TickEvent {
        TickEvent {
            tick: Arc::new(tick),
            json: json.into(),
            framed: Arc::default(),
        }
    }

    /// Returns the tick as sent over the wire: framed by the first sender, the same bytes for all
    /// others.
    pub fn framed(&self, frame: impl FnOnce(&TickEvent) -> Bytes) -> Bytes {
        self.framed.get_or_init(|| frame(self)).clone()
    }
}

/// What watchers receive.
#[derive(Clone, Debug)]
pub enum News {
    Tick(TickEvent),
    /// The queue cannot move on: a store is down, or the queue is being rebuilt. No place is lost.
    Interrupted,
    /// The queue moves on again. What was shown before may be out of date.
    Resumed,
}

/// Watchers that may read their standing anew at the same time.
const READING: usize = 8;

/// Ticks kept for watchers that reconnect after their connection broke.
const RECENT: usize = 256;

/// How long a concert counts as watched after the last watcher or query, and how long its channel
/// is kept after the last news.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Hands every tick of a concert to all of its watchers in this process.
pub struct TickHub {
    readers: Semaphore,
    concerts: Mutex<HashMap<ConcertId, Channel>>,
}

struct Channel {
    sender: broadcast::Sender<News>,
    recent: VecDeque<TickEvent>,
    interrupted: bool,
    /// When a watcher or a query last needed the channel.
    watched: Option<Instant>,
    told: Instant,
}

impl Default for TickHub {
    fn default() -> TickHub {
        TickHub {
            readers: Semaphore::new(READING),
            concerts: Mutex::default(),
        }
    }
}

impl TickHub {
    /// Waits for a permit to read a standing anew.
    pub async fn reading(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed; if it were, continuing would be right.
        self.readers.acquire().await.ok()
    }

    /// Subscribes to everything from now on, and returns the ticks between `seen` and now, or
    /// `None` if some of them are not kept or were never published here.
    pub fn watch_from(
        &self,
        concert: ConcertId,
        seen: TickId,
    ) -> (broadcast::Receiver<News>, Option<Vec<TickEvent>>) {
        let mut concerts = self.lock();
        let channel = concerts.entry(concert).or_default();
        (channel.sender.subscribe(), channel.since(seen))
    }

    /// Returns the ticks between `seen` and now, or `None` if some of them are not kept or were
    /// never published here.
    pub(super) fn since(&self, concert: ConcertId, seen: TickId) -> Option<Vec<TickEvent>> {
        let mut concerts = self.lock();
        let channel = concerts.entry(concert).or_default();
        channel.watched = Some(Instant::now());
        channel.since(seen)
    }

    pub(super) fn publish(&self, concert: ConcertId, news: News) {
        let mut concerts = self.lock();
        let channel = concerts.entry(concert).or_default();
        if channel.interrupted && matches!(news, News::Interrupted) {
            return;
        }
        channel.keep(&news);
        // An error means that there are no watchers.
        let _ = channel.sender.send(news);
    }

    /// Returns the concerts that are being watched, or were until recently. Drops the channels that
    /// had neither watchers, queries nor news within [`KEPT_FOR`].
    pub(super) fn watched(&self) -> Vec<i64> {
        let (mut concerts, now) = (self.lock(), Instant::now());
        let recent = |instant: Instant| now.duration_since(instant) < KEPT_FOR;
        let mut watched = Vec::new();
        concerts.retain(|concert, channel| {
            if channel.sender.receiver_count() > 0 {
                channel.watched = Some(now);
            }
            let in_use = channel.watched.is_some_and(recent);
            if in_use {
                watched.push(concert.0);
            }
            in_use || recent(channel.told)
        });
        watched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConcertId, Channel>> {
        // The map stays consistent if a holder panics: no update under this lock is partial.
        self.concerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Channel {
    fn default() -> Channel {
        Channel {
            sender: broadcast::channel(KEPT).0,
            recent: VecDeque::new(),
            interrupted: false,
            watched: None,
            told: Instant::now(),
        }
    }
}

impl Channel {
    fn keep(&mut self, news: &News) {
        self.interrupted = matches!(news, News::Interrupted);
        self.told = Instant::now();
        if matches!(news, News::Interrupted | News::Resumed) {
            // What clients know from before may be out of date, and is read anew.
            self.recent.clear();
        }
        if let News::Tick(event) = news {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(event.clone());
        }
    }

    fn since(&self, seen: TickId) -> Option<Vec<TickEvent>> {
        if self.interrupted {
            return None;
        }
        let known = |event: &TickEvent| event.tick.id == seen || event.tick.previous == seen;
        let first = self.recent.iter().position(known)?;
        let (mut last, mut ticks) = (seen, Vec::new());
        for event in self.recent.iter().skip(first) {
            if event.tick.id == seen {
                continue;
            }
            if event.tick.previous != last {
                return None;
            }
            last = event.tick.id;
            ticks.push(event.clone());
        }
        Some(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::concerts::SaleState;
    use model::queue::Sale;

    fn tick(id: i64, previous: i64) -> News {
        let sale = Sale {
            state: SaleState::Open,
            stock: 1,
            batch_size: 1,
            interval_ms: 1,
        };
        let tick = Tick {
            id: TickId(id),
            previous: TickId(previous),
            issued: Vec::new(),
            left: Vec::new(),
            waiting: 0,
            sale,
        };
        News::Tick(TickEvent::new(tick, String::new()))
    }

    /// The ids of the ticks that a watcher gets when it comes back.
    fn since(hub: &TickHub, seen: i64) -> Option<Vec<i64>> {
        let (_, ticks) = hub.watch_from(ConcertId(1), TickId(seen));
        ticks.map(|ticks| ticks.iter().map(|event| event.tick.id.0).collect())
    }

    #[test]
    fn whoever_comes_back_gets_what_they_missed_or_is_told_that_it_cannot_be_had() {
        let hub = TickHub::default();
        let _watching = hub.watch_from(ConcertId(1), TickId(0));
        for id in 2..6 {
            hub.publish(ConcertId(1), tick(id, id - 1));
        }
        assert_eq!(since(&hub, 3), Some(vec![4, 5]));
        assert_eq!(since(&hub, 5), Some(vec![]));
        assert_eq!(
            since(&hub, 1),
            Some(vec![2, 3, 4, 5]),
            "the first one follows on"
        );
        assert_eq!(since(&hub, 9), None, "of a server that is ahead");
        assert_eq!(since(&hub, 0), None);
        // A gap on purpose: tick 6 is never published.
        hub.publish(ConcertId(1), tick(7, 6));
        assert_eq!(since(&hub, 4), None);
        assert_eq!(since(&hub, 7), Some(vec![]));
        hub.publish(ConcertId(1), News::Interrupted);
        assert_eq!(since(&hub, 7), None, "what they have may be old");
        for id in 8..8 + RECENT as i64 {
            hub.publish(ConcertId(1), tick(id, id - 1));
        }
        assert_eq!(since(&hub, 6), None, "no longer kept");
        assert_eq!(since(&hub, 7).map(|ticks| ticks.len()), Some(RECENT));
    }

    /// For any number of watchers, no matter when they come.
    #[test]
    fn a_tick_is_framed_once_and_everybody_gets_the_same_bytes() {
        let hub = TickHub::default();
        let mut watching: Vec<_> = (0..3)
            .map(|_| hub.watch_from(ConcertId(1), TickId(0)).0)
            .collect();
        hub.publish(ConcertId(1), tick(1, 0));
        let heard = watching.iter_mut().map(|news| match news.try_recv() {
            Ok(News::Tick(event)) => event,
            other => panic!("{other:?}"),
        });
        let missed = hub.since(ConcertId(1), TickId(0)).unwrap_or_default();
        let mut framed = 0;
        let bytes: Vec<_> = heard
            .chain(missed)
            .map(|event| {
                event.framed(|_| {
                    framed += 1;
                    Bytes::from(vec![1])
                })
            })
            .collect();
        assert_eq!((bytes.len(), framed), (4, 1));
        assert!(bytes.iter().all(|each| each.as_ptr() == bytes[0].as_ptr()));
    }
}
