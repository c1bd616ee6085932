//! Making Redis agree with the journal: the first time, whenever Redis has lost a queue, and every few seconds after.

use super::sale::SaleRow;
use super::scripts;
use crate::{Error, Result, Services};
use chrono::{DateTime, TimeDelta, Utc};
use fail::fail_point;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Arrival;
use rand::Rng;
use std::collections::HashSet;
use std::time::Duration;

/// After this long without a sign of life a builder may be replaced.
const BUILDER_PATIENCE: Duration = Duration::from_secs(5);
/// By how much a commit may have come later than the time written on its entries. A statement is cancelled after 10 s, and
/// so is a transaction that does nothing for 5 s.
const WINDOW_MARGIN: TimeDelta = TimeDelta::seconds(30);
/// After this long nobody is at it any more: whoever asked for a place has recorded it, or given up.
const RECORDED_BY_NOW: Duration = Duration::from_secs(12);
/// Entries per call to Redis: each call is a few milliseconds during which nobody else is served.
const CHUNK: usize = 5_000;

/// Which part of the journal is compared with a queue that is there. One that is not is always built from all of it.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    /// None.
    Nothing,
    /// What has changed since an earlier comparison.
    Since(Mark),
    Everything,
}

/// An instant of PostgreSQL's clock, up to which Redis agrees with the journal.
#[derive(Clone, Copy, Debug)]
pub struct Mark(DateTime<Utc>);

#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The queue is there.
    There,
    /// The queue is there, and within the window it says what the journal says.
    Agreed(Mark),
    /// Somebody else is building it.
    Busy,
}

/// Puts the journal's waiting entries back with their arrivals, in the same order, and takes out those that are over.
///
/// A queue that Redis does not have, or that an earlier Redis has built, is built from nothing: nothing is issued and
/// nobody joins meanwhile. An unknown concert is [`model::Refusal::NotFound`].
pub async fn reconcile(services: &Services, concert: ConcertId, window: Window) -> Result<Outcome> {
    // Before anything is written for a concert that does not exist.
    SaleRow::find(&services.engine, concert).await?;
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
        "built" => return compare(services, concert, window).await,
        "busy" => return Ok(Outcome::Busy),
        other => return Err(Error::Broken(format!("build_begin answered {other:?}"))),
    }
    fail_point!("build::begun");
    let built = build(services, concert, &builder, redis_now).await;
    if built.is_err() {
        // Should this fail as well, the builder's patience ends by itself.
        let _ =
            scripts::call::<i64>(&services.redis, &scripts::BUILD_ABANDON, concert, &builder).await;
    }
    built
}

async fn build(
    services: &Services,
    concert: ConcertId,
    builder: &str,
    redis_now: i64,
) -> Result<Outcome> {
    let Fence {
        generation,
        clock,
        issued,
    } = fence(services, concert, redis_now).await?;
    fail_point!("build::fenced");
    let (mark, entries) = recorded(services, concert, None).await?;
    for chunk in entries.chunks(CHUNK) {
        if load(services, concert, builder, chunk).await?.is_none() {
            return Ok(Outcome::Busy);
        }
    }
    fail_point!("build::loaded");
    // Read last: it is as new as can be, and a newer one will follow with the next claim.
    let sale = SaleRow::find(&services.engine, concert).await?;
    let arguments = (
        builder,
        generation,
        clock,
        i64::from(issued),
        sale.arguments(),
    );
    let finished: i64 =
        scripts::call(&services.redis, &scripts::BUILD_FINISH, concert, arguments).await?;
    if finished != 1 {
        return Ok(Outcome::Busy);
    }
    fail_point!("build::finished");
    tracing::info!(%concert, entries = entries.len(), "queue built");
    Ok(Outcome::Agreed(mark))
}

async fn compare(services: &Services, concert: ConcertId, window: Window) -> Result<Outcome> {
    let since = match window {
        Window::Nothing => return Ok(Outcome::There),
        Window::Since(Mark(mark)) => Some(mark - WINDOW_MARGIN),
        Window::Everything => None,
    };
    let (mark, entries) = recorded(services, concert, since).await?;
    for chunk in entries.chunks(CHUNK) {
        if !mend(services, concert, chunk).await? {
            return Ok(Outcome::Busy);
        }
    }
    record_places(services, concert, since).await?;
    Ok(Outcome::Agreed(mark))
}

