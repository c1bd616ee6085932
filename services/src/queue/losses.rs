//! Recovery from a PostgreSQL that comes back without its last commits: a standby that was promoted
//! and had not received them. Redis still knows what they said of a queue; as far as possible that
//! is put back on record before the queue is built anew.

use super::sale::SaleRow;
use super::{builds, keys, scripts};
use crate::to_the_end::to_the_end;
use crate::{Result, Services};
use model::accounts::AccountId;
use model::concerts::ConcertId;
use redis::AsyncCommands;
use sqlx::PgConnection;

/// Places in one statement.
const AT_ONCE: isize = 2_000;

/// Settles a build in Redis that PostgreSQL does not know as the newest. If PostgreSQL knows a
/// later one, the queue in Redis is outdated and is built anew. If it knows only an earlier one,
/// the commit of this build is lost, and what was lost with it is made good.
pub async fn settle(services: &Services, concert: ConcertId, generation: i64) -> Result<()> {
    let on_record = sqlx::query_scalar!("SELECT generation FROM concerts WHERE id = $1", concert.0)
        .fetch_optional(&services.engine)
        .await?;
    if on_record.is_some_and(|on_record| on_record < generation) {
        return make_good_detached(services, concert).await;
    }
    builds::invalidate(services, concert, generation).await
}

/// Lets an account that Redis takes for a holder join again, because no live ticket of it is on
/// record: the ticket was cancelled while Redis was down. If it was in a lost commit instead, only
/// Redis knows of it, and [`make_good`] notes it first.
///
/// Returns false if that was so: the queue is then being built anew.
pub async fn release(services: &Services, concert: ConcertId, account: AccountId) -> Result<bool> {
    let state = keys::state(&services.redis, concert);
    let (timeline, revision): (Option<i64>, Option<i64>) = services
        .redis
        .connection()
        .hmget(state, &["timeline", "revision"])
        .await?;
    let sale = SaleRow::find(&services.engine, concert).await?;
    // The timeline is that of the connection that has just answered.
    if timeline.unwrap_or_default() < services.primary.timeline()
        || sale.revision < revision.unwrap_or_default()
    {
        make_good_detached(services, concert).await?;
        return Ok(false);
    }
    super::tell_cancelled(services, &sale, account).await?;
    Ok(true)
}

/// [`make_good`], which finishes even if the request that found the loss times out.
async fn make_good_detached(services: &Services, concert: ConcertId) -> Result<()> {
    let services = services.clone();
    to_the_end(async move { make_good(&services, concert).await }).await
}

/// Records every place that Redis has and PostgreSQL lacks, notes which accounts have lost a
/// ticket, and has the queue built anew.
///
/// An account whose ticket was in a lost commit and whose join was not waits again, in front. One
/// that has lost both is named in `lost_commits` and in the log: nothing shows any more when it
/// came.
pub async fn make_good(services: &Services, concert: ConcertId) -> Result<()> {
    let [waiting, inflight, _, holders, state, ..] = keys::of(&services.redis, concert);
    // One task at a time: each would find, and note, only a part of what is missing. Everything
    // runs on one connection, and a request that has to wait does not hold one: all joins pass
    // through here.
    let mut turn = crate::stores::begin(&services.engine).await?;
    let free = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock($1) AS "free!""#,
        concert.0
    )
    .fetch_one(&mut *turn)
    .await?;
    if !free {
        drop(turn);
        tokio::time::sleep(super::LOOK_AGAIN).await;
        return Ok(());
    }
    let generation: Option<i64> = services
        .redis
        .connection()
        .hget(state, "generation")
        .await?;
    let Some(generation) = generation else {
        return Ok(());
    };
    let mut places = 0;
    for key in [waiting, inflight] {
        places += record_all(services, &mut turn, concert, &key).await?;
    }
    let lost = without_record(services, &mut turn, concert, &holders).await?;
    if !lost.is_empty() {
        tracing::error!(%concert, holders = ?lost, "PostgreSQL has lost commits, and with them tickets");
    }
    if places > 0 {
        tracing::warn!(%concert, places, "places that PostgreSQL did not have are put back on record");
    }
    // Before the queue is built anew: after that nothing knows of these losses any more.
    if places > 0 || !lost.is_empty() {
        note(services, &mut turn, concert, places, &lost).await?;
    }
    turn.commit().await?;
    scripts::call::<i64>(&services.redis, &scripts::INVALIDATE, concert, generation).await?;
    Ok(())
}

