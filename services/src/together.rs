//! Batches requests: those that arrive during a call are sent together in the next one.
//!
//! There is no timer: under low load each request is sent at once, on its own, and under high load
//! one round trip serves hundreds. A few calls may run at once, so that the store already has the
//! next one while the answers to a call are handed out.

use crate::{Error, Result};
use futures::FutureExt;
use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Pending<Q, A> = Vec<(Q, oneshot::Sender<Result<A>>)>;

/// A batcher of questions `Q` with answers `A`; questions with the same key are sent together.
pub struct Together<K, Q, A> {
    most: usize,
    at_once: usize,
    /// A key is in the map while a call for it runs.
    lines: Mutex<HashMap<K, Line<Q, A>>>,
}

struct Line<Q, A> {
    /// Tasks that take calls from this line.
    carriers: usize,
    /// Questions that wait for the next call.
    waiting: Pending<Q, A>,
}

impl<K, Q, A> Together<K, Q, A>
where
    K: Copy + Eq + Hash + Send + 'static,
    Q: Send + 'static,
    A: Send + 'static,
{
    /// At most `most` questions per call, and at most `at_once` concurrent calls per key.
    pub fn new(most: usize, at_once: usize) -> Together<K, Q, A> {
        Together {
            most,
            at_once,
            lines: Mutex::default(),
        }
    }

    /// Sends a question. `carry` makes the call for a batch and returns an answer for each
    /// question, in their order; it runs to completion even if callers disconnect.
    pub async fn ask<F>(
        self: &Arc<Self>,
        key: K,
        question: Q,
        carry: impl Fn(Vec<Q>) -> F + Send + 'static,
    ) -> Result<A>
    where
        F: Future<Output = Vec<Result<A>>> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let another = {
            let mut lines = self.lock();
            let line = lines.entry(key).or_insert_with(|| Line {
                carriers: 0,
                waiting: Vec::new(),
            });
            line.waiting.push((question, sender));
            let another = line.carriers < self.at_once;
            line.carriers += usize::from(another);
            another
        };
        if another {
            let this = self.clone();
            tokio::spawn(async move { this.run(key, carry).await });
        }
        answer
            .await
            .map_err(|_| Error::Broken("a call broke down".into()))?
    }

    /// Makes one call after the other, until no question waits.
    async fn run<F>(&self, key: K, carry: impl Fn(Vec<Q>) -> F)
    where
        F: Future<Output = Vec<Result<A>>> + Send + 'static,
    {
        while let Some(travellers) = self.next(key) {
            let (questions, askers): (Vec<_>, Vec<_>) = travellers.into_iter().unzip();
            // A bug in one call must not strand the questions that wait for the next.
            match AssertUnwindSafe(carry(questions)).catch_unwind().await {
                Ok(answers) => {
                    for (asker, answer) in askers.into_iter().zip(answers) {
                        // Fails if the caller has disconnected.
                        let _ = asker.send(answer);
                    }
                }
                Err(_) => tracing::error!("a call broke down"),
            }
        }
    }

    /// Returns the next batch. Returns `None` if no question waits; this task is then no longer a
    /// carrier.
    fn next(&self, key: K) -> Option<Pending<Q, A>> {
        let mut lines = self.lock();
        let line = lines.get_mut(&key)?;
        if line.waiting.is_empty() {
            line.carriers -= 1;
            if line.carriers == 0 {
                lines.remove(&key);
            }
            return None;
        }
        let most = self.most.min(line.waiting.len());
        Some(line.waiting.drain(..most).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Line<Q, A>>> {
        // The map stays consistent if a holder panics: no update under this lock is partial.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    /// A call that doubles, blocked until the semaphore lets it go; records the size of its batch.
    async fn double(
        gate: Arc<Semaphore>,
        sizes: Arc<Mutex<Vec<usize>>>,
        asked: Vec<u64>,
    ) -> Vec<Result<u64>> {
        sizes.lock().unwrap().push(asked.len());
        gate.acquire().await.unwrap().forget();
        asked
            .into_iter()
            .map(|n| {
                if n == 13 {
                    Err(Error::Rebuilding)
                } else {
                    Ok(2 * n)
                }
            })
            .collect()
    }

    #[tokio::test]
    async fn whoever_asks_while_a_call_runs_travels_in_the_next_with_an_answer_of_their_own() {
        let (gate, sizes) = (
            Arc::new(Semaphore::new(0)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let together = Arc::new(Together::new(4, 1));
        let ask = |n: u64| {
            let (together, gate, sizes) = (together.clone(), gate.clone(), sizes.clone());
            tokio::spawn(async move {
                together
                    .ask((), n, move |asked| {
                        double(gate.clone(), sizes.clone(), asked)
                    })
                    .await
            })
        };
        let first = ask(10);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let asked: Vec<_> = std::iter::once(first).chain((11..17).map(ask)).collect();
        // All questions are asked before the first call ends.
        while together
            .lock()
            .get(&())
            .is_none_or(|line| line.waiting.len() < 6)
        {
            tokio::task::yield_now().await;
        }
        gate.add_permits(3);
        for (n, answer) in (10..17).zip(asked) {
            match answer.await.unwrap() {
                Ok(doubled) => assert_eq!(doubled, 2 * n),
                Err(_) => assert_eq!(n, 13),
            }
        }
        assert_eq!(*sizes.lock().unwrap(), [1, 4, 2]);
        assert!(together.lock().is_empty(), "nothing is kept");
    }

    /// Two calls run at once, and no more; further questions wait.
    #[tokio::test]
    async fn so_many_calls_run_at_once() {
        let (gate, sizes) = (
            Arc::new(Semaphore::new(0)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let together = Arc::new(Together::new(10, 2));
        let mut asked = Vec::new();
        for n in 0..5 {
            let (asks, gate, told) = (together.clone(), gate.clone(), sizes.clone());
            asked.push(tokio::spawn(async move {
                let carry = move |asked| double(gate.clone(), told.clone(), asked);
                asks.ask((), n, carry).await.map(|_| ())
            }));
            let here = || {
                let waiting = together
                    .lock()
                    .get(&())
                    .map_or(0, |line| line.waiting.len());
                waiting + sizes.lock().unwrap().len()
            };
            while here() <= n as usize {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(*sizes.lock().unwrap(), [1, 1]);
        gate.add_permits(3);
        for answer in asked {
            assert!(answer.await.unwrap().is_ok());
        }
        assert_eq!(*sizes.lock().unwrap(), [1, 1, 3]);
    }

    #[tokio::test]
    async fn a_bug_in_one_call_strands_nobody_in_the_next() {
        let together = Arc::new(Together::<(), bool, ()>::new(1, 1));
        let ask = async |bug| {
            together
                .ask((), bug, move |_| async move {
                    assert!(!bug);
                    vec![Ok(())]
                })
                .await
        };
        let (first, second) = tokio::join!(ask(true), ask(true));
        assert!(first.is_err() && second.is_err());
        assert!(ask(false).await.is_ok());
    }
}
