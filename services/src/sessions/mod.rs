//! Logging in, staying logged in, and being logged out everywhere at once.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `session:{sid}` | string, JSON of [`StoredSession`] | [`SESSION_LIFE`] after its last refresh | exists as long as the session does |
//! | `blacklist:{sid}:jti` | string | the rest of the token's life | a logged-out access token |
//! | `sessions:ended` | stream | see [`hold`] | which sessions were ended |
//! | `online` | sorted set | see [`seen`] | which accounts are online |
//!
//! The braces are part of the name: they are a Redis Cluster's hash tag, so that the keys of a
//! session share a slot and a request costs one signature check and one round trip.
//!
//! PostgreSQL keeps the record of each session: the hash of its refresh token, its device, and
//! whether and why it was ended.

mod device;
mod ending;
mod known;
mod list;
mod log_in;
mod log_out;
mod presence;
mod refresh;
mod rehearsal;
mod retell;
mod tokens;
mod wrong_passwords;

pub use ending::{Held, Hold, hold, listen};
pub use known::KNOWN;
pub use list::list;
pub use log_in::{log_in, open};
pub use log_out::{end_other_sessions, end_session, log_out, log_out_with, sweep};
pub(crate) use log_out::{end_records, finish, forget_all};
pub use presence::{Presence, seen};
pub(crate) use presence::{count_online, forget};
pub use refresh::{Refreshing, refresh};
pub(crate) use rehearsal::{Person, open_for_rehearsal};
pub(crate) use retell::retell;
pub(crate) use tokens::random_id;
pub use tokens::{TokenKeys, Tokens};
pub use wrong_passwords::{TOLD, dismiss_wrong_passwords, wrong_passwords};

use crate::stores::Redis;
use crate::together::Together;
use crate::{Error, Result, Services, accounts};
use chrono::{DateTime, TimeDelta, Utc};
use model::Refusal;
use model::accounts::{AccountId, Role};
use model::concerts::ConcertId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokens::Claims;

/// Life of an access token.
pub const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a session stays in Redis after its last refresh; a session in use needs one every
/// [`ACCESS_LIFE`]. After that a refresh token restores it.
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(24);
/// Maximum life of a session: nothing restores it after that.
pub const REFRESH_LIFE: TimeDelta = TimeDelta::days(30);
/// Upper bound on open sessions of an account: some devices with some browsers each, and a few
/// scripts. One more ends the least recently used one.
pub const SESSIONS_MAX: u32 = 50;
/// How long the refresh token that was just used may be presented again.
const ROTATION_GRACE: TimeDelta = TimeDelta::seconds(60);

/// The caller, as [`authenticate`] found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub sid: String,
    /// Id of the access token that was presented.
    pub jti: String,
    pub account_id: AccountId,
    pub account_name: String,
    pub nickname: String,
    pub role: Role,
    /// The rehearsal that the account was made for, and the only concert that it can join.
    pub rehearsal: Option<ConcertId>,
    /// When the access token that was presented expires.
    pub expires_at: DateTime<Utc>,
    /// When the session was opened or last refreshed.
    pub rotated_at: DateTime<Utc>,
}

impl Session {
    /// Returns whether the session may see or do what most members may not: by its role, or by the
    /// rehearsal that its account was made for.
    pub fn is_privileged(&self) -> bool {
        self.role != Role::User || self.rehearsal.is_some()
    }

    /// [`Refusal::Forbidden`] unless the account is an admin.
    pub(crate) fn require_admin(&self) -> Result<()> {
        match self.role {
            Role::Admin => Ok(()),
            Role::User | Role::Organiser => Err(Refusal::Forbidden.into()),
        }
    }
}

/// The JSON under `session:{sid}`, readable by any program that shares the Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredSession {
    pub sid: String,
    pub account_id: AccountId,
    pub account_name: String,
    pub nickname: String,
    pub role: Role,
    /// [`Session::rehearsal`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<ConcertId>,
    pub device: String,
    pub created_at: DateTime<Utc>,
    /// When its refresh token was last used. Access tokens from before that are refused.
    pub rotated_at: DateTime<Utc>,
    /// When it ends, regardless of use.
    pub expires_at: DateTime<Utc>,
}

