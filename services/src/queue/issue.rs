//! The transaction that turns a claim into tickets. It is the only arbiter.

use super::sale::SaleRow;
use crate::{Result, Services};
use chrono::TimeDelta;
use fail::fail_point;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Arrival;
use rand::Rng;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Upper bound on the difference between the clocks of Redis and PostgreSQL over an interval that
/// is waited out in the transaction, while joins wait as well.
const CLOCKS_AGREE: Duration = Duration::from_millis(50);
/// Expected difference between the two over an interval in which neither clock was set.
const CLOCKS_DIFFER: Duration = Duration::from_millis(5);
/// How much later than the instant written on its tickets a commit may come. For a commit that
/// comes even later, PostgreSQL writes when it did (migration 0020), and the server when it
/// returned ([`committed_late`]).
pub const COMMIT_LATE: Duration = Duration::from_millis(50);

/// A batch that the claim script has moved in flight.
#[derive(Clone, Debug)]
pub struct Claim {
    pub concert: ConcertId,
    /// Strictly increasing per queue: a claim older than the newest one carried out is stale.
    pub number: i64,
    /// The build that the batch was claimed from.
    pub generation: i64,
    /// PostgreSQL's timeline at the time of the claim.
    pub timeline: i64,
    /// In order of arrival.
    pub entries: Vec<(AccountId, Arrival)>,
    /// Earliest instant of the commit: a whole interval after the commit before.
    pub due: Instant,
}

/// The outcome of one entry of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Holds a ticket, from this attempt or from an earlier one at the same claim.
    Issued,
    /// Left before its turn, or the sale is over.
    Dropped,
    /// No ticket for it yet: the entry goes back to the head of the queue.
    Released,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Issued => "issued",
            Outcome::Dropped => "dropped",
            Outcome::Released => "released",
        }
    }
}

/// The result of [`issue`].
pub enum Issue {
    Done(Issued),
    /// Nothing was done: a later claim was carried out before this one, or PostgreSQL was replaced
    /// since.
    Stale,
    /// Nothing was done: the queue was built anew since, perhaps in another Redis, and the one
    /// claimed from is void.
    OtherBuild,
    /// Nothing was done: by PostgreSQL's clock less than an interval has passed since the batch
    /// before. Redis's clock was set forward, or the interval was lengthened a moment ago.
    TooEarly(TooEarly),
}

/// When a batch may be claimed again.
pub struct TooEarly {
    pub wait: Duration,
    pub sale: SaleRow,
}

/// The tickets of a claim.
pub struct Issued {
    /// One per entry of the claim, in the same order.
    pub outcomes: Vec<Outcome>,
    /// The sale after the commit.
    pub sale: SaleRow,
    /// When only the commit was left to do.
    pub ready: Instant,
}

/// Letters and digits that are not mistaken for one another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Returns 50 random bits as `XXXXX-XXXXX`.
fn random_code() -> String {
    let mut rng = rand::rng();
    let mut half = || -> String {
        (0..5)
            .map(|_| char::from(ALPHABET[rng.random_range(0..32)]))
            .collect()
    };
    format!("{}-{}", half(), half())
}

