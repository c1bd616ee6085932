//! Work on a queue that only one task of this process does at a time, while others may work on
//! other queues.

use model::concerts::ConcertId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The queues that are being worked on. Clones share the same state.
#[derive(Clone)]
pub struct Turns {
    most: usize,
    taken: Arc<Mutex<HashSet<ConcertId>>>,
}

impl Turns {
    /// Allows work on at most `most` queues at once.
    pub fn new(most: usize) -> Turns {
        let taken = Arc::default();
        Turns { most, taken }
    }

    /// Returns the right to work on a queue, released on drop, or `None` if it is taken or the
    /// limit is reached.
    pub fn take(&self, concert: ConcertId) -> Option<Turn> {
        let mut taken = self.lock();
        let free = taken.len() < self.most && taken.insert(concert);
        drop(taken);
        free.then(|| Turn(self.clone(), concert))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ConcertId>> {
        // The set stays consistent if a holder panics: no update under this lock is partial.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work on one queue.
pub struct Turn(Turns, ConcertId);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_for_each_and_not_too_many_in_all() {
        let turns = Turns::new(2);
        let first = turns.take(ConcertId(1));
        assert!(first.is_some() && turns.take(ConcertId(1)).is_none());
        let second = turns.take(ConcertId(2));
        assert!(second.is_some() && turns.take(ConcertId(3)).is_none());
        drop(first);
        assert!(turns.take(ConcertId(3)).is_some());
        assert!(turns.take(ConcertId(1)).is_some());
    }
}
