//! The transaction that turns a claimed batch into tickets: the only arbiter.

use super::sale::SaleRow;
use crate::{Result, Services, tickets};
use chrono::TimeDelta;
use fail::fail_point;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Arrival;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What the clocks of Redis and PostgreSQL may say differently of an interval: waited for in the transaction, while joins wait
/// as well.
const CLOCKS_AGREE: Duration = Duration::from_millis(50);
/// And what they say differently of an interval in which neither was set.
const CLOCKS_DIFFER: Duration = Duration::from_millis(5);
/// A commit may come so much later than is written on it. Of one that comes even later PostgreSQL writes when it did (migration
/// 0020), and the server when it was done ([`committed_late`]).
pub const COMMIT_LATE: Duration = Duration::from_millis(50);

/// A batch that the claim script has moved in flight.
#[derive(Clone, Debug)]
pub struct Claim {
    pub concert: ConcertId,
    /// Strictly increasing per queue: a claim that is older than the newest one carried out is stale.
    pub number: i64,
    /// Of the build that it was claimed from.
    pub generation: i64,
    /// PostgreSQL's when it was claimed.
    pub timeline: i64,
    /// In order of arrival.
    pub entries: Vec<(AccountId, Arrival)>,
    /// It is not committed before: then a whole interval has passed since the commit before it.
    pub due: Instant,
}

/// What became of one entry of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Holds a ticket, now or already from an earlier attempt at the same claim.
    Issued,
    /// Left before its turn, or the sale is over.
    Dropped,
    /// No ticket for it at the moment: goes back to the head.
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

/// What [`issue`] did.
pub enum Issue {
    Done(Issued),
    /// Nothing: a later claim was carried out before this one, or PostgreSQL is another one by now.
    Stale,
    /// Nothing: the queue was built anew since, perhaps in another Redis. What it was claimed from is no queue any more.
    OtherBuild,
    /// Nothing: by PostgreSQL's clock not a whole interval has passed since the batch before. Redis's clock was set forward, or
    /// the interval was lengthened a moment ago.
    TooEarly(TooEarly),
}

/// When a batch may be claimed again.
pub struct TooEarly {
    pub wait: Duration,
    pub sale: SaleRow,
}

/// The tickets of a claim.
pub struct Issued {
    /// One per entry of the claim, in its order.
    pub outcomes: Vec<Outcome>,
    /// The sale after the commit.
    pub sale: SaleRow,
    /// Since when nothing but the commit was left to do.
    pub ready: Instant,
}

/// Issues tickets to the batch, all or nothing: in order of arrival, numbered on from the last serial, to nobody who has
/// left or holds a ticket, and to no more than the capacity and the batch size allow.
///
/// Everything is done at once, and committed when it is due. What is written on the tickets is that instant, or that of the
/// transaction if it had passed, by PostgreSQL's clock.
///
/// Doing it twice is harmless.
pub async fn issue(services: &Services, claim: &Claim) -> Result<Issue> {
    fail_point!("issue::claimed");
    let moved = services.clock.moved().num_microseconds().unwrap_or(0);
    let mut transaction = crate::stores::begin(&services.engine).await?;
    // The connection may be the first one to another PostgreSQL, which lacks what the queue was built from.
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
    // Of a clock that was set back nothing is known but that it cannot be longer than an interval.
    let interval = TimeDelta::milliseconds(concert.interval_ms.into());
    let wait = concert
        .last_batch_at
        .map(|last| last + interval - concert.now);
    let wait = wait.unwrap_or_default().clamp(TimeDelta::zero(), interval);
    let may = read + wait.to_std().unwrap_or_default();
    // Redis knows when the batch before was committed, and this only when it was to be: where this is what counts, a little more.
    let due = match may > claim.due.max(read) + CLOCKS_DIFFER {
        true => may + COMMIT_LATE,
        false => claim.due.max(may),
    };
    // As PostgreSQL's clock will say it then: never less than an interval after the batch before.
    let at = concert.now + TimeDelta::from_std(due - read).unwrap_or_default();

    let accounts: Vec<i64> = claim.entries.iter().map(|(account, _)| account.0).collect();
    let arrivals: Vec<i64> = claim.entries.iter().map(|(_, arrival)| arrival.0).collect();
    let mut recorded = on_record(&mut transaction, claim, &arrivals).await?;
    if recorded.len() < claim.entries.len() {
        // A join that Redis has placed and the journal has not recorded yet: its turn came before its acknowledgement.
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
        // What is told to Redis has to be committed: not the revision that is undone here.
        transaction.rollback().await?;
        let sale = too_early(services, claim.concert).await?;
        // A little more, for what a commit takes at one time and not at another.
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
        let codes: Vec<String> = eligible.iter().map(|_| tickets::random_code()).collect();
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
        // All of them are there: this finds each by its key, as above.
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
    // Somebody who holds a ticket from another place waits for nothing.
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
    // Whoever only left, or holds a ticket already, takes none: that needs no pace.
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

/// A batch before that lies ahead was written before PostgreSQL's clock was set back, or by another PostgreSQL: it is taken for one
/// of now, so that the sale stands still for an interval and not until that instant has come. Returns the sale.
async fn too_early(services: &Services, concert: ConcertId) -> Result<SaleRow> {
    sqlx::query!(
        "UPDATE concerts SET last_batch_at = clock_timestamp() WHERE id = $1 AND last_batch_at > clock_timestamp()",
        concert.0
    )
    .execute(&services.engine)
    .await?;
    SaleRow::find(&services.engine, concert).await
}

/// The commit took longer than what was written on it says, perhaps for a disk or a standby: the next batch is an interval after now.
/// Should this fail, Redis still keeps the pace.
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

/// Why a claim cannot be carried out.
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

/// An entry as it stands.
struct OnRecord {
    account_id: i64,
    arrival: i64,
    state: String,
    /// A live ticket, from this place or from another one.
    holds: bool,
}

/// What is on record of the claim, in order of arrival.
async fn on_record(
    transaction: &mut sqlx::PgConnection,
    claim: &Claim,
    arrivals: &[i64],
) -> Result<Vec<OnRecord>> {
    // FOR UPDATE: a leave that is being recorded at this moment either comes first and is seen, or waits and finds "issued".
    // LATERAL: each is looked up by its key. PostgreSQL knows nothing yet of a sale that has just begun, and would rather go
    // through everybody in it; who waits is picked by the caller for the same reason.
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

/// What the record says of each entry, after the tickets were inserted.
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
