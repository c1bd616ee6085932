//! PostgreSQL's record of every join and leave, from which a lost queue in Redis is rebuilt.
//!
//! Group commit: records that arrive during a commit are written together in the next one
//! ([`Together`]). Under heavy load there are tens of commits a second, not thousands.

use crate::together::Together;
use crate::{Error, Result, stores};
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Arrival;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Upper bound on records in one commit.
const MOST_PER_COMMIT: usize = 2_000;

/// Time-out of a commit, including its retries.
const PATIENCE: Duration = Duration::from_secs(5);

/// A place that Redis has given.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    pub concert: ConcertId,
    pub account: AccountId,
    pub arrival: Arrival,
    pub joined_rank: i64,
    /// The build of the queue that gave the place.
    pub generation: i64,
}

/// A place about to be given up.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    pub concert: ConcertId,
    pub account: AccountId,
    pub arrival: Arrival,
}

/// What the journal has on a place that was to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The account waits under this arrival: the one given, or an older one that it already had.
    Waiting(Arrival),
    /// The place is on record and does not wait any more: it was issued a ticket, was left, or
    /// expired.
    Settled,
    /// Nothing was recorded: since the place was given, the queue has been built anew without it.
    Stale,
    /// Nothing was recorded: the account does not exist.
    NoAccount,
}

/// Concurrent commits over all concerts, and connections of the journal's pool.
pub(crate) const COMMITS: u32 = 4;
/// How long a commit waits for a concert whose row is locked before it lets commits of other
/// concerts go first. A batch that is being issued holds the row for less.
pub(crate) const LOCK_PATIENCE: &str = "200ms";

/// The writer of the journal in this process.
pub struct Journal {
    db: PgPool,
    commits: Arc<Semaphore>,
    // Keyed by concert: one whose row is locked does not delay the others.
    joins: Arc<Together<ConcertId, Join, Recorded>>,
    leaves: Arc<Together<ConcertId, Leave, bool>>,
}

impl Journal {
    pub fn new(db: PgPool) -> Journal {
        Journal {
            db,
            commits: Arc::new(Semaphore::new(COMMITS as usize)),
            joins: Arc::new(Together::new(MOST_PER_COMMIT, 2)),
            leaves: Arc::new(Together::new(MOST_PER_COMMIT, 2)),
        }
    }

    /// Records a join and returns what is on disk. Recording the same join again changes nothing.
    pub async fn join(&self, join: Join) -> Result<Recorded> {
        let (db, commits) = (self.db.clone(), self.commits.clone());
        let write = move |joins| write_joins(db.clone(), commits.clone(), joins);
        self.joins.ask(join.concert, join, write).await
    }

    /// Records a leave and returns when it is on disk: `true`, or `false` if a ticket had been
    /// issued for that place before.
    pub async fn leave(&self, leave: Leave) -> Result<bool> {
        let (db, commits) = (self.db.clone(), self.commits.clone());
        let write = move |leaves| write_leaves(db.clone(), commits.clone(), leaves);
        self.leaves.ask(leave.concert, leave, write).await
    }

    pub(crate) async fn close(&self) {
        self.db.close().await;
    }
}

/// Makes one attempt, with a permit. An attempt that had to wait for a lock goes to the back of the
/// line.
async fn in_turn<T>(commits: &Semaphore, write: impl Future<Output = T>) -> T {
    // The semaphore is never closed; if it were, continuing would be right.
    let _turn = commits.acquire().await;
    write.await
}

async fn write_joins(
    db: PgPool,
    commits: Arc<Semaphore>,
    joins: Vec<Join>,
) -> Vec<Result<Recorded>> {
    let write = || in_turn(&commits, record_joins(&db, &joins));
    let recorded = stores::in_time(PATIENCE, write).await;
    answers(joins.len(), recorded)
}

async fn write_leaves(
    db: PgPool,
    commits: Arc<Semaphore>,
    leaves: Vec<Leave>,
) -> Vec<Result<bool>> {
    let write = || in_turn(&commits, record_leaves(&db, &leaves));
    let recorded = stores::in_time(PATIENCE, write).await;
    answers(leaves.len(), recorded)
}

/// Returns the answer to each record, or [`Error::Rebuilding`] for all of them if their shared
/// commit was rolled back.
fn answers<T>(records: usize, outcome: Result<Vec<T>>) -> Vec<Result<T>> {
    match outcome {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) => {
            tracing::error!(%error, records, "the journal could not be written");
            (0..records).map(|_| Err(Error::Rebuilding)).collect()
        }
    }
}

