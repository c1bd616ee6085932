//! Who is here: where and when each session was used last, who is online, and who was active on which day.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `online` | sorted set | its members an hour at most | account, by when it was seen last (ms since the epoch) |
//!
//! The rest is PostgreSQL's (`sessions`, `active_days`). A log-in and a refresh write it down themselves; a session in use is
//! written down once a minute by each server after that, and no request waits for it. In the storm of an opening there are
//! more important things to do: what requests leave behind is written a few hundred at a time and once a second, in one statement
//! and one command each, however many come.

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

/// Who was seen within this time is here.
const ONLINE: TimeDelta = TimeDelta::minutes(5);
/// For so long it is known on which days an account was used.
const REMEMBERED: TimeDelta = TimeDelta::days(31);
/// How often a session in use is written down by a server.
const EVERY: TimeDelta = TimeDelta::minutes(1);
/// So many are written down in one go, and as long after that nothing more is.
const MOST: usize = 500;
const PAUSE: Duration = Duration::from_secs(1);

/// What this process has written down already, and what it is writing down.
pub struct Presence {
    /// By session, for as long as it need not be written down again.
    lately: Cache<String, ()>,
    /// Accounts that are on record for a day.
    days: Cache<(NaiveDate, AccountId), ()>,
    notes: Arc<Together<(), Note, ()>>,
    /// How many notes wait to be written down.
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

/// Somebody has used their session. Returns at once.
pub fn seen(services: &Services, session: &Session, address: IpAddr) {
    let presence = &services.presence;
    let now = services.clock.now();
    let written_down = now - session.rotated_at < EVERY;
    // A rehearsal's people are nobody.
    if written_down || session.rehearsal.is_some() || presence.lately.contains_key(&session.sid) {
        return;
    }
    // There are more than can be written down just now: they are seen again with their next request.
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
        // What fails is tried again in a minute, and says so itself.
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
    // Those that somebody else is changing are written down by them, or in a minute: nobody waits for this.
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

/// Somebody has logged in: in the transaction that opens their session.
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

/// What tells Redis that somebody is here; none for a rehearsal's people.
pub(super) fn is_here(services: &Services, session: &StoredSession) -> Option<redis::Cmd> {
    let mut online = redis::cmd("ZADD");
    let now = services.clock.now().timestamp_millis();
    online.arg((online_key(services), now, session.account_id.0));
    session.rehearsal.is_none().then_some(online)
}

/// Forgets who was here longer ago than anybody looks. Safe to run anywhere, at any time.
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

/// How many accounts were seen within the last five minutes.
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
