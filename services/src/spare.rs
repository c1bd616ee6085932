//! The low-priority pool: long computations on threads of their own, which use the processor time
//! that the sale leaves.

use crate::fair::{self, Asker, FairQueue};
use crate::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Threads of the lowest priority, shared out evenly among askers, and a bound on waiting callers.
pub(crate) struct SpareThreads<K: Asker> {
    pool: Arc<ThreadPool>,
    turns: Arc<FairQueue<K>>,
}

/// The permit to use one of the threads once.
pub(crate) struct Turn<K: Asker> {
    pool: Arc<ThreadPool>,
    _turn: fair::Turn<K>,
}

impl<K: Asker> SpareThreads<K> {
    /// `places`: callers allowed to wait for a permit.
    pub fn new(name: &'static str, threads: usize, places: usize) -> Result<SpareThreads<K>> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |n| format!("{name}-{n}"))
            .start_handler(|_| step_back())
            // The caller that waits for the work receives `None`.
            .panic_handler(move |_| tracing::error!(name, "work on a spare thread broke down"))
            .build()
            .map_err(|error| Error::Broken(format!("threads for {name}: {error}")))?;
        Ok(SpareThreads {
            pool: Arc::new(pool),
            turns: FairQueue::new(threads, places),
        })
    }

    /// Waits for a permit to use a thread, as [`FairQueue::turn`] does.
    pub async fn turn(&self, who: K) -> Result<Turn<K>> {
        Ok(Turn {
            _turn: self.turns.turn(who).await?,
            pool: self.pool.clone(),
        })
    }
}

impl<K: Asker + Send + 'static> Turn<K> {
    /// Returns the result of the work, which is not begun if the caller has disconnected. Returns
    /// `None` if the work panicked.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, done) = oneshot::channel();
        let pool = self.pool.clone();
        pool.spawn(move || {
            let turn = self;
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
            drop(turn);
        });
        done.await.ok()
    }
}

/// Lets this thread run only when no other wants to. On Linux each thread has a priority of its
/// own; elsewhere it would be that of the whole process, and the bound on the number of threads
/// must do.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "spare threads run at the common priority");
    }
}
