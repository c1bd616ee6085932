//! Logging in, staying logged in, and being logged out everywhere at once.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `session:{sid}` | string, JSON of [`StoredSession`] | [`SESSION_LIFE`], sliding | exists as long as the session does |
//! | `blacklist:{sid}:jti` | string | what the token had left to live | a logged-out access token |
//! | `sessions:ended` | stream | see [`hold`] | which sessions were ended |
//!
//! The braces are part of the name: they are a Redis Cluster's hash tag, so that both keys of a session share a slot
//! and a request costs one signature check and one round trip.

mod ending;
mod rehearsal;
mod tokens;

pub use ending::{Held, Hold, hold, listen};
pub(crate) use rehearsal::{forget_all, open_for_rehearsal};
pub(crate) use tokens::random_id;
pub use tokens::{TokenKeys, Tokens};

use crate::limits::guesses::Guess;
use crate::limits::{self, Client};
use crate::stores::Redis;
use crate::together::Together;
use crate::{Error, Result, Services, accounts};
use chrono::{DateTime, TimeDelta, Utc};
use model::Refusal;
use model::accounts::{Account, AccountId, AccountName, Role};
use model::concerts::ConcertId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokens::{Claims, RefreshToken};

/// How long an access token lives.
pub const ACCESS_LIFE: TimeDelta = TimeDelta::minutes(15);
/// How long a session stays in Redis after its last request, give or take [`PROLONGED_EVERY`].
pub const SESSION_LIFE: TimeDelta = TimeDelta::hours(24);
/// How often each server prolongs a session that is in use.
pub(crate) const PROLONGED_EVERY: Duration = Duration::from_secs(60);
/// How long a refresh token can bring a session back.
pub const REFRESH_LIFE: TimeDelta = TimeDelta::days(30);
/// For how long the refresh token just used may be presented again.
const ROTATION_GRACE: TimeDelta = TimeDelta::seconds(60);

/// Who is asking: what [`authenticate`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub sid: String,
    /// Of the access token that was presented.
    pub jti: String,
    pub account_id: AccountId,
    pub account_name: String,
    pub nickname: String,
    pub role: Role,
    /// The rehearsal that the account was made for, and the only concert that it can join.
    pub rehearsal: Option<ConcertId>,
    /// When the access token that was presented expires.
    pub expires_at: DateTime<Utc>,
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
}

/// Opens a session. A wrong password and an unknown account get the same answer after the same work.
///
/// Too many from one address, or too many wrong passwords for one account from there, are [`Refusal::TooManyRequests`]
/// before any work is done.
pub async fn log_in(
    services: &Services,
    from: Client,
    account_name: &str,
    password: &str,
    device: &str,
) -> Result<(Account, Tokens)> {
    limits::log_in(services, from).await?;
    let guess = Guess::begin(services, from, account_name).await?;
    let checked = check(services, account_name, password).await;
    match &checked {
        Ok(_) => guess.was_right(services).await,
        Err(Error::Refused(Refusal::WrongCredentials)) => {}
        Err(_) => guess.take_back(services).await,
    }
    let account = accounts::find(services, checked?).await?;
    let tokens = open(services, &account, device).await?;
    Ok((account, tokens))
}

/// Whose name and password these are, or [`Refusal::WrongCredentials`].
async fn check(services: &Services, account_name: &str, password: &str) -> Result<AccountId> {
    // What cannot be a name is looked up all the same, as the empty one, which nobody has: the answer takes as long.
    let name = AccountName::parse(account_name).ok();
    let row = sqlx::query!(
        "SELECT id, password_hash FROM accounts WHERE account_name = $1",
        name.as_ref().map_or("", AccountName::as_str)
    )
    .fetch_optional(&services.db)
    .await?;
    let id = row.as_ref().map(|row| row.id);
    let matches = services
        .passwords
        .verify(password, row.map(|row| row.password_hash))
        .await?;
    let id = id.filter(|_| matches).ok_or(Refusal::WrongCredentials)?;
    Ok(AccountId(id))
}

