//! Ticks, and that there are none for the moment, from the one place in this process that learns of them to everyone who
//! watches.

use bytes::Bytes;
use model::concerts::ConcertId;
use model::queue::{Tick, TickId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

/// A watcher that falls further behind than this reads its standing anew.
const KEPT: usize = 64;

/// A tick, made ready to be sent once for all watchers.
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

    /// As it goes over the wire: framed by the first who sends it, the same bytes for everybody else.
    pub fn framed(&self, frame: impl FnOnce(&TickEvent) -> Bytes) -> Bytes {
        self.framed.get_or_init(|| frame(self)).clone()
    }
}

/// What watchers learn.
#[derive(Clone, Debug)]
pub enum News {
    Tick(TickEvent),
    /// The queue cannot move on for the moment: a store is away, or the queue is being rebuilt. Nobody's place is lost.
    Interrupted,
    /// It can again. What was shown before may be old by now.
    Resumed,
}

/// How many watchers may read their standing anew at the same time.
const READING: usize = 8;

/// So many ticks are kept for those whose line broke and who come back.
const RECENT: usize = 256;

/// For so long after the last watcher has gone, or somebody has asked.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Hands every tick of a concert to everyone in this process who watches it.
pub struct TickHub {
    readers: Semaphore,
    concerts: Mutex<HashMap<ConcertId, Channel>>,
}

struct Channel {
    sender: broadcast::Sender<News>,
    recent: VecDeque<TickEvent>,
    interrupted: bool,
    /// When somebody last watched or asked.
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
    /// Waits for a turn to read a standing anew.
    pub async fn reading(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed; if it were, going on would be right.
        self.readers.acquire().await.ok()
    }

    /// Everything from now on, and the ticks between `seen` and now. None: some of them are not kept, or were never told.
    pub fn watch_from(
        &self,
        concert: ConcertId,
        seen: TickId,
    ) -> (broadcast::Receiver<News>, Option<Vec<TickEvent>>) {
        let mut concerts = self.lock();
        let channel = concerts.entry(concert).or_default();
        (channel.sender.subscribe(), channel.since(seen))
    }

    /// The ticks between `seen` and now. None: some of them are not kept, or were never told.
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
        // Nobody watches at the moment: nothing to do.
        let _ = channel.sender.send(news);
    }

    /// The concerts that somebody watches, or did a moment ago. Forgets those of which nothing was heard for as long
    /// either.
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
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
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
            // What people know of before may be old, and is read anew.
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

    /// The ids of the ticks that somebody who comes back gets.
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
        // A gap on purpose: 6 was never told.
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

    /// However many watch, and whenever they come.
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
