//! Wrong passwords: each one makes the next attempt wait longer.
//!
//! Counted by account and by address: who guesses cannot lock out the owner, who is elsewhere. An attempt is counted as wrong
//! before its password is looked at, so that attempts at the same moment are counted as well; one that was right takes all of
//! it back. The name is the one that was typed, whether there is such an account or not, and only its hash is kept.

use super::{Network, refuse_until};
use crate::{Client, Error, Result, Services};
use model::Refusal;
use redis::{RedisResult, Script};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use std::time::Duration;

/// So many wrong passwords cost nothing.
pub const FREE: u32 = 5;
/// What the next one costs; each one after it twice as much as the one before.
const FIRST_DELAY: Duration = Duration::from_secs(1);
pub const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// After so long without another one all are forgotten.
pub const MEMORY: Duration = Duration::from_secs(3600);

static GUESS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/guess.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_back.lua")));

/// An attempt that may be made. Dropped, it counts as wrong.
pub struct Guess {
    key: String,
    /// Which one it is.
    number: u32,
}

impl Guess {
    /// [`model::Refusal::TooManyRequests`] while a delay lasts; that does not lengthen it. A guess that cannot be counted may
    /// not be made: [`Error::Redis`].
    pub async fn begin(services: &Services, from: &Client, account_name: &str) -> Result<Guess> {
        let name = account_name.trim().to_lowercase();
        let digest = Sha256::digest(format!("{} {name}", Network::of(from.address)));
        let digest: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
        let key = services.redis.key(format_args!("limit:password:{digest}"));
        let (wait, number) = GUESS
            .key(&key)
            .arg(services.clock.now().timestamp_micros())
            .arg(FREE)
            .arg(FIRST_DELAY.as_micros() as u64)
            .arg(LONGEST_DELAY.as_micros() as u64)
            .arg(MEMORY.as_micros() as u64)
            .invoke_async(&mut services.redis.connection())
            .await?;
        refuse_until(wait)?;
        Ok(Guess { key, number })
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
            Err(_) => self.take_back(services).await,
        }
        checked
    }

    /// All is forgotten.
    async fn was_right(self, services: &Services) {
        let forgotten = redis::cmd("DEL")
            .arg(self.key)
            .exec_async(&mut services.redis.connection())
            .await;
        stands(forgotten);
    }

    /// Nobody has looked at the password: a store is away, or there was no turn.
    async fn take_back(self, services: &Services) {
        let taken_back = TAKE_BACK
            .key(self.key)
            .arg(self.number)
            .invoke_async::<()>(&mut services.redis.connection())
            .await;
        stands(taken_back);
    }
}

/// What could not be taken back counts as wrong until it is forgotten.
fn stands(taken_back: RedisResult<()>) {
    if let Err(error) = taken_back {
        tracing::warn!(%error, "a password attempt still counts as wrong");
    }
}