/// Puts on record who has joined `since` then and was never recorded: the server that asked for the place has died, or has
/// given up on an answer that came too late. They wait like anybody else, so they should not be lost with Redis.
async fn record_places(
    services: &Services,
    concert: ConcertId,
    since: Option<DateTime<Utc>>,
) -> Result<()> {
    let mut after = since.map_or("-inf".to_owned(), |since| {
        since.timestamp_micros().to_string()
    });
    loop {
        let arguments = (&after, RECORDED_BY_NOW.as_micros() as i64, CHUNK);
        let (generation, places): (i64, Vec<i64>) =
            scripts::call(&services.redis, &scripts::PLACES, concert, arguments).await?;
        let places: Vec<(AccountId, Arrival)> = places
            .chunks_exact(2)
            .map(|pair| (AccountId(pair[0]), Arrival(pair[1])))
            .collect();
        let Some((_, last)) = places.last() else {
            return Ok(());
        };
        after = last.0.to_string();
        let arrivals: Vec<Arrival> = places.iter().map(|(_, arrival)| *arrival).collect();
        let known: HashSet<Arrival> = recorded_at(services, concert, &arrivals)
            .await?
            .into_iter()
            .map(|entry| entry.arrival)
            .collect();
        for (account, arrival) in places {
            if !known.contains(&arrival) {
                tracing::warn!(%concert, %account, arrival = arrival.0, "a place that was never recorded is put on record");
                // The rank on joining is not known any more; whoever looks is shown the one of now.
                let spot = super::Spot { arrival, rank: 1 };
                match super::record(services, account, concert, generation, &spot).await {
                    Err(Error::Refused(refusal)) => {
                        tracing::warn!(%concert, %account, ?refusal, "the place could not be recorded");
                    }
                    recorded => drop(recorded?),
                }
            }
        }
    }
}

/// Makes Redis agree with these entries, as far as they are still true. False: the queue is not there.
pub async fn mend(services: &Services, concert: ConcertId, entries: &[Entry]) -> Result<bool> {
    let Some(doubtful) = load(services, concert, "", entries).await? else {
        return Ok(false);
    };
    // Redis first, then the journal: whoever is not in Redis because they have just left, or been issued a ticket, is on
    // record as that. What the two tell differently all the same was lost in one of them.
    let differing = recorded_at(services, concert, &doubtful).await?;
    correct(services, concert, differing).await
}

/// Makes Redis say what these entries say; they were read after Redis was seen to say something else. False: the queue is
/// not there.
pub async fn correct(
    services: &Services,
    concert: ConcertId,
    mut entries: Vec<Entry>,
) -> Result<bool> {
    // Whoever has been issued a ticket in between is told so by the acknowledgement.
    entries.retain(|entry| entry.standing != Standing::Holds);
    if entries.is_empty() {
        return Ok(true);
    }
    let mut lost = 0;
    for entry in &mut entries {
        entry.standing = match entry.standing {
            Standing::Waiting => {
                lost += 1;
                Standing::Lost
            }
            _ => Standing::Released,
        };
    }
    // Whoever has only left in between is no loss.
    if lost > 0 {
        tracing::warn!(%concert, lost, "places that Redis has lost are put back");
    }
    if load(services, concert, "", &entries).await?.is_none() {
        return Ok(false);
    }
    // Who left in between has been put back wrongly, and is taken out again. Whoever leaves from now on tells the journal
    // first and Redis then, which finds the place.
    let arrivals: Vec<Arrival> = entries.iter().map(|entry| entry.arrival).collect();
    let now = recorded_at(services, concert, &arrivals).await?;
    Ok(load(services, concert, "", &now).await?.is_some())
}

/// What the journal says of one place.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub account: AccountId,
    pub arrival: Arrival,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    /// Waiting, and read after Redis was seen not to have the place.
    Lost,
    /// Does not wait, and holds a live ticket.
    Holds,
    /// Neither waits nor holds a ticket: left, expired, or gave the ticket back.
    Gone,
    /// Gone, and read after Redis was seen to take the account for a holder.
    Released,
}

