//! All SQL of the harness: the rows that it inserts into a fresh database, and those that it reads
//! at the end.

use crate::plan::Sale;
use crate::verdict::{Entry, State, Ticket};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use model::accounts::{Account, AccountId, Role};
use model::concerts::ConcertId;
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::BTreeSet;
use std::time::Duration;

/// Inserts accounts without passwords: hashing hundreds would be most of the work.
pub async fn insert_people(db: &PgPool, number: usize, now: DateTime<Utc>) -> Result<Vec<Account>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO accounts (account_name, email, name, nickname, password_hash)
         SELECT 'fan' || n, 'fan' || n || '@example.com', 'Fan', 'Fan ' || n, 'none' FROM generate_series(1, $1) AS n
         RETURNING id",
    )
    .bind(number as i64)
    .fetch_all(db)
    .await?;
    let account = |id: i64| Account {
        id: AccountId(id),
        account_name: format!("fan{id}"),
        name: "Fan".into(),
        nickname: format!("Fan {id}"),
        email: format!("fan{id}@example.com"),
        role: Role::User,
        created_at: now,
    };
    Ok(ids.into_iter().map(account).collect())
}

/// Inserts a concert that is not on sale yet.
pub async fn insert_concert(db: &PgPool, sale: &Sale) -> Result<ConcertId> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                               capacity, sale_opens_at, batch_size, interval_ms)
         VALUES ('Chaos', 'Chaos', 'rock', 'Nodeul', now() + interval '1 year', now() + interval '8762 hours', 120, 66000, '', $1,
                 now() + interval '11 months', $2, $3)
         RETURNING id",
    )
    .bind(sale.capacity as i32)
    .bind(sale.batch_size as i32)
    .bind(sale.interval.as_millis() as i32)
    .fetch_one(db)
    .await?;
    Ok(ConcertId(id))
}

pub async fn put_on_sale(db: &PgPool, concert: ConcertId, opens_at: DateTime<Utc>) -> Result<()> {
    sqlx::query("UPDATE concerts SET sale_opens_at = $2, starts_at = $3, ends_at = $3 + interval '2 hours' WHERE id = $1")
        .bind(concert.0)
        .bind(opens_at)
        .bind(opens_at + TimeDelta::hours(2))
        .execute(db)
        .await?;
    Ok(())
}

const LEFT_AT_ONCE: usize = 50_000;

/// Inserts `number` entries in state `left`, with arrivals long before the sale.
pub async fn insert_left(
    db: &PgPool,
    concert: ConcertId,
    account: AccountId,
    number: u32,
) -> Result<()> {
    // In parts, each of which is well within the time limit of a statement.
    for first in (1..=number).step_by(LEFT_AT_ONCE) {
        let last = number.min(first + LEFT_AT_ONCE as u32 - 1);
        sqlx::query(
            "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
             SELECT $1, n, $2, 1, 'left' FROM generate_series($3, $4) AS n",
        )
        .bind(concert.0)
        .bind(account.0)
        .bind(i64::from(first))
        .bind(i64::from(last))
        .execute(db)
        .await?;
    }
    Ok(())
}

/// Holds the row of a concert for `lasts`, in a transaction that changes nothing.
pub async fn lock(db: &PgPool, concert: ConcertId, lasts: Duration) -> Result<()> {
    let mut transaction = services::stores::begin(db).await?;
    sqlx::query("SELECT FROM concerts WHERE id = $1 FOR UPDATE")
        .bind(concert.0)
        .execute(&mut *transaction)
        .await?;
    tokio::time::sleep(lasts).await;
    Ok(transaction.rollback().await?)
}

/// Returns the accounts that Frontrow has recorded as having lost their tickets with PostgreSQL's
/// last commits.
pub async fn named_lost(db: &PgPool, concert: ConcertId) -> Result<BTreeSet<i64>> {
    let accounts: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT unnest(holders) FROM lost_commits WHERE concert_id = $1",
    )
    .bind(concert.0)
    .fetch_all(db)
    .await?;
    Ok(accounts.into_iter().collect())
}

/// How far a sale has progressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub live: i64,
    pub waiting: i64,
}

pub async fn progress(db: &PgPool, concert: ConcertId) -> Result<Progress> {
    let (live, waiting) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL),
                (SELECT count(*) FROM queue_entries WHERE concert_id = $1 AND state = 'waiting')",
    )
    .bind(concert.0)
    .fetch_one(db)
    .await?;
    Ok(Progress { live, waiting })
}

/// The time of the commit that last wrote a row, in microseconds since the epoch. PostgreSQL runs
/// with `track_commit_timestamp`.
const COMMITTED: &str = "(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint";

/// Returns all entries except those from [`insert_left`].
pub async fn entries(db: &PgPool, concert: ConcertId, left_before: u32) -> Result<Vec<Entry>> {
    let rows: Vec<(i64, i64, String, Option<i64>)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT account_id, arrival, state, {COMMITTED} FROM queue_entries WHERE concert_id = $1 AND arrival > $2 ORDER BY arrival"
    )))
    .bind(concert.0)
    .bind(i64::from(left_before))
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(account, arrival, state, committed)| {
            let state = match state.as_str() {
                "waiting" => State::Waiting,
                "issued" => State::Issued,
                "left" => State::Left,
                _ => State::Expired,
            };
            let committed = committed.context("no time of commit")?;
            Ok(Entry {
                account,
                arrival,
                state,
                committed,
            })
        })
        .collect()
}

pub async fn tickets(db: &PgPool, concert: ConcertId) -> Result<Vec<Ticket>> {
    let rows: Vec<(i64, i64, i64, i32, bool, Option<i64>)> =
        sqlx::query_as(AssertSqlSafe(format!(
            "SELECT id, account_id, arrival, serial, cancelled_at IS NOT NULL, {COMMITTED}
           FROM tickets WHERE concert_id = $1 ORDER BY serial"
        )))
        .bind(concert.0)
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|(id, account, arrival, serial, cancelled, committed)| {
            let committed = committed.context("no time of commit")?;
            // Cancelling is the only update that a ticket ever has.
            let cancelled = cancelled.then_some(committed);
            Ok(Ticket {
                id,
                account,
                arrival,
                serial,
                cancelled,
            })
        })
        .collect()
}

/// Returns the open transactions of PostgreSQL and which ones block them, to diagnose a sale that
/// does not finish.
pub async fn activity(db: &PgPool) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar(
        "SELECT concat_ws(' ', pid, state, wait_event, 'for', clock_timestamp() - state_change, 'in a transaction for',
                          clock_timestamp() - xact_start, 'behind', pg_blocking_pids(pid), left(regexp_replace(query, '[[:space:]]+', ' ', 'g'), 80))
           FROM pg_stat_activity
          WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()
          ORDER BY xact_start",
    );
    Ok(rows.fetch_all(db).await?)
}
