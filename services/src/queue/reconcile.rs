//! Makes Redis agree with the journal: the first time, whenever Redis has lost a queue, and every
//! few seconds after that.

use super::issue::COMMIT_LATE;
use super::sale::SaleRow;
use super::scripts::{self, Tally};
use super::{keys, losses};
use crate::{Error, Result, Services};
use fail::fail_point;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Arrival;
use rand::Rng;
use std::collections::HashSet;
use std::time::Duration;

/// Time without a sign of life after which a builder may be replaced. A builder that died keeps
/// requests waiting for that long: less than a request waits ([`super::PATIENCE`]).
const BUILDER_PATIENCE: Duration = Duration::from_millis(1_500);
/// Upper bound on changes read at once.
const MOST_CHANGES: i64 = 200_000;
/// Time after which a place is settled: the request that asked for it has recorded it, or given up.
pub const RECORDED_BY_NOW: Duration = Duration::from_secs(12);
/// Entries per call to Redis while a queue is built and cannot serve other calls anyway.
const CHUNK: usize = 5_000;
/// Entries per call to Redis during a sale: a few milliseconds in which Redis serves no other call.
const SMALL_CHUNK: usize = 1_000;

/// The part of the journal that is compared with an existing queue. A missing queue is always built
/// from the whole journal.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    /// Nothing: the queue is only built if it is missing.
    Nothing,
    /// What has changed since an earlier comparison.
    Since(Mark),
    Everything,
    /// PostgreSQL came back without its last commits: they are made good as far as Redis knows
    /// them.
    Forked,
}

/// The point up to which Redis and the journal agree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// What was written before this transaction is in Redis.
    transaction: i64,
    /// All places up to this arrival are on record. `None` if none has been checked yet.
    arrival: Option<Arrival>,
    /// How many entries of the journal were compared to get here.
    pub compared: usize,
}

impl Mark {
    /// Whether this mark is of a later transaction than the oldest one in progress: then this is
    /// not the same PostgreSQL as before.
    pub fn is_after(self, oldest: i64) -> bool {
        self.transaction > oldest
    }

