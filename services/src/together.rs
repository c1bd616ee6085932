//! Whatever is asked while a call runs travels together in the next one.
//!
//! Nobody waits for a timer: on a quiet day every question travels alone and at once, and in a storm one round trip
//! carries hundreds. A few calls may be under way at once, so that while the answers to one are handed out the next one
//! is already with the store.

use crate::{Error, Result};
use futures::FutureExt;
use std::collections::HashMap;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Pending<Q, A> = Vec<(Q, oneshot::Sender<Result<A>>)>;

/// Questions of type `Q`, answered by `A`; those with the same key travel together.
pub struct Together<K, Q, A> {
    most: usize,
    at_once: usize,
    /// A key is here while a call for it runs.
    lines: Mutex<HashMap<K, Line<Q, A>>>,
}

struct Line<Q, A> {
    /// How many take calls from it.
    carriers: usize,
    /// Those who wait for the next call.
    waiting: Pending<Q, A>,
}

impl<K, Q, A> Together<K, Q, A>
where
    K: Copy + Eq + Hash + Send + 'static,
    Q: Send + 'static,
    A: Send + 'static,
{
    /// At most `most` questions go into one call, and at most `at_once` calls for a key run at the same time.
    pub fn new(most: usize, at_once: usize) -> Together<K, Q, A> {
        Together {
            most,
            at_once,
            lines: Mutex::default(),
        }
    }

    /// Asks. `carry` makes the call for all who travel together, and has an answer for each, in their order; it runs to its
    /// end whoever hangs up meanwhile.
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

    /// One call after the other, until nobody waits.
    async fn run<F>(&self, key: K, carry: impl Fn(Vec<Q>) -> F)
    where
        F: Future<Output = Vec<Result<A>>> + Send + 'static,
    {
        while let Some(travellers) = self.next(key) {
            let (questions, askers): (Vec<_>, Vec<_>) = travellers.into_iter().unzip();
            // A bug in one call must not strand those who wait for the next.
            match AssertUnwindSafe(carry(questions)).catch_unwind().await {
                Ok(answers) => {
                    for (asker, answer) in askers.into_iter().zip(answers) {
                        // Nobody there any more: whoever asked has hung up.
                        let _ = asker.send(answer);
                    }
                }
                Err(_) => tracing::error!("a call broke down"),
            }
        }
    }

    /// Those who travel next. None: nobody waits, and this carrier is none any more.
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
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    /// A call that doubles, held up until the semaphore lets it go; tells how many travelled in it.
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
        // Everybody has asked before the first call ends.
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

    /// Two calls under way, and no more; whoever comes then waits.
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
