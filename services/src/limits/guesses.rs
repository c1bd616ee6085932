//! Wrong passwords: each one makes the next attempt wait longer.
//!
//! Guesses are counted by account and network: an attacker cannot lock out the owner, who is
//! elsewhere. Against an attacker with many addresses there is a second budget, shared by all
//! networks from which the account is not known to be used. An owner at a new network waits a
//! minute at most for a turn in it, unless others come first; where the owner has logged in before,
//! it does not apply. An attempt counts as wrong before its password is checked, so that concurrent
//! attempts are counted as well; a right password takes all of that back. The name is counted as
//! typed, whether the account exists or not, and only its hash is stored.

use super::{Network, refuse_until};
use crate::{Client, Error, Result, Services};
use model::Refusal;
use redis::{RedisResult, Script};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use std::time::Duration;

/// Wrong passwords without a delay.
pub const FREE: u32 = 5;
/// The same for strangers, of whom an account has many.
pub const STRANGERS_FREE: u32 = 20;
/// Delay after the first wrong password beyond those; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
pub const LONGEST_DELAY: Duration = Duration::from_secs(300);
pub const STRANGERS_LONGEST_DELAY: Duration = Duration::from_secs(60);
/// Time without another wrong password after which all are forgotten.
pub const MEMORY: Duration = Duration::from_secs(3600);

static GUESS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/guess.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_back.lua")));

/// An attempt that may be made. Counts as wrong if dropped.
pub struct Guess {
    /// Count of this network.
    here: Count,
    /// Count of all networks or sessions that share a budget with it.
    shared: Option<Count>,
}

/// A counter in Redis, with this attempt's number.
struct Count {
    key: String,
    /// Number of this attempt.
    number: u32,
}

impl Guess {
    /// [`model::Refusal::TooManyRequests`] while a delay lasts; such an attempt does not lengthen
    /// it. A guess that cannot be counted may not be made: [`Error::Redis`].
    pub async fn begin(services: &Services, from: &Client, account_name: &str) -> Result<Guess> {
        let from = Network::of(from.address);
        let who = format!("{from} {}", folded(account_name));
        let here = Count::begin(services, "password", &who, FREE, LONGEST_DELAY).await?;
        Ok(Guess { here, shared: None })
    }

    /// Counts the guess also with those of all networks from which the account is not known to be
    /// used. A refused guess is not counted anywhere.
    pub async fn as_a_stranger(self, services: &Services, account_name: &str) -> Result<Guess> {
        let who = format!("account {}", folded(account_name));
        self.sharing(services, &who).await
    }

    /// Counts the guess also with those of all networks in one session, because a thief of the
    /// session may have many addresses. A refused guess is not counted anywhere.
    pub async fn in_session(self, services: &Services, sid: &str) -> Result<Guess> {
        self.sharing(services, &format!("session {sid}")).await
    }

    async fn sharing(self, services: &Services, who: &str) -> Result<Guess> {
        let (free, longest) = (STRANGERS_FREE, STRANGERS_LONGEST_DELAY);
        match Count::begin(services, "strangers", who, free, longest).await {
            Ok(shared) => Ok(Guess {
                shared: Some(shared),
                ..self
            }),
            Err(error) => {
                self.take_back(services).await;
                Err(error)
            }
        }
    }

    /// Takes the guess back, because its password is not checked.
    pub async fn take_back(self, services: &Services) {
        self.here.take_back(services).await;
        if let Some(shared) = self.shared {
            shared.take_back(services).await;
        }
    }

    /// Wrong passwords from this network before this one, as far as they are remembered.
    pub fn wrong_before(&self) -> u32 {
        self.here.number.saturating_sub(1)
    }

    /// Awaits the check of a password; the guess stays counted only if the password was wrong.
    pub async fn check<T>(
        self,
        services: &Services,
        checked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let checked = checked.await;
        match &checked {
            Ok(_) => self.was_right(services).await,
            Err(Error::Refused(Refusal::WrongCredentials | Refusal::WrongPassword)) => {}
            // These refusals are given only for the right password.
            Err(Error::Refused(Refusal::AccountDeactivated | Refusal::AccountDeleted { .. })) => {
                self.was_right(services).await
            }
            // A store is unavailable, or there was no permit.
            Err(_) => self.take_back(services).await,
        }
        checked
    }

    /// Forgets all guesses from this network. The shared count loses only this guess: a log-in by
    /// the owner does not help other clients.
    async fn was_right(self, services: &Services) {
        let forgotten = redis::cmd("DEL")
            .arg(self.here.key)
            .exec_async(&mut services.redis.connection())
            .await;
        stands(forgotten);
        if let Some(shared) = self.shared {
            shared.take_back(services).await;
        }
    }
}

impl Count {
    async fn begin(
        services: &Services,
        what: &str,
        who: &str,
        free: u32,
        longest: Duration,
    ) -> Result<Count> {
        let digest = Sha256::digest(who);
        let digest: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
        let key = services.redis.key(format_args!("limit:{what}:{digest}"));
        let (wait, number) = GUESS
            .key(&key)
            .arg(services.clock.now().timestamp_micros())
            .arg(free)
            .arg(FIRST_DELAY.as_micros() as u64)
            .arg(longest.as_micros() as u64)
            .arg(MEMORY.as_micros() as u64)
            .invoke_async(&mut services.redis.connection())
            .await?;
        refuse_until(wait)?;
        Ok(Count { key, number })
    }

    async fn take_back(self, services: &Services) {
        let taken_back = TAKE_BACK
            .key(self.key)
            .arg(self.number)
            .invoke_async::<()>(&mut services.redis.connection())
            .await;
        stands(taken_back);
    }
}

/// Normalises a name as log-in looks it up.
fn folded(account_name: &str) -> String {
    account_name.trim().to_lowercase()
}

/// Logs that a guess which could not be taken back counts as wrong until it is forgotten.
fn stands(taken_back: RedisResult<()>) {
    if let Err(error) = taken_back {
        tracing::warn!(%error, "a password attempt still counts as wrong");
    }
}
