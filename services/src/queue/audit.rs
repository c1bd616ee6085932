//! Checks whether the promises have been kept, from the two stores alone.

use super::keys;
use super::sale::SaleRow;
use crate::{Result, Services};
use model::concerts::ConcertId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Delay between two readings of the stores. Redis and PostgreSQL differ briefly while a change is
/// in progress; only differences that last longer count.
const SETTLING: Duration = Duration::from_millis(1_500);

/// Tolerance of the pace, in milliseconds. A ticket has the instant for which its commit was due,
/// and servers measure that slightly differently.
const PACE_TOLERANCE_MS: f64 = 20.0;

/// Time within which a sale recovers from any failure without intervention, in seconds: a lease, a
/// store that restarts, and a build.
const STANDSTILL_S: f64 = 60.0;

/// One row that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub concert: ConcertId,
    pub kind: Kind,
    /// The rows and their values, for a human reader.
    pub detail: String,
}

/// Which promise is broken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// P1: more live tickets than the capacity, or a counter that differs from their number.
    Oversold,
    /// P2: two live tickets or two places of one account.
    Duplicate,
    /// P3: an account was issued a ticket while an earlier arrival was still waiting.
    Inversion,
    /// P4: an issued entry without a ticket, or a ticket without its issued entry.
    Vanished,
    /// P4, P6: Redis and PostgreSQL disagree on which accounts wait or hold a ticket.
    Disagreement,
    /// P4: a sale that closed before its time without a recorded change, or an entry that expired
    /// in a sale that is not closed.
    EndedEarly,
    /// P5: more tickets than a batch in less than an interval.
    TooFast,
    /// No ticket was issued although accounts waited, stock was left and the sale was not paused.
    StoodStill,
    /// P4: tickets lost with the last commits of a PostgreSQL that came back without them.
    Lost,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "concert {}: {:?}: {}",
            self.concert, self.kind, self.detail
        )
    }
}

/// What was checked, and the violations found.
#[derive(Debug, Default)]
pub struct Report {
    pub concerts: usize,
    /// Queues that are in Redis and were compared with PostgreSQL.
    pub queues: usize,
    pub entries: i64,
    pub waiting: i64,
    pub tickets: i64,
    pub live: i64,
    pub violations: Vec<Violation>,
}

/// Audits one concert, or all of them if `concert` is `None`. May run while servers are selling.
pub async fn audit(services: &Services, concert: Option<ConcertId>) -> Result<Report> {
    let ids = match concert {
        Some(concert) => vec![SaleRow::find(&services.db, concert).await?.concert()],
        None => sqlx::query_scalar!("SELECT id FROM concerts ORDER BY id")
            .fetch_all(&services.db)
            .await?
            .into_iter()
            .map(ConcertId)
            .collect(),
    };
    let mut report = Report {
        concerts: ids.len(),
        ..Report::default()
    };
    for id in ids {
        count(services, id, &mut report).await?;
        report
            .violations
            .extend(broken_records(services, id).await?);
        report.violations.extend(broken_course(services, id).await?);
        let (there, differing) = lasting_disagreements(services, id).await?;
        report.queues += usize::from(there);
        report.violations.extend(differing);
    }
    Ok(report)
}

async fn count(services: &Services, concert: ConcertId, report: &mut Report) -> Result<()> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM queue_entries WHERE concert_id = $1) AS "entries!",
                  (SELECT count(*) FROM queue_entries WHERE concert_id = $1 AND state = 'waiting') AS "waiting!",
                  (SELECT count(*) FROM tickets WHERE concert_id = $1) AS "tickets!",
                  (SELECT count(*) FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL) AS "live!""#,
        concert.0
    )
    .fetch_one(&services.db)
    .await?;
    report.entries += row.entries;
    report.waiting += row.waiting;
    report.tickets += row.tickets;
    report.live += row.live;
    Ok(())
}

