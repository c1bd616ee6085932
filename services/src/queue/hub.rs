//! Ticks, and that there are none for the moment, from the one place in this process that learns of them to everyone who
//! watches.

use model::concerts::ConcertId;
use model::queue::Tick;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

/// A watcher that falls further behind than this reads its standing anew.
const KEPT: usize = 64;

/// A tick, serialised once for all watchers.
#[derive(Clone, Debug)]
pub struct TickEvent {
    pub tick: Arc<Tick>,
    /// The tick as JSON.
    pub json: Arc<str>,
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

/// Hands every tick of a concert to everyone in this process who watches it.
pub struct TickHub {
    readers: Semaphore,
    concerts: Mutex<HashMap<ConcertId, broadcast::Sender<News>>>,
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

    /// Everything from now on.
    pub fn watch(&self, concert: ConcertId) -> broadcast::Receiver<News> {
        self.lock()
            .entry(concert)
            .or_insert_with(|| broadcast::channel(KEPT).0)
            .subscribe()
    }

    pub(super) fn publish(&self, concert: ConcertId, news: News) {
        if let Some(sender) = self.lock().get(&concert) {
            // Nobody watches: nothing to do.
            let _ = sender.send(news);
        }
    }

    /// The concerts that somebody watches; forgets the others.
    pub(super) fn watched(&self) -> Vec<i64> {
        let mut concerts = self.lock();
        concerts.retain(|_, sender| sender.receiver_count() > 0);
        concerts.keys().map(|concert| concert.0).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConcertId, broadcast::Sender<News>>> {
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.concerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
