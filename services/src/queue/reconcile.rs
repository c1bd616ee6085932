//! Making Redis agree with the journal: the first time, whenever Redis has lost a queue, and every few seconds after.

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

/// After this long without a sign of life a builder may be replaced. For so long one that died keeps people waiting: less than a
/// request is held ([`super::PATIENCE`]).
const BUILDER_PATIENCE: Duration = Duration::from_millis(1_500);
/// Changes that are read at once.
const MOST_CHANGES: i64 = 200_000;
/// After this long nobody is at it any more: whoever asked for a place has recorded it, or given up.
pub const RECORDED_BY_NOW: Duration = Duration::from_secs(12);
/// Entries per call to Redis while a queue is built and nobody else can be served anyway.
const CHUNK: usize = 5_000;
/// Entries per call to Redis beside a sale: a few milliseconds during which nobody else is served.
const SMALL_CHUNK: usize = 1_000;

/// Which part of the journal is compared with a queue that is there. One that is not is always built from all of it.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    /// None.
    Nothing,
    /// What has changed since an earlier comparison.
    Since(Mark),
    Everything,
    /// PostgreSQL came back without its last commits: what they said is made good as far as Redis knows it.
    Forked,
}

/// Up to where the two agree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    /// What was written before this transaction is in Redis.
    transaction: i64,
    /// Who joined up to this arrival is on record. None: nobody has been looked up yet.
    arrival: Option<Arrival>,
    /// How many entries of the journal were compared to come here.
    pub compared: usize,
}

impl Mark {
    /// Whether it knows of a later transaction than the oldest one under way: then this is another PostgreSQL than before.
    pub fn is_after(self, oldest: i64) -> bool {
        self.transaction > oldest
    }

    /// Nothing was written before this transaction that is not in Redis.
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
        // Also when a part of it was lost meanwhile: the next one need not wait. Should this fail as well, the builder's patience ends by itself.
        let _ =
            scripts::call::<i64>(&services.redis, &scripts::BUILD_ABANDON, concert, &builder).await;
    }
    built
}

/// Keeps the right to build. Returns when another builder has it.
async fn give_signs_of_life(services: &Services, concert: ConcertId, builder: &str) -> Result<()> {
    loop {
        tokio::time::sleep(BUILDER_PATIENCE / 3).await;
        if load(services, concert, builder, &[]).await?.is_none() {
            return Ok(());
        }
    }
}

/// `before`: the newest build on record when the right to build was asked for.
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
    // Read last: it is as new as can be, and a newer one will follow with the next claim.
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

/// `wait`: an interval after what is written on the batch before, which may have been committed a little later.
fn until_next_batch(wait: Option<i64>, interval: i64) -> i64 {
    let late = COMMIT_LATE.as_micros() as i64;
    wait.map_or(0, |wait| (wait + late).clamp(0, interval + late))
}

/// Whether PostgreSQL knows less of a sale than it has told Redis: it came back without its last commits. Redis was asked
/// first, and hears of a revision only when it is committed.
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
    // More than can be read at once: what there is now is less, or can be read by pages.
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

/// What the journal says of those who wait or hold a ticket, and what Redis says of them: what is over long since costs nothing.
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
    release_holders(services, concert).await?;
    scripts::call::<i64>(&services.redis, &scripts::COMPARED, concert, &[0_i64; 0]).await?;
    Ok(Outcome::Agreed(Mark {
        transaction,
        arrival,
        compared,
    }))
}

/// Those whom Redis takes for holders, and who have no ticket any more, may join again.
async fn release_holders(services: &Services, concert: ConcertId) -> Result<()> {
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
            super::cancelled(services, concert, AccountId(account)).await?;
            // Issued a ticket again in between, and taken out of the holders wrongly: the next comparison puts it back.
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// What of the journal a queue is built from.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Places,
    Tickets,
}

/// All of it, by accounts: so that an index of just those finds them, whatever else the journal has.
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

    /// None: that was all.
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

/// Places that are looked at.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// Those that are on record by now, if they ever will be. What is written of younger ones is a change, which is compared as one.
    Settled,
    /// Those that may still be on their way to the journal, too.
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

/// Puts on record who has joined since that arrival and was never recorded: the server that asked for the place has died, or
/// has given up on an answer that came too late. They wait like anybody else, so they should not be lost with Redis. And takes
/// out whose place is over by the journal: the server that recorded that has died before Redis was told.
///
/// Ends at what there is when it begins, however many join meanwhile.
///
/// Returns the arrival up to which everybody is on record.
async fn record_places(
    services: &Services,
    concert: ConcertId,
    since: Option<Arrival>,
    which: Which,
) -> Result<Option<Arrival>> {
    let (mut after, mut on_record) = (since, since);
    // Both of the first call: a place that was passed over is not settled by a later one.
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
        // Redis was asked first: of these it was not told, or not yet.
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

/// The journal's entries that were written in this transaction or a later one, or whose ticket was given back there, in order
/// of arrival, up to [`MOST_CHANGES`].
async fn recorded(services: &Services, concert: ConcertId, since: i64) -> Result<Vec<Entry>> {
    // Of a ticket that was given back the entry says "issued", whatever the account does later.
    // `+ 0`: by the index that is for this query alone (migration 0011).
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

/// The oldest transaction under way. To be asked first: whatever older ones have written is there for the next statement to
/// read.
async fn oldest_transaction(services: &Services) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "oldest!""#
    )
    .fetch_one(&services.engine)
    .await?)
}

/// Of which of these queues the journal has something that was written since; and the transaction from which on there may be
/// more by now. Two look-ups in an index for each.
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

/// Those of these queues in which Redis has another number of people waiting, or of tickets held, than the journal, in their order. The
/// others are noted as compared. Of a queue in which something happens meanwhile it may be wrong, either way.
pub async fn miscounted(services: &Services, concerts: &[ConcertId]) -> Result<Vec<ConcertId>> {
    let tallies = tally(services, concerts).await?;
    let agree = scripts::agree(&services.redis, &tallies).await?;
    let counted = tallies.into_iter().zip(agree);
    Ok(counted
        .filter(|(_, agrees)| !agrees)
        .map(|(tally, _)| tally.concert)
        .collect())
}

/// How many people each of these queues has: read from an index, and from the count of live tickets that PostgreSQL keeps.
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

/// What the journal says of the places with these arrivals. LATERAL and OFFSET: each is looked up by its key, whatever PostgreSQL
/// knows of the sale.
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
    /// The instant from which the queue's clock goes on: the newest on record.
    clock: i64,
    /// Until the next batch, if there was one, and from one to the next, in µs.
    wait: Option<i64>,
    interval: i64,
}

/// Makes every claim and every unrecorded place of before stale, so that what is read after this cannot change under the
/// builder's hands. `least`: the build is that one or a later one, and so are all claims and arrivals from here on.
///
/// None: another builder has fenced it since `before`. A builder that slept, or whose line stood still, must not make a queue
/// that is whole by now stale.
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
