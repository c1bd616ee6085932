//! Presence: where and when each session was last used, which accounts are online, and which were
//! active on which day.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `online` | sorted set | its members an hour at most | account, by when it was seen last (ms since the epoch) |
//!
//! The rest is in PostgreSQL (`sessions`, `active_days`). A log-in and a refresh write it
//! themselves; after that each server writes a session in use once a minute, and no request waits
//! for that. In the rush of an opening other work is more important: what requests leave behind is
//! written a few hundred at a time and once a second, in one statement and one command each,
//! regardless of load.

use super::{Session, StoredSession};
use crate::together::Together;
use crate::{MOST_KNOWN, Result, Services};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use model::accounts::AccountId;
use moka::sync::Cache;
use sqlx::PgConnection;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Accounts that were seen within this time are online.
const ONLINE: TimeDelta = TimeDelta::minutes(5);
/// How long the days on which an account was active are kept.
const REMEMBERED: TimeDelta = TimeDelta::days(31);
/// How often a server writes a session in use.
const EVERY: TimeDelta = TimeDelta::minutes(1);
/// Notes per write. After each write, `PAUSE` passes before the next one.
const MOST: usize = 500;
const PAUSE: Duration = Duration::from_secs(1);

/// What this process has written already, and what it is writing.
pub struct Presence {
    /// Sessions that need not be written again yet.
    lately: Cache<String, ()>,
    /// Accounts that are on record for a day.
    days: Cache<(NaiveDate, AccountId), ()>,
    notes: Arc<Together<(), Note, ()>>,
    /// Notes that wait to be written.
    waiting: AtomicUsize,
}

struct Note {
    sid: String,
    account: AccountId,
    at: DateTime<Utc>,
    address: IpAddr,
}

impl Default for Presence {
    fn default() -> Presence {
        Presence {
            lately: Cache::builder()
                .max_capacity(MOST_KNOWN)
                .time_to_live(EVERY.to_std().unwrap_or_default())
                .build(),
            days: Cache::new(MOST_KNOWN),
            notes: Arc::new(Together::new(MOST, 1)),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// Notes that a session was used. Returns at once.
pub fn seen(services: &Services, session: &Session, address: IpAddr) {
    let presence = &services.presence;
    let now = services.clock.now();
    let written_down = now - session.rotated_at < EVERY;
    // Accounts of a rehearsal do not count.
    if written_down || session.rehearsal.is_some() || presence.lately.contains_key(&session.sid) {
        return;
    }
    // More than can be written now: these sessions are noted again with their next request.
    if presence.waiting.load(Ordering::Relaxed) >= 2 * MOST {
        return;
    }
    presence.waiting.fetch_add(1, Ordering::Relaxed);
    presence.lately.insert(session.sid.clone(), ());
    let note = Note {
        sid: session.sid.clone(),
        account: session.account_id,
        at: now,
        address,
    };
    let services = services.clone();
    tokio::spawn(async move {
        let carrier = services.clone();
        let carry = move |notes| write_down(carrier.clone(), notes);
        // A failed write is logged there, and tried again in a minute.
        let _ = services.presence.notes.ask((), note, carry).await;
        services.presence.waiting.fetch_sub(1, Ordering::Relaxed);
    });
}

async fn write_down(services: Services, notes: Vec<Note>) -> Vec<Result<()>> {
    if let Err(error) = online(&services, &notes).await {
        tracing::debug!(%error, "who is online could not be written down yet");
    }
    if let Err(error) = last_seen(&services, &notes).await {
        tracing::debug!(%error, "when sessions were used could not be written down yet");
    }
    if let Err(error) = active(&services, &notes).await {
        tracing::debug!(%error, "who is active could not be written down yet");
    }
    tokio::time::sleep(PAUSE).await;
    notes.iter().map(|_| Ok(())).collect()
}

async fn online(services: &Services, notes: &[Note]) -> Result<()> {
    let mut online = redis::cmd("ZADD");
    online.arg(online_key(services));
    for note in notes {
        online.arg((note.at.timestamp_millis(), note.account.0));
    }
    Ok(online.exec_async(&mut services.redis.connection()).await?)
}

async fn last_seen(services: &Services, notes: &[Note]) -> Result<()> {
    let sids: Vec<String> = notes.iter().map(|note| note.sid.clone()).collect();
    let times: Vec<DateTime<Utc>> = notes.iter().map(|note| note.at).collect();
    let addresses: Vec<String> = notes.iter().map(|note| note.address.to_string()).collect();
    // Rows locked by other transactions are skipped: those write them, or the next minute does. No
    // request waits for this.
    sqlx::query!(
        "UPDATE sessions SET seen_at = note.at, address = note.address
           FROM UNNEST($1::text[], $2::timestamptz[], $3::text[]) AS note (sid, at, address),
                (SELECT sid FROM sessions WHERE sid = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED) AS free
          WHERE sessions.sid = free.sid AND note.sid = free.sid AND sessions.seen_at < note.at",
        &sids,
        &times,
        &addresses
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

async fn active(services: &Services, notes: &[Note]) -> Result<()> {
    let day = today(services);
    let days = &services.presence.days;
    let new: Vec<i64> = notes
        .iter()
        .filter(|note| !days.contains_key(&(day, note.account)))
        .map(|note| note.account.0)
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO active_days (day, account_id)
         SELECT $1, id FROM accounts WHERE id = ANY ($2) ORDER BY id
         ON CONFLICT DO NOTHING",
        day,
        &new
    )
    .execute(&services.db)
    .await?;
    for account in new {
        days.insert((day, AccountId(account)), ());
    }
    Ok(())
}

/// Records a log-in, in the transaction that opens the session.
pub(super) async fn arrived(
    services: &Services,
    transaction: &mut PgConnection,
    session: &StoredSession,
) -> Result<()> {
    if session.rehearsal.is_none() {
        sqlx::query!(
            "INSERT INTO active_days (day, account_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            today(services),
            session.account_id.0
        )
        .execute(transaction)
        .await?;
    }
    Ok(())
}

/// Returns the command that marks the account as online in Redis, or `None` for an account of a
/// rehearsal.
pub(super) fn is_here(services: &Services, session: &StoredSession) -> Option<redis::Cmd> {
    let mut online = redis::cmd("ZADD");
    let now = services.clock.now().timestamp_millis();
    online.arg((online_key(services), now, session.account_id.0));
    session.rehearsal.is_none().then_some(online)
}

/// Deletes presence that is older than any reader asks for. Safe to run on any server, at any time.
pub(crate) async fn forget(services: &Services) -> Result<()> {
    redis::cmd("ZREMRANGEBYSCORE")
        .arg((online_key(services), "-inf", online_since(services)))
        .exec_async(&mut services.redis.connection())
        .await?;
    let first = model::time::day(services.clock.now() - REMEMBERED);
    sqlx::query!("DELETE FROM active_days WHERE day < $1", first)
        .execute(&services.db)
        .await?;
    Ok(())
}

/// Returns the number of accounts seen within the last five minutes.
pub(crate) async fn count_online(services: &Services) -> Result<u64> {
    Ok(redis::cmd("ZCOUNT")
        .arg((online_key(services), online_since(services), "+inf"))
        .query_async(&mut services.redis.connection())
        .await?)
}

fn online_since(services: &Services) -> i64 {
    (services.clock.now() - ONLINE).timestamp_millis()
}

fn today(services: &Services) -> NaiveDate {
    model::time::day(services.clock.now())
}

fn online_key(services: &Services) -> String {
    services.redis.key("online")
}
