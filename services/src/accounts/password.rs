//! Argon2id in the low-priority pool: on threads of its own, which use the processor time that the
//! sale leaves.

use crate::limits::Network;
use crate::spare::{self, SpareThreads};
use crate::{Client, Error, Result};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier, SaltString};
use argon2::{Argon2, password_hash};
use model::accounts::opaque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Callers allowed to queue for a permit. A hash takes about 30 ms of processor time, and a caller
/// should not wait longer than seconds to be refused by a timeout in the end.
pub const MOST_WAITING: usize = 64;

/// Hashes and verifies passwords, with the parameters that the `argon2` crate recommends (19 MiB, 2
/// passes).
///
/// Uses at most half the processors, at the lowest priority: under any number of log-ins, joining
/// and issuing go first.
pub struct PasswordHasher {
    threads: SpareThreads<Asker>,
    computed: Arc<AtomicU64>,
    /// Hash that is verified if the account does not exist, so that the answer takes as long as for
    /// a wrong password.
    decoy: String,
}

/// For whom a password is hashed. Callers at different networks take turns, so that attempts from
/// one network do not keep others from logging in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    At(Network),
    /// The command line, the demo or a rehearsal.
    Server,
}

impl Asker {
    pub fn of(client: &Client) -> Asker {
        Asker::At(Network::of(client.address))
    }
}

/// The permit to use a processor for one hash.
pub struct Turn {
    turn: spare::Turn<Asker>,
    computed: Arc<AtomicU64>,
}

impl PasswordHasher {
    pub fn new() -> Result<PasswordHasher> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (processors / 2).max(1);
        Ok(PasswordHasher {
            threads: SpareThreads::new("password", threads, MOST_WAITING)?,
            computed: Arc::default(),
            decoy: hash("decoy")?,
        })
    }

    /// Waits for a permit. If [`MOST_WAITING`] callers wait already, one of the asker with the most
    /// waiting callers is refused: [`model::Refusal::TooManyRequests`].
    pub async fn turn(&self, who: Asker) -> Result<Turn> {
        Ok(Turn {
            turn: self.threads.turn(who).await?,
            computed: self.computed.clone(),
        })
    }

    /// Hashes computed since start, for log-ins and for new passwords.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Returns whether the password matches the stored hash. Without a hash, returns `false` after
    /// the same work.
    pub async fn verify(&self, who: Asker, password: &str, stored: Option<String>) -> Result<bool> {
        let turn = self.turn(who).await?;
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        // Composed, as passwords are hashed now, and as typed: older hashes may be of passwords
        // that were not composed.
        let mut attempts = vec![opaque(password), password.to_owned()];
        attempts.dedup();
        let matches = turn
            .run(move || {
                let stored = PasswordHash::new(&stored).map_err(broken)?;
                for attempt in attempts {
                    match Argon2::default().verify_password(attempt.as_bytes(), &stored) {
                        Ok(()) => return Ok(true),
                        Err(password_hash::Error::Password) => {}
                        Err(error) => return Err(broken(error)),
                    }
                }
                Ok(false)
            })
            .await?;
        Ok(matches && known)
    }
}

impl Turn {
    /// Returns the password's hash in PHC format, with a random salt.
    pub async fn hash(self, password: &str) -> Result<String> {
        let password = opaque(password);
        self.run(move || hash(&password)).await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let computed = self.computed;
        let counted = move || {
            computed.fetch_add(1, Ordering::Relaxed);
            work()
        };
        self.turn
            .run(counted)
            .await
            .ok_or_else(|| Error::Broken("a password was not hashed".to_owned()))?
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
    use model::Refusal;

    fn at(address: &str) -> Asker {
        Asker::At(Network::of(address.parse().unwrap()))
    }

    /// A client waits for one permit behind [`MOST_WAITING`] attempts from another network, and the
    /// attempt beyond those is refused.
    #[tokio::test]
    async fn a_flood_from_one_address_keeps_another_waiting_for_one_turn_at_most() {
        let hasher = PasswordHasher::new().unwrap();
        let (flood, honest) = (at("203.0.113.7"), at("198.51.100.4"));
        let mut held = Vec::new();
        while let Some(turn) = hasher.turn(flood).now_or_never() {
            held.push(turn.unwrap());
        }
        let mut line: Vec<_> = (0..MOST_WAITING)
            .map(|_| Box::pin(hasher.turn(flood)))
            .collect();
        for waiting in &mut line {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        let refused = hasher.turn(flood).now_or_never().and_then(Result::err);
        let refused = refused.unwrap().refusal();
        assert!(matches!(refused, Refusal::TooManyRequests { .. }));
        let mut late = Box::pin(hasher.turn(honest));
        assert!(late.as_mut().now_or_never().is_none());
        drop(held.pop());
        let first = line.remove(0).await.unwrap();
        let hash = first.hash("a long passphrase").await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(late.await.is_ok());
    }
}
