//! Who is here: sessions that are used live on, and it is known where and when each was used last.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `seen:{sid}` | string, JSON of [`Seen`] | as the session | where and when it was used last |
//! | `online` | sorted set | its members 5 minutes | account, by when it was seen last (ms since the epoch) |
//!
//! PostgreSQL keeps which account was used on which day (`active_days`). A session in use is written down once a minute by
//! each server, and nobody waits for it: requests read, and what they leave behind travels together.

use super::{PROLONGED_EVERY, Session, life_left, session_key};
use crate::together::Together;
use crate::{MOST_KNOWN, Result, Services};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use model::accounts::AccountId;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Who was seen within this time is here.
const ONLINE: TimeDelta = TimeDelta::minutes(5);
/// So many are written down in one go.
const MOST: usize = 1_000;

/// The JSON under `seen:{sid}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub at: DateTime<Utc>,
    pub address: IpAddr,
}

/// What this process has written down already, and what it is writing down.
pub struct Presence {
    /// By session, for as long as it need not be written down again.
    lately: Cache<String, ()>,
    /// Accounts that are on record for a day.
    days: Cache<(NaiveDate, AccountId), ()>,
    notes: Arc<Together<(), Note, ()>>,
}

#[derive(Clone)]
struct Note {
    session: Session,
    seen: Seen,
}

impl Default for Presence {
    fn default() -> Presence {
        Presence {
            lately: Cache::builder()
                .max_capacity(MOST_KNOWN)
                .time_to_live(PROLONGED_EVERY)
                .build(),
            days: Cache::new(MOST_KNOWN),
            notes: Arc::new(Together::new(MOST, 1)),
        }
    }
}

/// Somebody has used their session. Returns at once.
pub fn seen(services: &Services, session: &Session, address: IpAddr) {
    let presence = &services.presence;
    if presence.lately.contains_key(&session.sid) {
        return;
    }
    presence.lately.insert(session.sid.clone(), ());
    let note = Note {
        session: session.clone(),
        seen: Seen {
            at: services.clock.now(),
            address,
        },
    };
    let services = services.clone();
    tokio::spawn(async move {
        let carrier = services.clone();
        let carry = move |notes| write_down(carrier.clone(), notes);
        // What fails is tried again in a minute, and says so itself.
        let _ = services.presence.notes.ask((), note, carry).await;
    });
}

async fn write_down(services: Services, notes: Vec<Note>) -> Vec<Result<()>> {
    let count = notes.len();
    if let Err(error) = to_redis(&services, &notes).await {
        tracing::debug!(%error, "sessions could not be prolonged yet");
    }
    if let Err(error) = to_journal(&services, &notes).await {
        tracing::debug!(%error, "who is active could not be written down yet");
    }
    std::iter::repeat_with(|| Ok(())).take(count).collect()
}

async fn to_redis(services: &Services, notes: &[Note]) -> Result<()> {
    let now = services.clock.now();
    let mut commands = Vec::new();
    let mut online = redis::cmd("ZADD");
    online.arg(online_key(services));
    let mut anybody = false;
    for Note { session, seen } in notes {
        let life = life_left(session.ends_at, now);
        let mut prolong = redis::cmd("EXPIRE");
        prolong.arg(session_key(services, &session.sid)).arg(life);
        commands.push(prolong);
        // A rehearsal's people are nobody.
        if session.rehearsal.is_none()
            && let Ok(json) = serde_json::to_string(seen)
        {
            let mut note = redis::cmd("SET");
            note.arg(seen_key(services, &session.sid));
            note.arg((json, "EX", life));
            commands.push(note);
            online.arg((seen.at.timestamp_millis(), session.account_id.0));
            anybody = true;
        }
    }
    if anybody {
        commands.push(online);
        let mut trim = redis::cmd("ZREMRANGEBYSCORE");
        trim.arg((online_key(services), "-inf", online_since(now)));
        commands.push(trim);
    }
    for answer in services.redis.each(commands).await {
        answer?;
    }
    Ok(())
}

async fn to_journal(services: &Services, notes: &[Note]) -> Result<()> {
    let day = services
        .clock
        .now()
        .with_timezone(&model::time::kst())
        .date_naive();
    let days = &services.presence.days;
    let new: Vec<i64> = notes
        .iter()
        .filter(|note| note.session.rehearsal.is_none())
        .map(|note| note.session.account_id)
        .filter(|account| !days.contains_key(&(day, *account)))
        .map(|account| account.0)
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO active_days (day, account_id)
         SELECT $1, id FROM accounts WHERE id = ANY ($2)
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

/// How many accounts were seen within the last five minutes.
pub(crate) async fn online(services: &Services) -> Result<u64> {
    Ok(redis::cmd("ZCOUNT")
        .arg(online_key(services))
        .arg((online_since(services.clock.now()), "+inf"))
        .query_async(&mut services.redis.connection())
        .await?)
}

/// Where and when each session was used last, in their order; none for those of which nothing is known.
pub(super) async fn last_seen(services: &Services, sids: &[String]) -> Result<Vec<Option<Seen>>> {
    let questions = sids.iter().map(|sid| {
        let mut question = redis::cmd("GET");
        question.arg(seen_key(services, sid));
        question
    });
    let answers = services.redis.each(questions.collect()).await.into_iter();
    answers
        .map(|value| {
            let json: Option<String> =
                redis::from_redis_value(value?).map_err(redis::RedisError::from)?;
            Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
        })
        .collect()
}

fn online_since(now: DateTime<Utc>) -> i64 {
    (now - ONLINE).timestamp_millis()
}

fn online_key(services: &Services) -> String {
    services.redis.key("online")
}

fn seen_key(services: &Services, sid: &str) -> String {
    services.redis.key(format_args!("seen:{{{sid}}}"))
}