    /// Moves the mark to `transaction`: nothing was written before it that is not in Redis.
    pub fn moved_on(self, transaction: i64) -> Mark {
        Mark {
            transaction,
            compared: 0,
            ..self
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The queue exists.
    There,
    /// The queue exists, and within the window it agrees with the journal.
    Agreed(Mark),
    /// The queue is being built by another builder, or has to be built anew: the caller retries.
    Busy,
}

/// Restores the journal's waiting entries with their arrivals, in the same order, and removes those
/// that are over.
///
/// A queue that Redis does not have, or that an earlier Redis has built, is built from nothing;
/// meanwhile nothing is issued and no account joins. An unknown concert is refused with
/// [`model::Refusal::NotFound`].
pub async fn reconcile(services: &Services, concert: ConcertId, window: Window) -> Result<Outcome> {
    // Fails before anything is written for a concert that does not exist.
    let sale = SaleRow::find(&services.engine, concert).await?;
    let builder = format!("{:016x}", rand::rng().random::<u64>());
    let patience = BUILDER_PATIENCE.as_micros() as i64;
    let (begun, redis_now, revision, timeline): (String, i64, i64, i64) = scripts::call(
        &services.redis,
        &scripts::BUILD_BEGIN,
        concert,
        (&builder, patience),
    )
    .await?;
    match begun.as_str() {
        "begun" => {}
        "built" => {
            if matches!(window, Window::Forked)
                || timeline < services.primary.timeline()
                || sale.revision < revision && went_back(services, concert, revision).await?
            {
                losses::make_good(services, concert).await?;
                return Ok(Outcome::Busy);
            }
            return compare(services, concert, window).await;
        }
        "busy" => return Ok(Outcome::Busy),
        other => return Err(Error::Broken(format!("build_begin answered {other:?}"))),
    }
    fail_point!("build::begun");
    let built = tokio::select! {
        built = build(services, concert, &builder, sale.generation, redis_now) => built,
        replaced = give_signs_of_life(services, concert, &builder) => replaced.map(|()| Outcome::Busy),
    };
    if !matches!(built, Ok(Outcome::Agreed(_))) {
        // Also when a part was lost meanwhile: the next builder need not wait. If this fails as
        // well, the right to build expires on its own.
        let _ =
            scripts::call::<i64>(&services.redis, &scripts::BUILD_ABANDON, concert, &builder).await;
    }
    built
}

/// Keeps the right to build. Returns when it is lost, for instance to another builder.
async fn give_signs_of_life(services: &Services, concert: ConcertId, builder: &str) -> Result<()> {
    loop {
        tokio::time::sleep(BUILDER_PATIENCE / 3).await;
        if load(services, concert, builder, &[]).await?.is_none() {
            return Ok(());
        }
    }
}

/// Builds the queue. `before` is the newest build on record when the right to build was requested.
async fn build(
    services: &Services,
    concert: ConcertId,
    builder: &str,
    before: i64,
    redis_now: i64,
) -> Result<Outcome> {
    let least = services.newest_builds.newest(concert);
    let least = redis_now.max(least.unwrap_or_default() + 1);
    let Some(fence) = fence(services, concert, before, least).await? else {
        return Ok(Outcome::Busy);
    };
    let Fence {
        generation,
        clock,
        wait,
        interval,
    } = fence;
    fail_point!("build::fenced");
    let timeline = services.primary.timeline();
    let transaction = oldest_transaction(services).await?;
    let mut loaded = 0;
    for kind in [Kept::Places, Kept::Tickets] {
        let mut pages = Pages::new(kind, CHUNK);
        while let Some(page) = pages.next(services, concert).await? {
            loaded += page.len();
            if load(services, concert, builder, &page).await?.is_none() {
                return Ok(Outcome::Busy);
            }
        }
    }
    fail_point!("build::loaded");
    // Read last, to be as new as possible; a newer one follows with the next claim.
    let sale = SaleRow::find(&services.engine, concert).await?;
    let arguments = (
        builder,
        generation,
        timeline,
        clock,
        until_next_batch(wait, interval),
        sale.arguments(),
    );
    let finished: i64 =
        scripts::call(&services.redis, &scripts::BUILD_FINISH, concert, arguments).await?;
    if finished != 1 {
        return Ok(Outcome::Busy);
    }
    fail_point!("build::finished");
    tracing::info!(%concert, entries = loaded, "queue built");
    Ok(Outcome::Agreed(Mark {
        transaction,
        // Later joins have later arrivals.
        arrival: Some(Arrival(clock)),
        compared: loaded,
    }))
}

/// Returns the µs until the next batch. `wait` ends an interval after the instant written on the
/// batch before, which may have been committed a little later.
fn until_next_batch(wait: Option<i64>, interval: i64) -> i64 {
    let late = COMMIT_LATE.as_micros() as i64;
    wait.map_or(0, |wait| (wait + late).clamp(0, interval + late))
}

/// Whether PostgreSQL has an older revision of a sale than it has sent to Redis: it came back
/// without its last commits. Redis was asked first, and receives a revision only once it is
/// committed.
async fn went_back(services: &Services, concert: ConcertId, revision: i64) -> Result<bool> {
    let now = SaleRow::find(&services.engine, concert).await?.revision;
    if now < revision {
        tracing::error!(%concert, revision, now, "PostgreSQL has gone back to an earlier revision of a sale");
    }
    Ok(now < revision)
}

async fn compare(services: &Services, concert: ConcertId, window: Window) -> Result<Outcome> {
    match window {
        Window::Nothing | Window::Forked => Ok(Outcome::There),
        Window::Since(mark) => compare_changes(services, concert, mark).await,
        Window::Everything => compare_all(services, concert).await,
    }
}

async fn compare_changes(services: &Services, concert: ConcertId, since: Mark) -> Result<Outcome> {
    let transaction = oldest_transaction(services).await?;
    let entries = recorded(services, concert, since.transaction).await?;
    // More than can be read at once: the current entries are fewer, or can be read in pages.
    if entries.len() as i64 == MOST_CHANGES {
        return compare_all(services, concert).await;
    }
    for chunk in entries.chunks(SMALL_CHUNK) {
        if !mend(services, concert, chunk).await? {
            return Ok(Outcome::Busy);
        }
    }
    Ok(Outcome::Agreed(Mark {
        transaction,
        arrival: record_places(services, concert, since.arrival, Which::Settled).await?,
        compared: entries.len(),
    }))
}

/// Compares the entries that wait or hold a ticket, by the journal and by Redis. Entries that are
/// long over cost nothing.
async fn compare_all(services: &Services, concert: ConcertId) -> Result<Outcome> {
    let transaction = oldest_transaction(services).await?;
    let mut compared = 0;
    for kind in [Kept::Places, Kept::Tickets] {
        let mut pages = Pages::new(kind, SMALL_CHUNK);
        while let Some(page) = pages.next(services, concert).await? {
            compared += page.len();
            if !mend(services, concert, &page).await? {
                return Ok(Outcome::Busy);
            }
        }
    }
    let arrival = record_places(services, concert, None, Which::All).await?;
    if !release_holders(services, concert).await? {
        return Ok(Outcome::Busy);
    }
    scripts::call::<i64>(&services.redis, &scripts::COMPARED, concert, &[0_i64; 0]).await?;
    Ok(Outcome::Agreed(Mark {
        transaction,
        arrival,
        compared,
    }))
}

/// Allows accounts that Redis has as holders, and that have no live ticket, to join again. Returns
/// false if their tickets are lost with PostgreSQL's last commits, and the queue is being rebuilt.
async fn release_holders(services: &Services, concert: ConcertId) -> Result<bool> {
    let [_, _, _, holders, ..] = keys::of(&services.redis, concert);
    let mut cursor = 0;
    loop {
        let (next, accounts) = super::holders_from(services, &holders, cursor).await?;
        let without = sqlx::query_scalar!(
            r#"SELECT account_id AS "account_id!" FROM UNNEST($2::bigint[]) AS held (account_id)
                WHERE NOT EXISTS (SELECT FROM tickets
                                   WHERE concert_id = $1 AND tickets.account_id = held.account_id
                                     AND cancelled_at IS NULL)"#,
            concert.0,
            &accounts
        )
        .fetch_all(&services.engine)
        .await?;
        for account in without {
            tracing::warn!(%concert, account, "Redis takes an account for a holder that has no ticket");
            if !losses::release(services, concert, AccountId(account)).await? {
                return Ok(false);
            }
            // If the account was issued a ticket again in between, this was wrong, and the next
            // comparison puts it back.
        }
        if next == 0 {
            return Ok(true);
        }
        cursor = next;
    }
}

/// The records that a queue is built from.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Places,
    Tickets,
}

/// All rows of one kind, by account: an index of just these rows finds them, regardless of what
/// else the journal has.
struct Pages {
    kind: Kept,
    size: usize,
    after: Option<AccountId>,
}

impl Pages {
    fn new(kind: Kept, size: usize) -> Pages {
        let after = Some(AccountId(0));
        Pages { kind, size, after }
    }

