//! Argon2id on blocking threads, no more at once than there are processors.

use crate::{Error, Result};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier, SaltString};
use argon2::{Argon2, password_hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hashes and verifies passwords, with the parameters that the `argon2` crate recommends (19 MiB, 2 passes).
pub struct PasswordHasher {
    turns: Arc<Semaphore>,
    computed: Arc<AtomicU64>,
    /// Verified against when there is no such account, so that its absence takes as long as a wrong password.
    decoy: String,
}

/// The right to use a processor for one hash.
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl PasswordHasher {
    pub fn new() -> Result<PasswordHasher> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(PasswordHasher {
            turns: Arc::new(Semaphore::new(processors)),
            computed: Arc::default(),
            decoy: hash("decoy")?,
        })
    }

    /// How many hashes were computed so far, for a log-in or for a new password.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Waits until a processor may be used.
    pub async fn turn(&self) -> Turn {
        // The semaphore is never closed; if it were, going on would be right.
        self.computed.fetch_add(1, Ordering::Relaxed);
        Turn {
            _permit: self.turns.clone().acquire_owned().await.ok(),
        }
    }

    /// Whether the password belongs to the stored hash. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> Result<bool> {
        let turn = self.turn().await;
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let password = password.to_owned();
        let matches = blocking(turn, move || {
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
        blocking(self, move || hash(&password)).await
    }
}

async fn blocking<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
    .map_err(|error| Error::Broken(error.to_string()))?
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
