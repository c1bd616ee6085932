//! Whatever is asked while a call runs travels together in the next one.
//!
//! Nobody waits for a timer: on a quiet day every question travels alone and at once, and in a storm one round trip
//! carries hundreds.

use crate::{Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Pending<Q, A> = Vec<(Q, oneshot::Sender<Result<A>>)>;

/// Questions of type `Q`, answered by `A`; those with the same key travel together.
pub struct Together<K, Q, A> {
    most: usize,
    /// A key is here while a call for it runs, with those who wait for the next one.
    waiting: Mutex<HashMap<K, Pending<Q, A>>>,
}

impl<K, Q, A> Together<K, Q, A>
where
    K: Copy + Eq + Hash + Send + 'static,
    Q: Send + 'static,
    A: Send + 'static,
{
    /// At most `most` questions go into one call.
    pub fn new(most: usize) -> Together<K, Q, A> {
        Together {
            most,
            waiting: Mutex::default(),
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
        match self.lock().entry(key) {
            Entry::Occupied(mut running) => running.get_mut().push((question, sender)),
            Entry::Vacant(idle) => {
                idle.insert(vec![(question, sender)]);
                let this = self.clone();
                tokio::spawn(async move { this.run(key, carry).await });
            }
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
            // In a task of its own, so that a bug in one call does not strand those who wait for the next.
            match tokio::spawn(carry(questions)).await {
                Ok(answers) => {
                    for (asker, answer) in askers.into_iter().zip(answers) {
                        // Nobody there any more: whoever asked has hung up.
                        let _ = asker.send(answer);
                    }
                }
                Err(error) => tracing::error!(%error, "a call broke down"),
            }
        }
    }

    /// Those who travel next; when nobody waits, the next question begins anew.
    fn next(&self, key: K) -> Option<Pending<Q, A>> {
        let mut waiting = self.lock();
        let pending = waiting.get_mut(&key)?;
        if pending.is_empty() {
            waiting.remove(&key);
            return None;
        }
        let most = self.most.min(pending.len());
        Some(pending.drain(..most).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Pending<Q, A>>> {
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
        let together = Arc::new(Together::new(4));
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
            .is_none_or(|waiting| waiting.len() < 6)
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

    #[tokio::test]
    async fn a_bug_in_one_call_strands_nobody_in_the_next() {
        let together = Arc::new(Together::<(), bool, ()>::new(1));
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