    /// Returns the next page, or `None` after the last one.
    async fn next(
        &mut self,
        services: &Services,
        concert: ConcertId,
    ) -> Result<Option<Vec<Entry>>> {
        let Some(AccountId(after)) = self.after else {
            return Ok(None);
        };
        let size = self.size as i64;
        let rows = match self.kind {
            Kept::Places => {
                sqlx::query_as!(
                    Row,
                    r#"SELECT account_id, arrival, true AS "waits!", false AS "holds!" FROM queue_entries
                        WHERE concert_id = $1 AND state = 'waiting' AND account_id > $2
                        ORDER BY account_id LIMIT $3"#,
                    concert.0,
                    after,
                    size
                )
                .fetch_all(&services.engine)
                .await?
            }
            Kept::Tickets => {
                sqlx::query_as!(
                    Row,
                    r#"SELECT account_id, arrival, false AS "waits!", true AS "holds!" FROM tickets
                        WHERE concert_id = $1 AND cancelled_at IS NULL AND account_id > $2
                        ORDER BY account_id LIMIT $3"#,
                    concert.0,
                    after,
                    size
                )
                .fetch_all(&services.engine)
                .await?
            }
        };
        let entries: Vec<Entry> = rows.into_iter().map(Entry::from).collect();
        self.after = match entries.last() {
            Some(last) if entries.len() == self.size => Some(last.account),
            _ => None,
        };
        Ok((!entries.is_empty()).then_some(entries))
    }
}

/// Which places [`record_places`] looks up.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// Those old enough to be on record if they ever will be. Writes about younger ones are
    /// changes, and compared as such.
    Settled,
    /// Also those that may still be on their way to the journal.
    All,
}