/// PostgreSQL's record of an open session.
struct SessionRow {
    sid: String,
    account_id: i64,
    device: String,
    created_at: DateTime<Utc>,
    rotated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl SessionRow {
    /// Returns the session as Redis stores it, with the account's data in this transaction.
    /// [`Refusal::NotLoggedIn`] if the account cannot be used any more.
    async fn with_account(self, transaction: &mut PgConnection) -> Result<StoredSession> {
        let account = sqlx::query!(
            "SELECT account_name, nickname, role, rehearsal_id FROM accounts
              WHERE id = $1 AND deactivated_at IS NULL AND deleted_at IS NULL",
            self.account_id
        )
        .fetch_optional(transaction)
        .await?
        .ok_or(Refusal::NotLoggedIn)?;
        Ok(StoredSession {
            sid: self.sid,
            account_id: AccountId(self.account_id),
            account_name: account.account_name,
            nickname: account.nickname,
            role: accounts::parse_role(&account.role)?,
            rehearsal: account.rehearsal_id.map(ConcertId),
            device: self.device,
            created_at: self.created_at,
            rotated_at: self.rotated_at,
            expires_at: self.expires_at,
        })
    }
}

/// Returns the session of an access token, or [`Refusal::NotLoggedIn`] if the token is forged,
/// expired, rotated away or logged out, or its session no longer exists.
pub async fn authenticate(services: &Services, access_token: &str) -> Result<Session> {
    let claims = services
        .tokens
        .verify(access_token, services.clock.now())
        .ok_or(Refusal::NotLoggedIn)?;
    let session = session_key(services, &claims.sid);
    let question = [session, blacklist_key(services, &claims)];
    let redis = services.redis.clone();
    let carry = move |questions| look_up(redis.clone(), questions);
    let (stored, blacklisted) = services.looked_up.ask((), question, carry).await?;
    let stored = stored
        .filter(|_| blacklisted.is_none())
        .ok_or(Refusal::NotLoggedIn)?;
    // Written by another version, or by another program: a refresh rewrites it.
    let stored: StoredSession = serde_json::from_str(&stored).map_err(|error| {
        tracing::warn!(sid = claims.sid, %error, "a session in Redis cannot be read");
        Refusal::NotLoggedIn
    })?;
    if claims.iat < stored.rotated_at.timestamp() {
        return Err(Refusal::NotLoggedIn.into());
    }
    Ok(Session {
        sid: claims.sid.clone(),
        jti: claims.jti.clone(),
        account_id: stored.account_id,
        account_name: stored.account_name,
        nickname: stored.nickname,
        role: stored.role,
        rehearsal: stored.rehearsal,
        expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
        rotated_at: stored.rotated_at,
    })
}

/// Batcher of session look-ups, many per round trip: each returns the stored session and the
/// blacklist entry of its token.
pub(crate) type LookedUp = Together<(), [String; 2], (Option<String>, Option<String>)>;

/// Look-ups per batch.
pub(crate) const MOST_LOOKED_UP: usize = 256;

async fn look_up(
    redis: Redis,
    questions: Vec<[String; 2]>,
) -> Vec<Result<(Option<String>, Option<String>)>> {
    let found = redis.get_pairs(questions).await.into_iter();
    found.map(|pair| Ok(pair?)).collect()
}

/// Returns whether this is the newest refresh token of its session, or the one before.
async fn is_known(services: &Services, presented: &tokens::RefreshToken) -> Result<bool> {
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE sid = $1 AND (refresh_hash = $2 OR previous_hash = $2)) AS "known!""#,
        presented.sid(),
        presented.hash()
    );
    Ok(known.fetch_one(&services.db).await?)
}

/// Returns whether the session that [`authenticate`] found is still open.
pub async fn is_open(services: &Services, session: &Session) -> Result<bool> {
    let (stored, blacklisted): (bool, bool) = redis::pipe()
        .exists(session_key(services, &session.sid))
        .exists(blacklist_key(services, &Claims::of(session)))
        .query_async(&mut services.redis.connection())
        .await?;
    Ok(stored && !blacklisted && services.clock.now() < session.expires_at)
}

/// Deletes the records of sessions that nothing can restore, of networks that are no longer known,
/// and the expired counts of wrong passwords. Safe to run on any server, at any time.
pub async fn purge(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let purged = sqlx::query!("DELETE FROM sessions WHERE expires_at <= $1", now)
        .execute(&services.db)
        .await?;
    known::purge(services, now).await?;
    wrong_passwords::purge(services, now).await?;
    Ok(purged.rows_affected())
}

async fn store(services: &Services, session: &StoredSession) -> Result<()> {
    let json = serde_json::to_string(session).map_err(|error| Error::Broken(error.to_string()))?;
    let mut store = redis::cmd("SET");
    store.arg(session_key(services, &session.sid));
    store.arg((
        json,
        "EX",
        life_left(session.expires_at, services.clock.now()),
    ));
    let commands = [Some(store), presence::is_here(services, session)];
    let answers = services
        .redis
        .each(commands.into_iter().flatten().collect());
    for answer in answers.await {
        answer?;
    }
    Ok(())
}

/// Returns the seconds for which a session that is refreshed now stays in Redis.
fn life_left(ends_at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    SESSION_LIFE.min(ends_at - now).num_seconds().max(1)
}

fn session_key(services: &Services, sid: &str) -> String {
    services.redis.key(format_args!("session:{{{sid}}}"))
}

fn blacklist_key(services: &Services, claims: &Claims) -> String {
    services
        .redis
        .key(format_args!("blacklist:{{{}}}:{}", claims.sid, claims.jti))
}