/// Opens a session for somebody whose identity is settled: after sign-up.
pub async fn open(services: &Services, account: &Account, device: &str) -> Result<Tokens> {
    let now = services.clock.now();
    let sid = random_id();
    let refresh = RefreshToken::random(&sid);
    let mut session = StoredSession {
        sid,
        account_id: account.id,
        account_name: account.account_name.clone(),
        nickname: account.nickname.clone(),
        role: account.role,
        rehearsal: None,
        device: device.chars().take(200).collect(),
        created_at: now,
    };
    let expires_at = now + REFRESH_LIFE;
    session.rehearsal = sqlx::query_scalar!(
        "INSERT INTO sessions (sid, account_id, refresh_hash, rotated_at, device, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $4, $6)
         RETURNING (SELECT rehearsal_id FROM accounts WHERE id = sessions.account_id)",
        session.sid,
        account.id.0,
        refresh.hash(),
        now,
        session.device,
        expires_at
    )
    .fetch_one(&services.db)
    .await?
    .map(ConcertId);
    store(services, &session).await?;
    let (access, access_expires_at) = services.tokens.sign(&session, now)?;
    Ok(Tokens {
        access,
        access_expires_at,
        refresh: refresh.into_text(),
        refresh_expires_at: expires_at,
    })
}

/// Whose access token this is, or [`Refusal::NotLoggedIn`]: forged, expired, logged out, or the session is gone.
pub async fn authenticate(services: &Services, access_token: &str) -> Result<Session> {
    let claims = services
        .tokens
        .verify(access_token, services.clock.now())
        .ok_or(Refusal::NotLoggedIn)?;
    let session = session_key(services, &claims.sid);
    let mut question = redis::cmd("MGET");
    question.arg((&session, blacklist_key(services, &claims)));
    let redis = services.redis.clone();
    let carry = move |questions| look_up(redis.clone(), questions);
    let (stored, blacklisted) = services.looked_up.ask((), question, carry).await?;
    let stored = stored
        .filter(|_| blacklisted.is_none())
        .ok_or(Refusal::NotLoggedIn)?;
    if !services.prolonged.contains_key(&claims.sid) {
        services.prolonged.insert(claims.sid.clone(), ());
        tokio::spawn(prolong(services.redis.clone(), session));
    }
    let stored: StoredSession = serde_json::from_str(&stored)
        .map_err(|error| Error::Broken(format!("session {}: {error}", claims.sid)))?;
    Ok(Session {
        sid: claims.sid,
        jti: claims.jti,
        account_id: stored.account_id,
        account_name: stored.account_name,
        nickname: stored.nickname,
        role: stored.role,
        rehearsal: stored.rehearsal,
        expires_at: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
    })
}

/// Sessions that are being looked up at the moment, many in one round trip: the stored session, and what stands in the way
/// of its token.
pub(crate) type LookedUp = Together<(), redis::Cmd, (Option<String>, Option<String>)>;

/// So many travel together.
pub(crate) const MOST_LOOKED_UP: usize = 256;

async fn look_up(
    redis: Redis,
    questions: Vec<redis::Cmd>,
) -> Vec<Result<(Option<String>, Option<String>)>> {
    let found = redis.each(questions).await.into_iter();
    found
        .map(|value| Ok(redis::from_redis_value(value?).map_err(redis::RedisError::from)?))
        .collect()
}

/// Nobody waits for this: it is a write, which Redis puts on its disk, and the session has a day left.
async fn prolong(redis: Redis, session: String) {
    let prolonged = redis::cmd("EXPIRE")
        .arg((session, SESSION_LIFE.num_seconds()))
        .exec_async(&mut redis.connection())
        .await;
    if let Err(error) = prolonged {
        tracing::debug!(%error, "a session could not be prolonged yet");
    }
}

/// Whether what [`authenticate`] found is still so.
pub async fn is_open(services: &Services, session: &Session) -> Result<bool> {
    let (stored, blacklisted): (bool, bool) = redis::pipe()
        .exists(session_key(services, &session.sid))
        .exists(blacklist_key(services, &Claims::of(session)))
        .query_async(&mut services.redis.connection())
        .await?;
    Ok(stored && !blacklisted && services.clock.now() < session.expires_at)
}

