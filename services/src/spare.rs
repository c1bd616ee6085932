//! Work that takes a processor for long, on threads of its own, which take what the sale leaves of the processors.

use crate::{Error, Result};
use model::Refusal;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Some threads of the lowest priority, and a bound on how many wait for them.
pub(crate) struct SpareThreads {
    pool: Arc<ThreadPool>,
    turns: Arc<Semaphore>,
    places: Semaphore,
}

/// The right to use one of the threads once.
pub(crate) struct Turn {
    pool: Arc<ThreadPool>,
    _permit: OwnedSemaphorePermit,
}

impl SpareThreads {
    /// `places`: so many may wait for a turn.
    pub fn new(name: &'static str, threads: usize, places: usize) -> Result<SpareThreads> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |n| format!("{name}-{n}"))
            .start_handler(|_| step_back())
            // Whoever waits for the work learns that nothing came of it.
            .panic_handler(move |_| tracing::error!(name, "work on a spare thread broke down"))
            .build()
            .map_err(|error| Error::Broken(format!("threads for {name}: {error}")))?;
        Ok(SpareThreads {
            pool: Arc::new(pool),
            turns: Arc::new(Semaphore::new(threads)),
            places: Semaphore::new(places),
        })
    }

    /// Waits until a thread may be used. When as many wait as may: [`Refusal::TooManyRequests`], and not `Unavailable`,
    /// because nothing is broken that anybody would have to mend.
    pub async fn turn(&self) -> Result<Turn> {
        let permit = match self.turns.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let full = Refusal::TooManyRequests { retry_after_s: 2 };
                let _place = self.places.try_acquire().map_err(|_| full)?;
                let turn = self.turns.clone().acquire_owned().await;
                turn.map_err(|error| Error::Broken(error.to_string()))?
            }
        };
        Ok(Turn {
            pool: self.pool.clone(),
            _permit: permit,
        })
    }
}

impl Turn {
    /// What comes of the work; it is not begun when whoever asked has hung up. None: it broke down.
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

/// This thread runs when no other wants to. On Linux each thread has a priority of its own; elsewhere it would be that of
/// the whole process, and the bound on their number has to do.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "spare threads run at the common priority");
    }
}