/// Issues tickets to the batch, all or nothing: in order of arrival, with serials that follow the
/// last one, to no account that has left or holds a ticket, and to no more than the capacity and
/// the batch size allow.
///
/// All statements run at once, and the commit waits until it is due. That instant is written on the
/// tickets, or that of the transaction if it had passed, by PostgreSQL's clock.
///
/// Calling this twice with the same claim is harmless.
pub async fn issue(services: &Services, claim: &Claim) -> Result<Issue> {
    fail_point!("issue::claimed");
    let moved = services.clock.moved().num_microseconds().unwrap_or(0);
    let mut transaction = crate::stores::begin(&services.engine).await?;
    // The connection may be the first one to another PostgreSQL, which lacks what the queue was
    // built from.
    if services.primary.timeline() != claim.timeline {
        return Ok(Issue::Stale);
    }
    let concert = sqlx::query!(
        r#"UPDATE concerts SET last_claim = $2 WHERE id = $1 AND last_claim < $2 AND generation = $3
         RETURNING state, starts_at <= clock_timestamp() + $4::bigint * interval '1 microsecond' AS "over!", capacity - issued AS "stock!", batch_size, last_serial,
                   last_batch_at, interval_ms, clock_timestamp() AS "now!""#,
        claim.concert.0,
        claim.number,
        claim.generation,
        moved
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(concert) = concert else {
        return refused(&mut transaction, claim).await;
    };
    let read = Instant::now();
    fail_point!("issue::begun");
    // If PostgreSQL's clock was set back, all that is known of the wait is that it is at most an
    // interval.
    let interval = TimeDelta::milliseconds(concert.interval_ms.into());
    let wait = concert
        .last_batch_at
        .map(|last| last + interval - concert.now);
    let wait = wait.unwrap_or_default().clamp(TimeDelta::zero(), interval);
    let may = read + wait.to_std().unwrap_or_default();
    // Redis knows when the batch before was committed, and `last_batch_at` only when that was due.
    // Where the latter decides, the delay that a commit may have is added.
    let due = match may > claim.due.max(read) + CLOCKS_DIFFER {
        true => may + COMMIT_LATE,
        false => claim.due.max(may),
    };
    // The instant of the commit by PostgreSQL's clock: never less than an interval after the batch
    // before.
    let at = concert.now + TimeDelta::from_std(due - read).unwrap_or_default();

    let accounts: Vec<i64> = claim.entries.iter().map(|(account, _)| account.0).collect();
    let arrivals: Vec<i64> = claim.entries.iter().map(|(_, arrival)| arrival.0).collect();
    let mut recorded = on_record(&mut transaction, claim, &arrivals).await?;
    if recorded.len() < claim.entries.len() {
        // Joins that Redis has placed and the journal has not recorded yet: their turn came before
        // their acknowledgement.
        sqlx::query!(
            "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
             SELECT $1, arrival, account_id, 1, 'waiting'
               FROM UNNEST($2::bigint[], $3::bigint[]) AS claimed (account_id, arrival)
               JOIN accounts ON accounts.id = account_id
              ORDER BY arrival
             ON CONFLICT DO NOTHING",
            claim.concert.0,
            &accounts,
            &arrivals
        )
        .execute(&mut *transaction)
        .await?;
        recorded = on_record(&mut transaction, claim, &arrivals).await?;
    }

    let on = concert.state == "open" && !concert.over;
    let room = if on {
        concert.stock.min(concert.batch_size).max(0)
    } else {
        0
    };
    let (waiting, holding): (Vec<_>, Vec<_>) = recorded
        .into_iter()
        .filter(|row| row.state == "waiting")
        .partition(|row| !row.holds);
    if room > 0 && !waiting.is_empty() && may > claim.due.max(Instant::now()) + CLOCKS_AGREE {
        // Redis must only receive what is committed, and not the revision that is rolled back here.
        transaction.rollback().await?;
        let sale = too_early(services, claim.concert).await?;
        // A little more, because the duration of a commit varies.
        let wait = may.saturating_duration_since(Instant::now()) + COMMIT_LATE;
        return Ok(Issue::TooEarly(TooEarly { wait, sale }));
    }
    let eligible: Vec<(i64, i64)> = waiting
        .iter()
        .take(room as usize)
        .map(|row| (row.account_id, row.arrival))
        .collect();

    if !eligible.is_empty() {
        let (accounts, arrivals): (Vec<i64>, Vec<i64>) = eligible.iter().copied().unzip();
        let serials: Vec<i32> = (1..=eligible.len() as i32)
            .map(|n| concert.last_serial + n)
            .collect();
        let codes: Vec<String> = eligible.iter().map(|_| random_code()).collect();
        sqlx::query!(
            "INSERT INTO tickets (concert_id, account_id, arrival, serial, code, issued_at)
             SELECT $1, account_id, arrival, serial, code, $6
               FROM UNNEST($2::bigint[], $3::bigint[], $4::int[], $5::text[]) AS issued (account_id, arrival, serial, code)",
            claim.concert.0,
            &accounts,
            &arrivals,
            &serials,
            &codes,
            at + services.clock.moved()
        )
        .execute(&mut *transaction)
        .await?;
        // All of these rows exist: the upsert finds each by its key, as above.
        sqlx::query!(
            "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
             SELECT $1, arrival, account_id, 1, 'issued'
               FROM UNNEST($2::bigint[], $3::bigint[]) AS issued (account_id, arrival)
             ON CONFLICT (concert_id, arrival) DO UPDATE SET state = 'issued'",
            claim.concert.0,
            &accounts,
            &arrivals
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE concerts
                SET last_serial = last_serial + $2, last_batch_at = $3
              WHERE id = $1",
            claim.concert.0,
            eligible.len() as i32,
            at
        )
        .execute(&mut *transaction)
        .await?;
    }

    fail_point!("issue::inserted");
    // An account that holds a ticket from another place has nothing to wait for.
    if !holding.is_empty() {
        let arrivals: Vec<i64> = holding.iter().map(|row| row.arrival).collect();
        sqlx::query!(
            "UPDATE queue_entries SET state = 'left' WHERE concert_id = $1 AND arrival = ANY($2)",
            claim.concert.0,
            &arrivals
        )
        .execute(&mut *transaction)
        .await?;
    }

    let claimed = claim.entries.iter().map(|(account, at)| (account.0, at.0));
    let outcomes = if eligible.iter().copied().eq(claimed) {
        vec![Outcome::Issued; eligible.len()]
    } else {
        outcomes(&mut transaction, claim, &accounts, &arrivals).await?
    };
    let sale = SaleRow::find(&mut *transaction, claim.concert).await?;
    fail_point!("issue::ready");
    let ready = Instant::now();
    // Without an eligible account no ticket is issued, and the commit needs no pace.
    if !eligible.is_empty() {
        tokio::time::sleep_until(due.into()).await;
    }
    fail_point!("issue::due");
    transaction.commit().await?;
    if !eligible.is_empty() && Instant::now() > due + COMMIT_LATE {
        committed_late(services, claim.concert).await;
    }
    fail_point!("issue::committed");
    Ok(Issue::Done(Issued {
        outcomes,
        sale,
        ready,
    }))
}

/// Sets the time of the last batch to now if it lies in the future: it was written before
/// PostgreSQL's clock was set back, or by another PostgreSQL. So the sale stands still for an
/// interval, and not until that instant. Returns the sale.
async fn too_early(services: &Services, concert: ConcertId) -> Result<SaleRow> {
    sqlx::query!(
        "UPDATE concerts SET last_batch_at = clock_timestamp() WHERE id = $1 AND last_batch_at > clock_timestamp()",
        concert.0
    )
    .execute(&services.engine)
    .await?;
    SaleRow::find(&services.engine, concert).await
}

/// Sets the time of the last batch to now after a commit that took longer than its tickets say,
/// perhaps because of a disk or a standby: the next batch is an interval from now. If this fails,
/// Redis still keeps the pace.
async fn committed_late(services: &Services, concert: ConcertId) {
    let noted = sqlx::query!(
        "UPDATE concerts SET last_batch_at = clock_timestamp() WHERE id = $1",
        concert.0
    )
    .execute(&services.engine)
    .await;
    if let Err(error) = noted {
        tracing::warn!(%concert, %error, "a late commit could not be noted");
    }
}

/// Returns why a claim cannot be carried out.
async fn refused(transaction: &mut sqlx::PgConnection, claim: &Claim) -> Result<Issue> {
    let generation = sqlx::query_scalar!(
        "SELECT generation FROM concerts WHERE id = $1",
        claim.concert.0
    )
    .fetch_optional(transaction)
    .await?;
    Ok(match generation {
        Some(generation) if generation != claim.generation => Issue::OtherBuild,
        _ => Issue::Stale,
    })
}

/// An entry as recorded.
struct OnRecord {
    account_id: i64,
    arrival: i64,
    state: String,
    /// Whether the account holds a live ticket, from this place or from another one.
    holds: bool,
}

/// Reads and locks the entries of the claim that are on record, in order of arrival.
async fn on_record(
    transaction: &mut sqlx::PgConnection,
    claim: &Claim,
    arrivals: &[i64],
) -> Result<Vec<OnRecord>> {
    // FOR UPDATE: a leave that is being recorded concurrently either comes first and is seen, or
    // waits and finds "issued".
    // LATERAL: each entry is looked up by its key. PostgreSQL has no statistics yet on a sale that
    // has just begun, and would rather scan all of its entries. For the same reason the caller
    // filters by state.
    Ok(sqlx::query_as!(
        OnRecord,
        r#"SELECT entry.account_id, entry.arrival, entry.state,
                  EXISTS (SELECT FROM tickets AS ticket
                           WHERE ticket.concert_id = entry.concert_id AND ticket.account_id = entry.account_id
                             AND ticket.cancelled_at IS NULL) AS "holds!"
             FROM UNNEST($2::bigint[]) AS claimed (arrival)
            CROSS JOIN LATERAL (
                  SELECT * FROM queue_entries
                   WHERE concert_id = $1 AND arrival = claimed.arrival
                     FOR UPDATE) AS entry
            ORDER BY entry.arrival"#,
        claim.concert.0,
        arrivals
    )
    .fetch_all(transaction)
    .await?)
}

/// Returns the outcome of each entry, read after the tickets were inserted.
async fn outcomes(
    transaction: &mut sqlx::PgConnection,
    claim: &Claim,
    accounts: &[i64],
    arrivals: &[i64],
) -> Result<Vec<Outcome>> {
    let holding = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM tickets
                           WHERE concert_id = $1 AND tickets.account_id = claimed.account_id
                             AND cancelled_at IS NULL) AS "holds!"
             FROM UNNEST($2::bigint[]) WITH ORDINALITY AS claimed (account_id, ordinal)
            ORDER BY ordinal"#,
        claim.concert.0,
        accounts
    )
    .fetch_all(&mut *transaction)
    .await?;
    let states: HashMap<i64, String> = sqlx::query!(
        "SELECT arrival, state FROM queue_entries WHERE concert_id = $1 AND arrival = ANY($2)",
        claim.concert.0,
        arrivals
    )
    .fetch_all(&mut *transaction)
    .await?
    .into_iter()
    .map(|row| (row.arrival, row.state))
    .collect();
    let outcome = |((_, arrival), holds): (&(AccountId, Arrival), bool)| {
        if holds {
            Outcome::Issued
        } else if states
            .get(&arrival.0)
            .is_some_and(|state| state == "waiting")
        {
            Outcome::Released
        } else {
            Outcome::Dropped
        }
    };
    Ok(claim.entries.iter().zip(holding).map(outcome).collect())
}