/// New tokens for a refresh token, which is thereby used up.
///
/// Presented again within a minute it gives the same successor once more: a browser's parallel requests, or an answer that
/// got lost. Presented later it has been stolen or copied, and the session ends, as it does for any older token.
/// Too many from one address or of one session are [`Refusal::TooManyRequests`], and use nothing up.
pub async fn refresh(services: &Services, from: Client, refresh_token: &str) -> Result<Tokens> {
    let now = services.clock.now();
    let presented = RefreshToken::parse(refresh_token).ok_or(Refusal::NotLoggedIn)?;
    limits::refresh(services, from, presented.sid()).await?;
    let successor = services.tokens.successor(&presented);
    // The row stays locked until Redis has the session: a log-out that comes meanwhile waits, and then ends it.
    let mut transaction = crate::stores::begin(&services.db).await?;
    let record = sqlx::query!(
        // One query: whoever held this connection and waited for another one could wait for ever.
        "SELECT session.account_id, session.refresh_hash, session.previous_hash, session.rotated_at, session.device,
                session.created_at, session.expires_at, account.account_name, account.nickname, account.role,
                account.rehearsal_id
           FROM sessions AS session JOIN accounts AS account ON account.id = session.account_id
          WHERE session.sid = $1 AND session.expires_at > $2
            FOR UPDATE OF session",
        presented.sid(),
        now
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::NotLoggedIn)?;
    if record.refresh_hash == presented.hash() {
        sqlx::query!(
            "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $2, rotated_at = $3 WHERE sid = $1",
            presented.sid(),
            successor.hash(),
            now
        )
        .execute(&mut *transaction)
        .await?;
    } else if record.previous_hash.as_deref() != Some(&presented.hash())
        || record.rotated_at + ROTATION_GRACE < now
    {
        drop(transaction);
        tracing::warn!(
            sid = presented.sid(),
            account = record.account_id,
            "a refresh token was used twice: session ended"
        );
        end(services, presented.sid()).await?;
        return Err(Refusal::NotLoggedIn.into());
    }
    let session = StoredSession {
        sid: presented.sid().to_owned(),
        account_id: AccountId(record.account_id),
        account_name: record.account_name,
        nickname: record.nickname,
        role: accounts::parse_role(&record.role)?,
        rehearsal: record.rehearsal_id.map(ConcertId),
        device: record.device,
        created_at: record.created_at,
    };
    store(services, &session).await?;
    transaction.commit().await?;
    let (access, access_expires_at) = services.tokens.sign(&session, now)?;
    Ok(Tokens {
        access,
        access_expires_at,
        refresh: successor.into_text(),
        refresh_expires_at: record.expires_at,
    })
}

/// Forgets the sessions that nothing can bring back any more. Safe to run anywhere, at any time.
pub async fn purge(services: &Services) -> Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM sessions WHERE expires_at <= $1",
        services.clock.now()
    )
    .execute(&services.db)
    .await?;
    Ok(purged.rows_affected())
}

/// Ends the session on every server at once (P7), and blacklists the token for as long as it would have lived.
pub async fn log_out(services: &Services, session: &Session) -> Result<()> {
    let claims = Claims::of(session);
    let left = session.expires_at - services.clock.now();
    // PostgreSQL first: if Redis is away after that, the session is still there to log out of again.
    end_record(services, &session.sid).await?;
    redis::pipe()
        .atomic()
        .cmd("SET")
        .arg(blacklist_key(services, &claims))
        .arg(session.account_id.0)
        .arg("PX")
        .arg(left.num_milliseconds().max(1))
        .ignore()
        .del(session_key(services, &session.sid))
        .ignore()
        .exec_async(&mut services.redis.connection())
        .await?;
    ending::announce(services, &session.sid).await;
    Ok(())
}

async fn end(services: &Services, sid: &str) -> Result<()> {
    end_record(services, sid).await?;
    redis::cmd("DEL")
        .arg(session_key(services, sid))
        .exec_async(&mut services.redis.connection())
        .await?;
    ending::announce(services, sid).await;
    Ok(())
}

async fn end_record(services: &Services, sid: &str) -> Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE sid = $1", sid)
        .execute(&services.db)
        .await?;
    Ok(())
}

async fn store(services: &Services, session: &StoredSession) -> Result<()> {
    let json = serde_json::to_string(session).map_err(|error| Error::Broken(error.to_string()))?;
    redis::cmd("SET")
        .arg(session_key(services, &session.sid))
        .arg(json)
        .arg("EX")
        .arg(SESSION_LIFE.num_seconds())
        .exec_async(&mut services.redis.connection())
        .await?;
    Ok(())
}

fn session_key(services: &Services, sid: &str) -> String {
    services.redis.key(format_args!("session:{{{sid}}}"))
}

fn blacklist_key(services: &Services, claims: &Claims) -> String {
    services
        .redis
        .key(format_args!("blacklist:{{{}}}:{}", claims.sid, claims.jti))
}
