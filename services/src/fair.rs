//! Permits for something scarce, shared out evenly among askers: however many permits one asker
//! requests, another waits for at most one permit of each.

use crate::{Error, Result};
use model::Refusal;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Seconds after which a refused caller may retry.
const COME_AGAIN_S: u32 = 2;

/// Identifies an asker.
pub(crate) trait Asker: Copy + Eq + Hash {}

impl<K: Copy + Eq + Hash> Asker for K {}

/// Grants a fixed number of permits at once, and bounds how many callers wait for one.
pub(crate) struct FairQueue<K: Asker> {
    places: usize,
    state: Mutex<State<K>>,
}

struct State<K: Asker> {
    free: usize,
    lines: HashMap<K, VecDeque<oneshot::Sender<Turn<K>>>>,
    /// The askers with a line, next one first.
    round: VecDeque<K>,
}

/// A permit, released on drop.
pub(crate) struct Turn<K: Asker>(Arc<FairQueue<K>>);

impl<K: Asker> FairQueue<K> {
    /// `turns`: permits at once. `places`: callers allowed to wait.
    pub fn new(turns: usize, places: usize) -> Arc<FairQueue<K>> {
        Arc::new(FairQueue {
            places,
            state: Mutex::new(State {
                free: turns,
                lines: HashMap::new(),
                round: VecDeque::new(),
            }),
        })
    }

    /// Waits for a permit. If the queue is full, the last caller of the asker with the most waiting
    /// callers is refused: [`Refusal::TooManyRequests`], and not `Unavailable`, because nothing is
    /// broken.
    pub async fn turn(self: &Arc<Self>, who: K) -> Result<Turn<K>> {
        let full = Refusal::TooManyRequests {
            retry_after_s: COME_AGAIN_S,
        };
        let turn = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(self.clone()));
            }
            if !state.has_place(who, self.places) {
                return Err(full.into());
            }
            let (sender, turn) = oneshot::channel();
            state.wait(who, sender);
            turn
        };
        turn.await.map_err(|_| Error::from(full))
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        // The state stays consistent if a holder panics: no update under this lock is partial.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Asker> State<K> {
    fn wait(&mut self, who: K, sender: oneshot::Sender<Turn<K>>) {
        let line = self.lines.entry(who).or_default();
        if line.is_empty() {
            self.round.push_back(who);
        }
        line.push_back(sender);
    }

    /// Returns whether one more caller may wait, possibly in place of a caller of another asker
    /// with several.
    fn has_place(&mut self, who: K, places: usize) -> bool {
        let waiting = |state: &State<K>| state.lines.values().map(VecDeque::len).sum::<usize>();
        if waiting(self) < places {
            return true;
        }
        // Callers that have disconnected no longer wait.
        self.lines.retain(|_, line| {
            line.retain(|sender| !sender.is_closed());
            !line.is_empty()
        });
        self.round.retain(|who| self.lines.contains_key(who));
        if waiting(self) < places {
            return true;
        }
        let own = self.lines.get(&who).map_or(0, VecDeque::len);
        let longest = self.lines.values_mut().max_by_key(|line| line.len());
        match longest {
            // Dropping the sender refuses the caller that waits for it.
            Some(longest) if longest.len() > own + 1 => longest.pop_back().is_some(),
            _ => false,
        }
    }

    /// Removes and returns the caller whose turn is next.
    fn next(&mut self) -> Option<oneshot::Sender<Turn<K>>> {
        let who = self.round.pop_front()?;
        let line = self.lines.get_mut(&who)?;
        let next = line.pop_front();
        match line.is_empty() {
            true => drop(self.lines.remove(&who)),
            false => self.round.push_back(who),
        }
        next
    }
}

impl<K: Asker> Drop for Turn<K> {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // A permit sent to a disconnected caller comes back, is dropped here, and goes to the
            // next.
            drop(next.send(Turn(self.0.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    type Waiting = BoxFuture<'static, Result<Turn<u8>>>;

    /// Asks for a permit and must wait for it.
    fn ask(queue: &Arc<FairQueue<u8>>, who: u8) -> Waiting {
        let queue = queue.clone();
        let mut asking = async move { queue.turn(who).await }.boxed();
        assert!(asking.as_mut().now_or_never().is_none());
        asking
    }

    fn was_refused(asking: &mut Waiting) -> bool {
        asking
            .as_mut()
            .now_or_never()
            .is_some_and(|turn| turn.is_err())
    }

    #[test]
    fn one_who_asks_once_waits_for_one_turn_of_another_who_asks_often() {
        let queue = FairQueue::new(1, 100);
        let first = queue.turn(1).now_or_never().unwrap().unwrap();
        let mut greedy: Vec<Waiting> = (0..50).map(|_| ask(&queue, 1)).collect();
        let mut honest = ask(&queue, 2);
        drop(first);
        let turn = greedy.remove(0).now_or_never().unwrap().unwrap();
        assert!(honest.as_mut().now_or_never().is_none());
        drop(turn);
        assert!(honest.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn when_it_is_full_those_who_ask_most_make_room() {
        let queue = FairQueue::new(1, 4);
        let _first = queue.turn(1).now_or_never().unwrap().unwrap();
        let mut greedy: Vec<Waiting> = (0..4).map(|_| ask(&queue, 1)).collect();
        assert!(queue.turn(1).now_or_never().unwrap().is_err());
        let mut others = [ask(&queue, 2), ask(&queue, 2)];
        let refused: Vec<bool> = greedy.iter_mut().map(was_refused).collect();
        assert_eq!(refused, [false, false, true, true]);
        // Now both askers have the same number.
        assert!(queue.turn(2).now_or_never().unwrap().is_err());
        assert!(!others.iter_mut().any(was_refused));
    }

    #[test]
    fn no_turn_is_lost_on_those_who_hang_up() {
        let queue = FairQueue::new(2, 3);
        for round in 0..20 {
            let held: Vec<_> = (0..2)
                .map(|who| queue.turn(who).now_or_never().unwrap().unwrap())
                .collect();
            let mut waiting: Vec<Waiting> = (0..3).map(|who| ask(&queue, who)).collect();
            waiting.swap(0, round % 3);
            // One disconnects before its turn, one with the permit already sent.
            drop(waiting.pop());
            drop(held);
            drop(waiting);
            assert_eq!(queue.lock().free, 2, "round {round}");
            assert!(queue.lock().lines.is_empty() && queue.lock().round.is_empty());
        }
    }

    #[test]
    fn one_who_hangs_up_makes_room() {
        let queue = FairQueue::new(1, 1);
        let _first = queue.turn(1).now_or_never().unwrap().unwrap();
        drop(ask(&queue, 1));
        drop(ask(&queue, 1));
    }
}