/// Checks what PostgreSQL's own rows show, with one query per promise.
async fn broken_records(services: &Services, concert: ConcertId) -> Result<Vec<Violation>> {
    let oversold = sqlx::query_scalar!(
        r#"SELECT format('%s live tickets, the counter says %s, the capacity is %s', live, issued, capacity) AS "detail!"
             FROM concerts, LATERAL (SELECT count(*) AS live FROM tickets
                                      WHERE concert_id = concerts.id AND cancelled_at IS NULL) AS counted
            WHERE id = $1 AND (live > capacity OR live <> issued)"#,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let duplicates = sqlx::query_scalar!(
        r#"SELECT format('account %s holds live tickets %s', account_id, string_agg(serial::text, ', ' ORDER BY serial)) AS "detail!"
             FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL
            GROUP BY account_id HAVING count(*) > 1
           UNION ALL
           SELECT format('account %s waits at arrivals %s', account_id, string_agg(arrival::text, ', ' ORDER BY arrival))
             FROM queue_entries WHERE concert_id = $1 AND state = 'waiting'
            GROUP BY account_id HAVING count(*) > 1"#,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let inversions = sqlx::query_scalar!(
        r#"SELECT format('ticket %s has arrival %s, ticket %s before it has the later %s', serial, arrival, before, arrival_before) AS "detail!"
             FROM (SELECT serial, arrival, lag(serial) OVER by_serial AS before, lag(arrival) OVER by_serial AS arrival_before
                     FROM tickets WHERE concert_id = $1 WINDOW by_serial AS (ORDER BY serial)) AS issued
            WHERE arrival < arrival_before
           UNION ALL
           SELECT format('account %s waits since %s, but %s was issued a ticket', account_id, arrival, newest)
             FROM queue_entries, LATERAL (SELECT max(arrival) AS newest FROM tickets WHERE concert_id = $1) AS issued
            WHERE concert_id = $1 AND state = 'waiting' AND arrival < newest"#,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let vanished = sqlx::query_scalar!(
        r#"SELECT format('arrival %s of account %s was issued, but there is no ticket', arrival, account_id) AS "detail!"
             FROM queue_entries AS entry
            WHERE concert_id = $1 AND state = 'issued'
              AND NOT EXISTS (SELECT FROM tickets WHERE concert_id = $1 AND arrival = entry.arrival AND account_id = entry.account_id)
           UNION ALL
           SELECT format('ticket %s has no entry that was issued', serial)
             FROM tickets AS ticket
            WHERE concert_id = $1
              AND NOT EXISTS (SELECT FROM queue_entries WHERE concert_id = $1 AND arrival = ticket.arrival
                                 AND account_id = ticket.account_id AND state = 'issued')"#,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let found = [
        (Kind::Oversold, oversold),
        (Kind::Duplicate, duplicates),
        (Kind::Inversion, inversions),
        (Kind::Vanished, vanished),
    ];
    Ok(violations(concert, found))
}

/// Checks the course of the sale: its pace, its end, and that it never stood still.
async fn broken_course(services: &Services, concert: ConcertId) -> Result<Vec<Violation>> {
    // The pace may be changed during a sale, and its former values are not on record. So only sales
    // whose pace was never changed are checked.
    let too_fast = sqlx::query_scalar!(
        r#"SELECT format('ticket %s was issued %s ms after ticket %s, with a batch of %s and an interval of %s ms',
                         serial, (EXTRACT(EPOCH FROM issued_at - before) * 1000)::int, serial_before, batch_size, interval_ms) AS "detail!"
             FROM concerts,
                  LATERAL (SELECT serial, issued_at, lag(serial, batch_size) OVER by_serial AS serial_before,
                                  lag(issued_at, batch_size) OVER by_serial AS before
                             FROM tickets WHERE concert_id = concerts.id
                           WINDOW by_serial AS (ORDER BY serial)) AS issued
            WHERE concerts.id = $1
              AND issued_at - before < interval_ms * interval '1 millisecond' - $2::float8 * interval '1 millisecond'
              AND NOT EXISTS (SELECT FROM sale_changes
                               WHERE concert_id = concerts.id AND field IN ('batch_size', 'interval_ms'))"#,
        concert.0,
        PACE_TOLERANCE_MS
    )
    .fetch_all(&services.db)
    .await?;
    // A sale that was closed by an organiser has a row in `sale_changes`.
    let ended_early = sqlx::query_scalar!(
        r#"SELECT format('the sale is closed, its concert begins at %s, and nobody has closed it', starts_at) AS "detail!"
             FROM concerts
            WHERE id = $1 AND state = 'closed' AND starts_at > clock_timestamp() + $2::bigint * interval '1 microsecond'
              AND NOT EXISTS (SELECT FROM sale_changes
                               WHERE concert_id = concerts.id AND field IN ('state', 'starts_at'))
              AND rehearsal_of IS NULL AND last_serial > 0
           UNION ALL
           SELECT format('arrival %s of account %s expired in a sale that is not over', arrival, account_id)
             FROM queue_entries JOIN concerts ON concerts.id = concert_id
            WHERE concert_id = $1 AND queue_entries.state = 'expired' AND concerts.state <> 'closed'"#,
        concert.0,
        services.clock.moved().num_microseconds().unwrap_or(0)
    )
    .fetch_all(&services.db)
    .await?;
    // Looks at the time between two tickets where the place of the later one was taken long before,
    // so that the queue was never empty. A change by an organiser or a cancelled ticket in the
    // meantime may be the reason for a standstill, which is then not reported.
    let stood_still = sqlx::query_scalar!(
        r#"SELECT format('nothing was issued for %s s before ticket %s, for which somebody waited',
                         EXTRACT(EPOCH FROM issued_at - since)::int, serial) AS "detail!"
             FROM concerts,
                  LATERAL (SELECT serial, issued_at,
                                  GREATEST(lag(issued_at) OVER by_serial, sale_opens_at,
                                           timestamptz 'epoch' + arrival * interval '1 microsecond') AS since
                             FROM tickets WHERE concert_id = concerts.id
                           WINDOW by_serial AS (ORDER BY serial)) AS issued
            WHERE concerts.id = $1
              AND issued_at - since > interval_ms * interval '1 millisecond' + $2::float8 * interval '1 second'
              AND NOT EXISTS (SELECT FROM sale_changes
                               WHERE concert_id = concerts.id AND changed_at <= issued_at)
              AND NOT EXISTS (SELECT FROM tickets WHERE concert_id = concerts.id AND cancelled_at <= issued.issued_at)"#,
        concert.0,
        STANDSTILL_S
    )
    .fetch_all(&services.db)
    .await?;
    let lost = sqlx::query_scalar!(
        r#"SELECT format('noticed at %s: PostgreSQL had lost commits; %s places were put back, and accounts %s have lost a ticket',
                         noticed_at, places, holders) AS "detail!"
             FROM lost_commits WHERE concert_id = $1 AND holders <> '{}'"#,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let found = [
        (Kind::TooFast, too_fast),
        (Kind::EndedEarly, ended_early),
        (Kind::StoodStill, stood_still),
        (Kind::Lost, lost),
    ];
    Ok(violations(concert, found))
}