impl Which {
    fn as_str(self) -> &'static str {
        match self {
            Which::Settled => "settled",
            Which::All => "all",
        }
    }
}

/// Records places after `since` that the journal does not have: the server that asked for the place
/// died, or gave up on an answer that came too late. They must not be lost with Redis. Also takes
/// out places that are over according to the journal: the server that recorded so died before
/// Redis was updated.
///
/// Stops at the last place that was there at the first call, however many accounts join meanwhile.
///
/// Returns the arrival up to which all places are on record.
async fn record_places(
    services: &Services,
    concert: ConcertId,
    since: Option<Arrival>,
    which: Which,
) -> Result<Option<Arrival>> {
    let (mut after, mut on_record) = (since, since);
    // Both from the first call: a place that was skipped is not settled by a later one.
    let (mut up_to, mut settled) = (which.as_str().to_owned(), None);
    loop {
        let from = after.map_or("-inf".to_owned(), |arrival| arrival.0.to_string());
        let arguments = (
            from,
            &up_to,
            RECORDED_BY_NOW.as_micros() as i64,
            SMALL_CHUNK,
        );
        let (generation, now_settled, bound, places): (i64, i64, String, Vec<i64>) =
            scripts::call(&services.redis, &scripts::PLACES, concert, arguments).await?;
        let settled = *settled.get_or_insert(now_settled);
        up_to = bound;
        let places: Vec<(AccountId, Arrival)> = places
            .chunks_exact(2)
            .map(|pair| (AccountId(pair[0]), Arrival(pair[1])))
            .collect();
        let Some((_, last)) = places.last() else {
            return Ok(on_record);
        };
        after = Some(*last);
        let arrivals: Vec<Arrival> = places.iter().map(|(_, arrival)| *arrival).collect();
        let entries = recorded_at(services, concert, &arrivals).await?;
        let known: HashSet<Arrival> = entries.iter().map(|entry| entry.arrival).collect();
        // Redis was read first: it has not been notified that these are over, or not yet.
        let over: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| entry.standing != Standing::Waiting)
            .collect();
        if !over.is_empty() {
            load(services, concert, "", &over).await?;
        }
        for (account, arrival) in places {
            if arrival.0 > settled {
                break;
            }
            on_record = Some(arrival);
            if !known.contains(&arrival) {
                tracing::warn!(%concert, %account, arrival = arrival.0, "a place that was never recorded is put on record");
                // The rank on joining is not known any more; the view shows the current one.
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

/// Makes Redis agree with these entries where they are still true. Returns `false` if the queue is
/// missing.
pub async fn mend(services: &Services, concert: ConcertId, entries: &[Entry]) -> Result<bool> {
    let Some(doubtful) = load(services, concert, "", entries).await? else {
        return Ok(false);
    };
    // Redis first, then the journal: an account that is not in Redis because it has just left, or
    // been issued a ticket, is on record as that. What still differs was lost in one of the two.
    let differing = recorded_at(services, concert, &doubtful).await?;
    correct(services, concert, differing).await
}

/// Makes Redis agree with these entries, which were read after Redis was seen to differ. Returns
/// `false` if the queue is missing.
pub async fn correct(
    services: &Services,
    concert: ConcertId,
    mut entries: Vec<Entry>,
) -> Result<bool> {
    // The acknowledgement reports an account that was issued a ticket in between.
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
    // An entry that was only left in between is no loss.
    if lost > 0 {
        tracing::warn!(%concert, lost, "places that Redis has lost are put back");
    }
    if load(services, concert, "", &entries).await?.is_none() {
        return Ok(false);
    }
    // An account that left in between has been restored wrongly, and is removed again. A leave from
    // now on is recorded in the journal first and removed from Redis then, which finds the place.
    let arrivals: Vec<Arrival> = entries.iter().map(|entry| entry.arrival).collect();
    let now = recorded_at(services, concert, &arrivals).await?;
    Ok(load(services, concert, "", &now).await?.is_some())
}

/// What the journal has on one place.
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
    /// Neither waits nor holds a ticket: left, expired, or cancelled the ticket.
    Gone,
    /// Gone, and read after Redis was seen to have the account as a holder.
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

/// Returns the journal's entries that were written in this transaction or a later one, or whose
/// ticket was cancelled there, in order of arrival, up to [`MOST_CHANGES`].
async fn recorded(services: &Services, concert: ConcertId, since: i64) -> Result<Vec<Entry>> {
    // The entry of a cancelled ticket stays "issued", regardless of what the account does later.
    // `+ 0`: uses the index that exists for this query alone (migration 0011).
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT account_id AS "account_id!", arrival AS "arrival!", state = 'waiting' AS "waits!",
                  EXISTS (SELECT FROM tickets AS live
                           WHERE live.concert_id = entry.concert_id AND live.account_id = entry.account_id
                             AND live.cancelled_at IS NULL) AS "holds!"
             FROM queue_entries AS entry
            WHERE concert_id + 0 = $1 AND written_in >= $2
            UNION
           SELECT account_id, arrival, false,
                  EXISTS (SELECT FROM tickets AS live
                           WHERE live.concert_id = given_back.concert_id AND live.account_id = given_back.account_id
                             AND live.cancelled_at IS NULL)
             FROM tickets AS given_back
            WHERE concert_id = $1 AND cancelled_at IS NOT NULL AND written_in >= $2
            ORDER BY 2
            LIMIT $3"#,
        concert.0,
        since,
        MOST_CHANGES
    )
    .fetch_all(&services.engine)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// Returns the oldest transaction in progress. To be read first: everything that older ones have
/// written is visible to the next statement.
async fn oldest_transaction(services: &Services) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "oldest!""#
    )
    .fetch_one(&services.engine)
    .await?)
}