/// Records the places of a sorted set, oldest first. Returns how many were missing.
async fn record_all(
    services: &Services,
    db: &mut PgConnection,
    concert: ConcertId,
    key: &str,
) -> Result<u64> {
    let (mut missing, mut after) = (0, "-inf".to_owned());
    loop {
        let places: Vec<(i64, i64)> = services
            .redis
            .connection()
            .zrangebyscore_limit_withscores(key, after, "+inf", 0, AT_ONCE)
            .await?;
        let Some((_, last)) = places.last() else {
            return Ok(missing);
        };
        after = format!("({last}");
        let (accounts, arrivals): (Vec<i64>, Vec<i64>) = places.into_iter().unzip();
        // Not for an account whose ticket was kept.
        let recorded = sqlx::query!(
            "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
             SELECT $1, arrival, account_id, 1, 'waiting'
               FROM UNNEST($2::bigint[], $3::bigint[]) AS kept (account_id, arrival)
               JOIN accounts ON accounts.id = account_id
              WHERE NOT EXISTS (SELECT FROM tickets
                                 WHERE concert_id = $1 AND tickets.account_id = kept.account_id
                                   AND cancelled_at IS NULL)
              ORDER BY arrival
             ON CONFLICT DO NOTHING",
            concert.0,
            &accounts,
            &arrivals
        )
        .execute(&mut *db)
        .await?;
        missing += recorded.rows_affected();
    }
}

/// Returns the accounts in the set of holders that have neither a live ticket nor an entry that
/// waits or was issued. An issued entry without a live ticket means that the ticket was cancelled.
async fn without_record(
    services: &Services,
    db: &mut PgConnection,
    concert: ConcertId,
    key: &str,
) -> Result<Vec<AccountId>> {
    let (mut lost, mut cursor) = (Vec::new(), 0_u64);
    loop {
        let (next, accounts) = super::holders_from(services, key, cursor).await?;
        let without = sqlx::query_scalar!(
            r#"SELECT account_id AS "account_id!" FROM UNNEST($2::bigint[]) AS held (account_id)
                WHERE NOT EXISTS (SELECT FROM tickets
                                   WHERE concert_id = $1 AND tickets.account_id = held.account_id
                                     AND cancelled_at IS NULL)
                  AND NOT EXISTS (SELECT FROM queue_entries
                                   WHERE concert_id = $1 AND queue_entries.account_id = held.account_id
                                     AND state IN ('waiting', 'issued'))"#,
            concert.0,
            &accounts
        )
        .fetch_all(&mut *db)
        .await?;
        lost.extend(without.into_iter().map(AccountId));
        if next == 0 {
            lost.sort_unstable_by_key(|account| account.0);
            lost.dedup();
            return Ok(lost);
        }
        cursor = next;
    }
}

async fn note(
    services: &Services,
    db: &mut PgConnection,
    concert: ConcertId,
    places: u64,
    lost: &[AccountId],
) -> Result<()> {
    let holders: Vec<i64> = lost.iter().map(|account| account.0).collect();
    sqlx::query!(
        "INSERT INTO lost_commits (noticed_at, concert_id, places, holders) VALUES ($1, $2, $3, $4)",
        services.clock.now(),
        concert.0,
        i32::try_from(places).unwrap_or(i32::MAX),
        &holders
    )
    .execute(&mut *db)
    .await?;
    Ok(())
}