fn violations<const N: usize>(
    concert: ConcertId,
    found: [(Kind, Vec<String>); N],
) -> Vec<Violation> {
    let violations = found.into_iter().flat_map(|(kind, details)| {
        details.into_iter().map(move |detail| Violation {
            concert,
            kind,
            detail,
        })
    });
    violations.collect()
}

/// Returns whether the queue is in Redis, and the differences that are still there after
/// [`SETTLING`].
async fn lasting_disagreements(
    services: &Services,
    concert: ConcertId,
) -> Result<(bool, BTreeSet<Violation>)> {
    let Some(first) = disagreements(services, concert).await? else {
        return Ok((false, BTreeSet::new()));
    };
    if first.is_empty() {
        return Ok((true, first));
    }
    tokio::time::sleep(SETTLING).await;
    let second = disagreements(services, concert).await?.unwrap_or_default();
    Ok((true, first.intersection(&second).cloned().collect()))
}

/// Returns `None` if the queue is not in Redis.
async fn disagreements(
    services: &Services,
    concert: ConcertId,
) -> Result<Option<BTreeSet<Violation>>> {
    let [waiting, inflight, _, holders, state, ..] = keys::of(&services.redis, concert);
    type Places = Vec<(i64, i64)>;
    let (built, queued, claimed, holding): (bool, Places, Places, BTreeSet<i64>) = redis::pipe()
        .hexists(&state, "generation")
        .zrange_withscores(&waiting, 0, -1)
        .zrange_withscores(&inflight, 0, -1)
        .smembers(&holders)
        .query_async(&mut services.redis.connection())
        .await?;
    // A queue that is not built is built from PostgreSQL on demand, and cannot disagree with it.
    if !built {
        return Ok(None);
    }
    let in_redis: BTreeMap<i64, i64> = queued.into_iter().chain(claimed).collect();
    let on_record: BTreeMap<i64, i64> = sqlx::query!(
        "SELECT account_id, arrival FROM queue_entries WHERE concert_id = $1 AND state = 'waiting'",
        concert.0
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .map(|row| (row.account_id, row.arrival))
    .collect();
    let with_ticket: BTreeSet<i64> = sqlx::query_scalar!(
        "SELECT account_id FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL",
        concert.0
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .collect();
    let mut details = Vec::new();
    for account in in_redis
        .keys()
        .chain(on_record.keys())
        .collect::<BTreeSet<_>>()
    {
        let (redis, record) = (in_redis.get(account), on_record.get(account));
        if redis != record {
            details.push(format!(
                "account {account} waits at {redis:?} in Redis and at {record:?} in PostgreSQL"
            ));
        }
    }
    for account in holding.symmetric_difference(&with_ticket) {
        let holds = if with_ticket.contains(account) {
            "only in PostgreSQL"
        } else {
            "only in Redis"
        };
        details.push(format!("account {account} holds a ticket {holds}"));
    }
    let violation = |detail| Violation {
        concert,
        kind: Kind::Disagreement,
        detail,
    };
    Ok(Some(details.into_iter().map(violation).collect()))
}