/// Returns the queues of which the journal has something that was written since their mark, and the
/// transaction from which on there may be more by now. Costs two index look-ups per queue.
pub async fn written_since(
    services: &Services,
    marks: &[(ConcertId, Mark)],
) -> Result<(i64, HashSet<ConcertId>)> {
    let transaction = oldest_transaction(services).await?;
    let (concerts, since): (Vec<i64>, Vec<i64>) = marks
        .iter()
        .map(|(concert, mark)| (concert.0, mark.transaction))
        .unzip();
    // `+ 0`: as in `recorded`.
    let written = sqlx::query_scalar!(
        r#"SELECT concert AS "concert!"
             FROM UNNEST($1::bigint[], $2::bigint[]) AS asked (concert, since)
            WHERE EXISTS (SELECT FROM queue_entries
                           WHERE concert_id + 0 = concert AND written_in >= since)
               OR EXISTS (SELECT FROM tickets
                           WHERE concert_id = concert AND cancelled_at IS NOT NULL AND written_in >= since)"#,
        &concerts,
        &since
    )
    .fetch_all(&services.engine)
    .await?;
    Ok((transaction, written.into_iter().map(ConcertId).collect()))
}

/// Returns, ordered by id, the queues for which Redis and the journal differ in how many accounts
/// wait or hold a ticket. The others are noted as compared. For a queue that changes meanwhile the
/// answer may be wrong either way.
pub async fn miscounted(services: &Services, concerts: &[ConcertId]) -> Result<Vec<ConcertId>> {
    let tallies = tally(services, concerts).await?;
    let agree = scripts::agree(&services.redis, &tallies).await?;
    let counted = tallies.into_iter().zip(agree);
    Ok(counted
        .filter(|(_, agrees)| !agrees)
        .map(|(tally, _)| tally.concert)
        .collect())
}

