//! Wrong passwords: each one makes the next attempt wait longer.
//!
//! Counted by account and by address: who guesses cannot lock out the owner, who is elsewhere. Whoever has many addresses has a
//! budget besides, which all share from which the account is not known to be used; for the owner elsewhere it takes a minute at
//! most to come round, if others do not come first, and where they have logged in before it does not count. An attempt is counted
//! as wrong before its password is looked at, so that attempts at the same moment are counted as well; one that was right takes all
//! of it back. The name is the one that was typed, whether there is such an account or not, and only its hash is kept.

use super::{Network, refuse_until};
use crate::{Client, Error, Result, Services};
use model::Refusal;
use redis::{RedisResult, Script};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use std::time::Duration;

/// So many wrong passwords cost nothing.
pub const FREE: u32 = 5;
/// The same for strangers, of whom an account has many.
pub const STRANGERS_FREE: u32 = 20;
/// What the next one costs; each one after it twice as much as the one before.
const FIRST_DELAY: Duration = Duration::from_secs(1);
pub const LONGEST_DELAY: Duration = Duration::from_secs(300);
pub const STRANGERS_LONGEST_DELAY: Duration = Duration::from_secs(60);
/// After so long without another one all are forgotten.
pub const MEMORY: Duration = Duration::from_secs(3600);

static GUESS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/guess.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_back.lua")));

/// An attempt that may be made. Dropped, it counts as wrong.
pub struct Guess {
    /// From this address.
    here: Count,
    /// From all that share a budget with it.
    shared: Option<Count>,
}

/// Where an attempt is counted.
struct Count {
    key: String,
    /// Which one it is.
    number: u32,
}

impl Guess {
    /// [`model::Refusal::TooManyRequests`] while a delay lasts; that does not lengthen it. A guess that cannot be counted may
    /// not be made: [`Error::Redis`].
    pub async fn begin(services: &Services, from: &Client, account_name: &str) -> Result<Guess> {
        let from = Network::of(from.address);
        let who = format!("{from} {}", folded(account_name));
        let here = Count::begin(services, "password", &who, FREE, LONGEST_DELAY).await?;
        Ok(Guess { here, shared: None })
    }

    /// Counted with those of all addresses from which the account is not known to be used. Refused, it counts nowhere.
    pub async fn as_a_stranger(self, services: &Services, account_name: &str) -> Result<Guess> {
        let who = format!("account {}", folded(account_name));
        self.sharing(services, &who).await
    }

    /// Counted with those of all addresses in one session: whoever has stolen it has them, too. Refused, it counts nowhere.
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

    /// The password is not checked.
    pub async fn take_back(self, services: &Services) {
        self.here.take_back(services).await;
        if let Some(shared) = self.shared {
            shared.take_back(services).await;
        }
    }

    /// Wrong ones from this address before this one, as far as they are remembered.
    pub fn wrong_before(&self) -> u32 {
        self.here.number.saturating_sub(1)
    }

    /// Carries out the check of a password: counted as wrong if that is what it was, and only then.
    pub async fn check<T>(
        self,
        services: &Services,
        checked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let checked = checked.await;
        match &checked {
            Ok(_) => self.was_right(services).await,
            Err(Error::Refused(Refusal::WrongCredentials | Refusal::WrongPassword)) => {}
            // Whoever is told why they cannot log in has given the right password.
            Err(Error::Refused(Refusal::AccountDeactivated | Refusal::AccountDeleted { .. })) => {
                self.was_right(services).await
            }
            // A store is away, or there was no turn.
            Err(_) => self.take_back(services).await,
        }
        checked
    }

    /// All from here is forgotten. What others have tried is not: they get nothing for it that the owner has logged in.
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

/// A name as it is looked up.
fn folded(account_name: &str) -> String {
    account_name.trim().to_lowercase()
}

/// What could not be taken back counts as wrong until it is forgotten.
fn stands(taken_back: RedisResult<()>) {
    if let Err(error) = taken_back {
        tracing::warn!(%error, "a password attempt still counts as wrong");
    }
}