/// Records joins in one commit and returns what is on disk for each, in the same order.
pub async fn record_joins(db: &PgPool, joins: &[Join]) -> Result<Vec<Recorded>> {
    let concerts: Vec<i64> = joins.iter().map(|j| j.concert.0).collect();
    let arrivals: Vec<i64> = joins.iter().map(|j| j.arrival.0).collect();
    let accounts: Vec<i64> = joins.iter().map(|j| j.account.0).collect();
    let ranks: Vec<i64> = joins.iter().map(|j| j.joined_rank).collect();
    let generations: Vec<i64> = joins.iter().map(|j| j.generation).collect();
    // FOR SHARE: a builder that raises the generation either waits for this commit and reads it,
    // or comes first and is seen.
    // ORDER BY: all writers lock entries in the same order, so that they do not deadlock.
    let inserted = sqlx::query_scalar!(
        "WITH current AS (
             SELECT id, generation FROM concerts WHERE id = ANY($1) ORDER BY id FOR SHARE)
         INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
         SELECT concert_id, arrival, account_id, joined_rank, 'waiting'
           FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                AS joined (concert_id, arrival, account_id, joined_rank, generation)
           JOIN current ON current.id = joined.concert_id AND current.generation = joined.generation
           JOIN accounts ON accounts.id = joined.account_id
          ORDER BY concert_id, arrival
         ON CONFLICT DO NOTHING
         RETURNING arrival",
        &concerts,
        &arrivals,
        &accounts,
        &ranks,
        &generations
    )
    .fetch_all(db)
    .await?;
    // The usual case: every place is new. An account that already waited would have been a
    // conflict.
    if inserted.len() == joins.len() {
        return Ok(joins
            .iter()
            .map(|join| Recorded::Waiting(join.arrival))
            .collect());
    }
    // What is on record now: the place itself, waiting or settled, or an older one that still
    // waits.
    let stands = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM accounts WHERE id = joined.account_id) AS "known!",
                  (SELECT min(entry.arrival) FROM queue_entries AS entry
                    WHERE entry.concert_id = joined.concert_id AND entry.account_id = joined.account_id
                      AND entry.state = 'waiting' AND entry.arrival <= joined.arrival) AS waiting,
                  EXISTS (SELECT FROM queue_entries AS entry
                    WHERE entry.concert_id = joined.concert_id AND entry.account_id = joined.account_id
                      AND entry.arrival = joined.arrival AND entry.state <> 'waiting') AS "settled!"
             FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
                  AS joined (concert_id, arrival, account_id, ordinal)
            ORDER BY joined.ordinal"#,
        &concerts,
        &arrivals,
        &accounts
    )
    .fetch_all(db)
    .await?;
    let recorded = stands
        .into_iter()
        .map(|row| match (row.waiting, row.settled, row.known) {
            (Some(arrival), ..) => Recorded::Waiting(Arrival(arrival)),
            (None, true, _) => Recorded::Settled,
            (None, false, true) => Recorded::Stale,
            (None, false, false) => Recorded::NoAccount,
        });
    Ok(recorded.collect())
}

/// Records leaves in one statement. Returns, in the same order, `false` where a ticket had been
/// issued.
pub async fn record_leaves(db: &PgPool, leaves: &[Leave]) -> Result<Vec<bool>> {
    let concerts: Vec<i64> = leaves.iter().map(|l| l.concert.0).collect();
    let arrivals: Vec<i64> = leaves.iter().map(|l| l.arrival.0).collect();
    let accounts: Vec<i64> = leaves.iter().map(|l| l.account.0).collect();
    // DISTINCT: two tabs may leave at once, and one statement may touch a row only once.
    let left = sqlx::query!(
        r#"INSERT INTO queue_entries AS entry (concert_id, arrival, account_id, joined_rank, state)
           SELECT DISTINCT concert_id, arrival, account_id, 1, 'left'
             FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS leaving (concert_id, arrival, account_id)
            ORDER BY concert_id, arrival
           ON CONFLICT (concert_id, arrival) DO UPDATE SET state = 'left'
            WHERE entry.account_id = EXCLUDED.account_id AND entry.state IN ('waiting', 'left')
           RETURNING concert_id, arrival"#,
        &concerts,
        &arrivals,
        &accounts
    )
    .fetch_all(db)
    .await?;
    let left: std::collections::HashSet<(i64, i64)> = left
        .into_iter()
        .map(|row| (row.concert_id, row.arrival))
        .collect();
    Ok(leaves
        .iter()
        .map(|leave| left.contains(&(leave.concert.0, leave.arrival.0)))
        .collect())
}

/// The newest entry of an account in a queue.
pub struct Entry {
    pub arrival: i64,
    pub joined_rank: i64,
    pub state: String,
    /// The live ticket that the account holds for this concert, from any of its entries.
    pub ticket: Option<i64>,
}

pub async fn newest_entry(
    db: &PgPool,
    account: AccountId,
    concert: ConcertId,
) -> Result<Option<Entry>> {
    Ok(sqlx::query_as!(
        Entry,
        r#"SELECT entry.arrival, entry.joined_rank, entry.state, ticket.id AS "ticket?"
             FROM queue_entries AS entry
             LEFT JOIN tickets AS ticket
               ON ticket.concert_id = entry.concert_id AND ticket.account_id = entry.account_id
              AND ticket.cancelled_at IS NULL
            WHERE entry.account_id = $1 AND entry.concert_id = $2
            ORDER BY entry.arrival DESC
            LIMIT 1"#,
        account.0,
        concert.0
    )
    .fetch_optional(db)
    .await?)
}