/// Counts the places and the holders of each queue by the journal: from an index, and from the
/// count of live tickets that PostgreSQL keeps.
async fn tally(services: &Services, concerts: &[ConcertId]) -> Result<Vec<Tally>> {
    let concerts: Vec<i64> = concerts.iter().map(|concert| concert.0).collect();
    let rows = sqlx::query!(
        r#"SELECT id, issued,
                  (SELECT count(*) FROM queue_entries
                    WHERE concert_id = concerts.id AND state = 'waiting') AS "waiting!"
             FROM concerts
            WHERE id = ANY($1)
            ORDER BY id"#,
        &concerts
    )
    .fetch_all(&services.engine)
    .await?;
    let tallies = rows.into_iter().map(|row| Tally {
        concert: ConcertId(row.id),
        waiting: row.waiting,
        holding: row.issued.into(),
    });
    Ok(tallies.collect())
}

/// Returns the journal's entries with these arrivals. LATERAL and OFFSET: each is looked up by its
/// key, regardless of PostgreSQL's statistics on the sale.
async fn recorded_at(
    services: &Services,
    concert: ConcertId,
    arrivals: &[Arrival],
) -> Result<Vec<Entry>> {
    let arrivals: Vec<i64> = arrivals.iter().map(|arrival| arrival.0).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT entry.account_id, entry.arrival, entry.state = 'waiting' AS "waits!", EXISTS (SELECT FROM tickets AS ticket
                            WHERE ticket.concert_id = entry.concert_id AND ticket.account_id = entry.account_id
                              AND ticket.cancelled_at IS NULL) AS "holds!"
             FROM UNNEST($2::bigint[]) AS asked (arrival)
            CROSS JOIN LATERAL (
                  SELECT * FROM queue_entries WHERE concert_id = $1 AND arrival = asked.arrival OFFSET 0) AS entry"#,
        concert.0,
        &arrivals
    )
    .fetch_all(&services.engine)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

struct Fence {
    generation: i64,
    /// The instant from which the queue's clock continues: the newest on record.
    clock: i64,
    /// The time until the next batch, if there was one before, and from one batch to the next, in
    /// µs.
    wait: Option<i64>,
    interval: i64,
}

/// Makes every earlier claim and every earlier unrecorded place stale, so that what is read after
/// this cannot change during the build. The build's number is at least `least`, and so are all
/// later claims and arrivals.
///
/// Returns `None` if another builder has fenced the queue since `before`. A builder that slept, or
/// whose connection stalled, must not make stale a queue that is whole by now.
async fn fence(
    services: &Services,
    concert: ConcertId,
    before: i64,
    least: i64,
) -> Result<Option<Fence>> {
    let fence = sqlx::query_as!(
        Fence,
        r#"UPDATE concerts
              SET generation = GREATEST(generation + 1, $2),
                  last_claim = GREATEST(last_claim, $2,
                      (SELECT max(arrival) FROM queue_entries WHERE concert_id = concerts.id))
            WHERE id = $1 AND generation = $3
            RETURNING generation, last_claim AS clock, interval_ms * 1000::bigint AS "interval!",
                      CASE WHEN last_batch_at IS NOT NULL
                           THEN (EXTRACT(EPOCH FROM last_batch_at - clock_timestamp()) * 1000000)::bigint + interval_ms * 1000::bigint
                           WHEN last_serial > 0 THEN interval_ms * 1000::bigint
                       END AS wait"#,
        concert.0,
        least,
        before
    )
    .fetch_optional(&services.engine)
    .await?;
    Ok(fence)
}

/// Hands entries to Redis. Returns the arrivals of those on which Redis differs, or `None` if the
/// queue is missing or another builder has taken over.
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
