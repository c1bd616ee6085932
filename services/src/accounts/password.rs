//! Argon2id on threads of its own, which take what the sale leaves of the processors.

use crate::{Error, Result};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier, SaltString};
use argon2::{Argon2, password_hash};
use model::Refusal;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// So many may wait for a turn. A hash takes some 30 ms of a processor, and nobody should wait longer than seconds for one
/// that is refused in the end by a time-out.
pub const MOST_WAITING: usize = 64;

/// Hashes and verifies passwords, with the parameters that the `argon2` crate recommends (19 MiB, 2 passes).
///
/// On half the processors at most, at the lowest priority: however many try to log in, joining and issuing go first.
pub struct PasswordHasher {
    threads: Arc<ThreadPool>,
    turns: Arc<Semaphore>,
    computed: Arc<AtomicU64>,
    places: Semaphore,
    /// Verified against when there is no such account, so that its absence takes as long as a wrong password.
    decoy: String,
}

/// The right to use a processor for one hash.
pub struct Turn {
    threads: Arc<ThreadPool>,
    computed: Arc<AtomicU64>,
    _permit: OwnedSemaphorePermit,
}

impl PasswordHasher {
    pub fn new() -> Result<PasswordHasher> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (processors / 2).max(1);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("password-{n}"))
            .start_handler(|_| step_back())
            // Whoever waits for the hash learns that there is none.
            .panic_handler(|_| tracing::error!("hashing a password broke down"))
            .build()
            .map_err(|error| Error::Broken(format!("threads for passwords: {error}")))?;
        Ok(PasswordHasher {
            threads: Arc::new(pool),
            turns: Arc::new(Semaphore::new(threads)),
            computed: Arc::default(),
            places: Semaphore::new(MOST_WAITING),
            decoy: hash("decoy")?,
        })
    }

    /// Waits until a processor may be used. When [`MOST_WAITING`] wait already: [`Refusal::TooManyRequests`], and not
    /// `Unavailable`, because nothing is broken that anybody would have to mend.
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
            threads: self.threads.clone(),
            computed: self.computed.clone(),
            _permit: permit,
        })
    }

    /// How many hashes were computed so far, for a log-in or for a new password.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Whether the password belongs to the stored hash. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> Result<bool> {
        let turn = self.turn().await?;
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let password = password.to_owned();
        let matches = turn
            .run(move || {
                let stored = PasswordHash::new(&stored).map_err(broken)?;
                match Argon2::default().verify_password(password.as_bytes(), &stored) {
                    Ok(()) => Ok(true),
                    Err(password_hash::Error::Password) => Ok(false),
                    Err(error) => Err(broken(error)),
                }
            })
            .await?;
        Ok(matches && known)
    }
}

impl Turn {
    /// The password's hash in PHC format, with a random salt.
    pub async fn hash(self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.run(move || hash(&password)).await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, done) = oneshot::channel();
        let threads = self.threads.clone();
        threads.spawn(move || {
            let turn = self;
            // Nobody is hashed for who has hung up.
            if !sender.is_closed() {
                turn.computed.fetch_add(1, Ordering::Relaxed);
                let _ = sender.send(work());
            }
            drop(turn);
        });
        done.await
            .map_err(|_| Error::Broken("a password was not hashed".to_owned()))?
    }
}

/// This thread runs when no other wants to. On Linux each thread has a priority of its own; elsewhere it would be that of
/// the whole process, and the bound on their number has to do.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "passwords are hashed at the common priority");
    }
}

fn hash(password: &str) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(broken)?;
    Ok(hash.to_string())
}

fn broken(error: password_hash::Error) -> Error {
    Error::Broken(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn whoever_finds_no_place_to_wait_is_refused_at_once() {
        let hasher = PasswordHasher::new().unwrap();
        let mut held = Vec::new();
        while let Some(turn) = hasher.turn().now_or_never() {
            held.push(turn.unwrap());
        }
        assert!(!held.is_empty());
        let mut line: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(hasher.turn())).collect();
        for waiting in &mut line {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let refused = hasher.turn().now_or_never().and_then(Result::err).unwrap();
        let refused = refused.refusal();
        assert!(matches!(refused, Refusal::TooManyRequests { .. }));

        // Whoever leaves the line, or has had their turn, makes room.
        drop(line.pop());
        let mut last = Box::pin(hasher.turn());
        assert!(last.as_mut().now_or_never().is_none());
        drop(held);
        let first = line.remove(0).await.unwrap();
        let hash = first.hash("a long passphrase").await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        drop(line);
        assert!(last.await.is_ok());
    }
}
