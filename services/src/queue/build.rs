//! Putting a queue into Redis from the journal: the first time, and whenever Redis has lost it.

use super::sale::SaleRow;
use super::scripts;
use crate::{Error, Result, Services};
use chrono::TimeDelta;
use model::concerts::ConcertId;
use rand::Rng;
use std::time::Duration;

/// After this long without a sign of life a builder may be replaced.
const BUILDER_PATIENCE: Duration = Duration::from_secs(5);
/// By how much a commit may have come later than the time written on its tickets.
const COMMIT_MARGIN: TimeDelta = TimeDelta::seconds(1);
/// Entries per call to Redis: each call is a few milliseconds during which nobody else is served.
const CHUNK: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The queue is there.
    Built,
    /// Somebody else is building it.
    Busy,
}

/// Puts the journal's waiting entries back with their arrivals, in the same order. Nothing is issued meanwhile: the
/// queue is not there for claims until it is whole. An unknown concert is [`model::Refusal::NotFound`].
pub async fn build(services: &Services, concert: ConcertId) -> Result<Outcome> {
    // Before anything is written for a concert that does not exist.
    SaleRow::find(&services.db, concert).await?;
    let builder = format!("{:016x}", rand::rng().random::<u64>());
    let patience = BUILDER_PATIENCE.as_micros() as i64;
    let (begun, redis_now): (String, i64) = scripts::call(
        &services.redis,
        &scripts::BUILD_BEGIN,
        concert,
        (&builder, patience),
    )
    .await?;
    match begun.as_str() {
        "begun" => {}
        "built" => return Ok(Outcome::Built),
        "busy" => return Ok(Outcome::Busy),
        other => return Err(Error::Broken(format!("build_begin answered {other:?}"))),
    }
    let built = fill(services, concert, &builder, redis_now).await;
    if built.is_err() {
        // Should this fail as well, the builder's patience ends by itself.
        let _ =
            scripts::call::<i64>(&services.redis, &scripts::BUILD_ABANDON, concert, &builder).await;
    }
    built
}

async fn fill(
    services: &Services,
    concert: ConcertId,
    builder: &str,
    redis_now: i64,
) -> Result<Outcome> {
    let Fence { generation, clock } = fence(services, concert, redis_now).await?;
    let waiting = sqlx::query!(
        "SELECT account_id, arrival FROM queue_entries WHERE concert_id = $1 AND state = 'waiting' ORDER BY arrival",
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    let holders = sqlx::query_scalar!(
        "SELECT account_id FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL",
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    for chunk in waiting.chunks(CHUNK) {
        let entries: Vec<i64> = chunk
            .iter()
            .flat_map(|row| [row.account_id, row.arrival])
            .collect();
        if !load(services, concert, builder, "waiting", entries).await? {
            return Ok(Outcome::Busy);
        }
    }
    for chunk in holders.chunks(CHUNK) {
        if !load(services, concert, builder, "holders", chunk.to_vec()).await? {
            return Ok(Outcome::Busy);
        }
    }
    let last_issue = sqlx::query_scalar!(
        "SELECT max(issued_at) FROM tickets WHERE concert_id = $1",
        concert.0
    )
    .fetch_one(&services.db)
    .await?
    .map_or(0, |at| (at + COMMIT_MARGIN).timestamp_micros());
    // Read last: it is as new as can be, and a newer one will follow with the next claim.
    let sale = SaleRow::find(&services.db, concert).await?;
    let arguments = (builder, generation, clock, last_issue, sale.arguments());
    let finished: i64 =
        scripts::call(&services.redis, &scripts::BUILD_FINISH, concert, arguments).await?;
    if finished != 1 {
        return Ok(Outcome::Busy);
    }
    tracing::info!(%concert, waiting = waiting.len(), holders = holders.len(), "queue built");
    Ok(Outcome::Built)
}

struct Fence {
    generation: i64,
    /// The instant from which the queue's clock goes on: the newest on record.
    clock: i64,
}

/// Makes every claim and every unrecorded place of before stale, so that what is read after this cannot change under the
/// builder's hands. `redis_now` is Redis's time, which claims and arrivals are taken from.
async fn fence(services: &Services, concert: ConcertId, redis_now: i64) -> Result<Fence> {
    let fence = sqlx::query_as!(
        Fence,
        r#"UPDATE concerts
              SET generation = generation + 1,
                  last_claim = GREATEST(last_claim, $2,
                      (SELECT max(arrival) FROM queue_entries WHERE concert_id = concerts.id))
            WHERE id = $1
            RETURNING generation, last_claim AS clock"#,
        concert.0,
        redis_now
    )
    .fetch_optional(&services.db)
    .await?;
    Ok(fence.ok_or(model::Refusal::NotFound)?)
}

async fn load(
    services: &Services,
    concert: ConcertId,
    builder: &str,
    what: &str,
    values: Vec<i64>,
) -> Result<bool> {
    let arguments = (builder, BUILDER_PATIENCE.as_micros() as i64, what, values);
    Ok(scripts::call::<i64>(&services.redis, &scripts::BUILD_LOAD, concert, arguments).await? == 1)
}