impl Standing {
    fn as_str(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Lost => "lost",
            Standing::Holds => "holds",
            Standing::Gone => "gone",
            Standing::Released => "released",
        }
    }
}

/// An entry as it is stored.
struct Row {
    account_id: i64,
    arrival: i64,
    waits: bool,
    holds: bool,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Entry {
        Entry {
            account: AccountId(row.account_id),
            arrival: Arrival(row.arrival),
            standing: match (row.waits, row.holds) {
                (true, _) => Standing::Waiting,
                (false, true) => Standing::Holds,
                (false, false) => Standing::Gone,
            },
        }
    }
}

/// The journal's entries that have changed `since` then, or whose ticket was given back, in order of arrival, and up to when
/// it was read.
async fn recorded(
    services: &Services,
    concert: ConcertId,
    since: Option<DateTime<Utc>>,
) -> Result<(Mark, Vec<Entry>)> {
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#)
        .fetch_one(&services.engine)
        .await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT entry.account_id, entry.arrival, entry.state = 'waiting' AS "waits!", ticket.id IS NOT NULL AS "holds!"
             FROM queue_entries AS entry
             LEFT JOIN tickets AS ticket
               ON ticket.concert_id = entry.concert_id AND ticket.account_id = entry.account_id
              AND ticket.cancelled_at IS NULL
            WHERE entry.concert_id = $1
              AND ($2::timestamptz IS NULL OR entry.changed_at >= $2
                   OR entry.arrival IN (SELECT arrival FROM tickets WHERE concert_id = $1 AND cancelled_at >= $2))
            ORDER BY entry.arrival"#,
        concert.0,
        since
    )
    .fetch_all(&services.engine)
    .await?;
    Ok((Mark(now), rows.into_iter().map(Entry::from).collect()))
}

/// What the journal says of the places with these arrivals.
async fn recorded_at(
    services: &Services,
    concert: ConcertId,
    arrivals: &[Arrival],
) -> Result<Vec<Entry>> {
    let arrivals: Vec<i64> = arrivals.iter().map(|arrival| arrival.0).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT entry.account_id, entry.arrival, entry.state = 'waiting' AS "waits!", ticket.id IS NOT NULL AS "holds!"
             FROM queue_entries AS entry
             LEFT JOIN tickets AS ticket
               ON ticket.concert_id = entry.concert_id AND ticket.account_id = entry.account_id
              AND ticket.cancelled_at IS NULL
            WHERE entry.concert_id = $1 AND entry.arrival = ANY($2)"#,
        concert.0,
        &arrivals
    )
    .fetch_all(&services.engine)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

struct Fence {
    generation: i64,
    /// The instant from which the queue's clock goes on: the newest on record.
    clock: i64,
    /// Whether a ticket was ever issued.
    issued: bool,
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
            RETURNING generation, last_claim AS clock, last_serial > 0 AS "issued!""#,
        concert.0,
        redis_now
    )
    .fetch_optional(&services.engine)
    .await?;
    Ok(fence.ok_or(model::Refusal::NotFound)?)
}

/// Returns the arrivals of those of whom Redis says something else; None: the queue is not there, or somebody else builds
/// it by now.
async fn load(
    services: &Services,
    concert: ConcertId,
    builder: &str,
    entries: &[Entry],
) -> Result<Option<Vec<Arrival>>> {
    let mut arguments = vec![builder.to_owned(), BUILDER_PATIENCE.as_micros().to_string()];
    for entry in entries {
        arguments.extend([
            entry.account.to_string(),
            entry.arrival.0.to_string(),
            entry.standing.as_str().to_owned(),
        ]);
    }
    let answer: Vec<String> =
        scripts::call(&services.redis, &scripts::RECONCILE, concert, arguments).await?;
    match answer.split_first() {
        Some((word, doubtful)) if word == "kept" => doubtful
            .iter()
            .map(|arrival| super::number(arrival).map(Arrival))
            .collect::<Result<_>>()
            .map(Some),
        _ => Ok(None),
    }
}
