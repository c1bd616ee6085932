//! Decides whose turn it is: claim, issue, acknowledge, on every server and without a leader.
//!
//! The claim script is the lock. The first server to call in an interval does the work. When a
//! server dies, the next one simply calls, and the batch that was in flight comes back when its
//! lease ends.

use super::agreement;
use super::builds;
use super::hub::{News, TickEvent};
use super::issue::{self, Claim, Issue, Outcome, TooEarly};
use super::losses;
use super::reconcile::{self, Window};
use super::sale::SaleRow;
use super::scripts;
use super::turns::{Turn, Turns};
use super::wake::{self, Alarm, Alarms};
use crate::{Error, Result, Services, stores};
use chrono::TimeDelta;
use fail::fail_point;
use futures::FutureExt;
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::{Arrival, Tick, TickId};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Interval between surveys, which read the sales from PostgreSQL.
const SURVEY: Duration = Duration::from_secs(1);
/// Closed sales are checked for entries that still wait if their concert began no longer ago than
/// this, and all closed sales once in [`SURVEYS_OF_ALL`] surveys: there are more of them every
/// year.
const SETTLED: TimeDelta = TimeDelta::hours(1);
const SURVEYS_OF_ALL: u32 = 60;
/// PostgreSQL's clock is read once in this many surveys.
const SURVEYS_PER_CLOCK: u32 = 5;
/// Sales whose entries are expired concurrently.
const EXPIRING_AT_ONCE: usize = 2;
/// Entries expired in one transaction, which takes a fraction of a second.
const EXPIRED_AT_ONCE: i64 = 5_000;
/// Delay before a driver that could not move on tries again. It doubles each time.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
/// A driver that waits for an instant looks again after this time, however far off the instant is.
const REST_LONGEST: Duration = Duration::from_secs(60);
/// Delay before a task that panicked is restarted.
const RESTART: Duration = Duration::from_secs(1);

/// Upper bound on how early a batch is claimed: joins wait for the transaction that prepares it.
const MOST_AHEAD: Duration = Duration::from_millis(50);

/// What a server knows of a sale from one call to the next.
#[derive(Debug, Default)]
pub struct Progress {
    /// The newest tick published to the watchers of this server.
    pub newest: Option<TickId>,
    /// The queue's clock (µs) as of the last call.
    pub clock: i64,
    /// How early a batch is claimed: as long as the last ones took until only their commit was left
    /// to do.
    pub ahead: Duration,
}

impl Progress {
    /// Notes how long a batch took. A single slow batch is forgotten gradually.
    fn took(&mut self, took: Duration, sale: &SaleRow) {
        let less = self.ahead.saturating_sub(took);
        let ahead = took.max(self.ahead - less / 8);
        self.ahead = ahead.min(MOST_AHEAD).min(sale.interval() / 2);
    }
}

/// What [`step`] and [`claim`] return if nothing can be claimed before the queue wakes its drivers.
pub const UNTIL_WOKEN: Duration = Duration::MAX;

/// Runs all sales until `stop`. A batch in progress is finished first.
///
/// A claimed batch belongs to this server for `lease`, which is the same on all servers.
pub async fn run(services: Services, lease: Duration, stop: CancellationToken) {
    let alarms = Arc::new(Alarms::default());
    let mut drivers: HashMap<ConcertId, watch::Sender<Surveyed>> = HashMap::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_up(services.clone(), alarms.clone(), stop.clone()));
    let expiring = Turns::new(EXPIRING_AT_ONCE);
    for round in (0..SURVEYS_OF_ALL).cycle() {
        if (round % SURVEYS_PER_CLOCK == 0 || services.clock.is_vague())
            && let Err(error) = read_clock(&services).await
        {
            tracing::warn!(%error, "PostgreSQL's clock could not be read");
        }
        match survey(&services, round == 0).await {
            Ok(Survey {
                timeline,
                over,
                sales,
            }) => {
                for concert in over {
                    if let Some(turn) = expiring.take(concert) {
                        let services = services.clone();
                        let stop = stop.clone();
                        tasks.spawn(async move {
                            tokio::select! {
                                () = expire_in_turn(&services, concert, turn) => {}
                                () = stop.cancelled() => {}
                            }
                        });
                    }
                }
                let active: HashMap<ConcertId, SaleRow> = sales
                    .into_iter()
                    .map(|sale| (sale.concert(), sale))
                    .collect();
                // Dropping the sender ends the driver.
                drivers.retain(|concert, _| active.contains_key(concert));
                alarms.retain(|concert| active.contains_key(&concert));
                for (concert, sale) in active {
                    let sale = Surveyed { timeline, sale };
                    match drivers.get(&concert) {
                        // A driver that ended on its own, which only a bug can cause, is replaced.
                        Some(driver) if !driver.is_closed() => {
                            driver.send_if_modified(|known| {
                                let newer = sale.sale.revision != known.sale.revision;
                                *known = sale;
                                newer
                            });
                        }
                        _ => {
                            let alarm = alarms.add(concert);
                            let (sender, receiver) = watch::channel(sale);
                            drivers.insert(concert, sender);
                            let (services, stop) = (services.clone(), stop.clone());
                            tasks.spawn(async move {
                                drive(&services, concert, receiver, &alarm, lease, &stop).await;
                            });
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the sales could not be read"),
        }
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a sale's driver broke down");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(SURVEY) => {}
            () = stop.cancelled() => break,
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Runs what all drivers share: wake-ups, and the comparison with the journal. Restarted if it
/// panics.
async fn keep_up(services: Services, alarms: Arc<Alarms>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let together = async {
            tokio::join!(
                wake::listen(&services, &alarms, &stop),
                wake::sweep(&services, &alarms, &stop),
                agreement::run(&services, &alarms, &stop),
            );
        };
        if AssertUnwindSafe(together).catch_unwind().await.is_err() {
            tracing::error!("wake-ups broke down");
            tokio::time::sleep(RESTART).await;
        }
    }
}

async fn read_clock(services: &Services) -> Result<()> {
    let mut connection = services.engine.acquire().await?;
    Ok(services.primary.ask(&mut connection).await?)
}

/// A sale as read from PostgreSQL, under this timeline or a later one.
struct Surveyed {
    timeline: i64,
    sale: SaleRow,
}

/// What a survey has found to do.
struct Survey {
    timeline: i64,
    /// Sales that are over and still have entries waiting.
    over: Vec<ConcertId>,
    /// Sales that have work to do or watchers to serve.
    sales: Vec<SaleRow>,
}

/// Closes the sales whose concert has begun, and returns what there is to do. `all`: also checks
/// every sale that was ever closed.
async fn survey(services: &Services, all: bool) -> Result<Survey> {
    let timeline = services.primary.timeline();
    // Closing is permanent: PostgreSQL's own clock decides, not this server's estimate.
    // SKIP LOCKED: a concert whose row is locked is closed a second later, and does not delay the
    // others.
    sqlx::query!(
        "UPDATE concerts SET state = 'closed'
          WHERE id IN (SELECT id FROM concerts
                        WHERE state <> 'closed' AND NOT draft
                          AND starts_at <= clock_timestamp() + $1::bigint * interval '1 microsecond'
                          FOR UPDATE SKIP LOCKED)",
        services.clock.moved().num_microseconds().unwrap_or(0)
    )
    .execute(&services.engine)
    .await?;
    let now = services.clock.now();
    let over = sqlx::query_scalar!(
        "SELECT id FROM concerts
          WHERE state = 'closed' AND (starts_at > $1 OR $2)
            AND EXISTS (SELECT FROM queue_entries WHERE concert_id = concerts.id AND state = 'waiting')",
        now - SETTLED,
        all
    )
    .fetch_all(&services.engine)
    .await?;
    let sales = SaleRow::active(&services.engine, now, &services.ticks.watched()).await?;
    for sale in &sales {
        services.newest_builds.hear(sale.concert(), sale.generation);
    }
    Ok(Survey {
        timeline,
        over: over.into_iter().map(ConcertId).collect(),
        sales,
    })
}

/// Expires a sale while it holds the turn. With many entries this takes a while, and must not delay
/// other sales.
async fn expire_in_turn(services: &Services, concert: ConcertId, _turn: Turn) {
    if let Err(error) = expire(services, concert).await {
        tracing::warn!(%concert, %error, "the end of a sale could not be told yet");
    }
}

/// Expires the entries that still wait for a sale that is over, [`EXPIRED_AT_ONCE`] in a
/// transaction, each by one server. After an interruption what is done stays done, and the next
/// survey continues.
async fn expire(services: &Services, concert: ConcertId) -> Result<()> {
    empty(services, concert).await?;
    let mut expired = 0;
    loop {
        let batch = expire_some(services, concert).await?;
        expired += batch;
        if batch < EXPIRED_AT_ONCE as u64 {
            break;
        }
    }
    if expired > 0 {
        tracing::info!(%concert, expired, "the sale is over");
    }
    Ok(())
}

/// Empties the queue in Redis.
async fn empty(services: &Services, concert: ConcertId) -> Result<()> {
    let sale = SaleRow::find(&services.engine, concert).await?;
    scripts::call::<i64>(&services.redis, &scripts::EXPIRE, concert, sale.arguments()).await?;
    Ok(())
}

/// Expires up to [`EXPIRED_AT_ONCE`] entries and returns how many. SKIP LOCKED: rows that another
/// server or a leave has locked are left to the next survey.
async fn expire_some(services: &Services, concert: ConcertId) -> Result<u64> {
    let expired = sqlx::query!(
        "UPDATE queue_entries SET state = 'expired'
          WHERE concert_id = $1
            AND arrival = ANY(ARRAY(
                SELECT arrival FROM queue_entries
                 WHERE concert_id = $1 AND state = 'waiting'
                   AND EXISTS (SELECT FROM concerts WHERE id = $1 AND state = 'closed')
                 LIMIT $2
                   FOR UPDATE SKIP LOCKED))",
        concert.0,
        EXPIRED_AT_ONCE
    )
    .execute(&services.engine)
    .await?;
    Ok(expired.rows_affected())
}

/// Drives one sale: steps when something can be done, and sleeps in between.
async fn drive(
    services: &Services,
    concert: ConcertId,
    mut surveyed: watch::Receiver<Surveyed>,
    alarm: &Alarm,
    lease: Duration,
    stop: &CancellationToken,
) {
    let mut progress = Progress::default();
    // Set while the driver cannot move on.
    let mut retry: Option<Duration> = None;
    while !stop.is_cancelled() {
        let stepped = async {
            let current = current(services, concert, &mut surveyed).await?;
            alarm.set_over(current.state == "closed");
            step(services, concert, &current, lease, &mut progress).await
        };
        let rest = match stepped.await {
            Ok(rest) => {
                if retry.take().is_some() {
                    services.ticks.publish(concert, News::Resumed);
                }
                rest
            }
            // The concert was deleted: there is nothing to drive.
            Err(Error::Refused(Refusal::NotFound)) => return,
            Err(error) => {
                if retry.is_none() {
                    tracing::warn!(%concert, %error, "the queue cannot move on at the moment");
                    services.ticks.publish(concert, News::Interrupted);
                }
                let pause = retry.map_or(RETRY_FIRST, |last| (2 * last).min(RETRY_LONGEST));
                retry = Some(pause);
                pause
            }
        };
        alarm.saw(progress.clock);
        tokio::select! {
            () = rest_for(rest) => {}
            () = alarm.rung() => {}
            changed = surveyed.changed() => if changed.is_err() { return },
            () = stop.cancelled() => {}
        }
    }
}

/// Returns the sale as surveyed. A survey of an earlier PostgreSQL is not used, since it may be of
/// a lost commit: the sale is read again.
async fn current(
    services: &Services,
    concert: ConcertId,
    surveyed: &mut watch::Receiver<Surveyed>,
) -> Result<SaleRow> {
    let (timeline, sale) = {
        let surveyed = surveyed.borrow_and_update();
        (surveyed.timeline, surveyed.sale.clone())
    };
    match timeline == services.primary.timeline() {
        true => Ok(sale),
        false => SaleRow::find(&services.engine, concert).await,
    }
}

/// Sleeps until something is due, for at most [`REST_LONGEST`]. The time is calculated with Redis's
/// clock, which may jump, and this machine's clock stands still while it is suspended.
async fn rest_for(rest: Duration) {
    match rest {
        UNTIL_WOKEN => std::future::pending().await,
        rest => tokio::time::sleep(rest.clamp(Duration::from_millis(1), REST_LONGEST)).await,
    }
}

/// Makes one call: publishes ticks that are new here to the watchers, and issues and acknowledges a
/// batch if one was claimed.
///
/// Returns how long nothing can be claimed, or [`UNTIL_WOKEN`].
pub async fn step(
    services: &Services,
    concert: ConcertId,
    sale: &SaleRow,
    lease: Duration,
    progress: &mut Progress,
) -> Result<Duration> {
    let begun = Instant::now();
    let (rest, claim) = claim(services, concert, sale, lease, progress).await?;
    let Some(claim) = claim else {
        return Ok(rest);
    };
    let issue = || issue::issue(services, &claim);
    // Not longer than the lease: after that another server may have the batch.
    match stores::in_time(lease, issue).await? {
        Issue::Done(issued) => {
            progress.took(issued.ready - begun, &issued.sale);
            acknowledge(services, &claim, &issued).await?;
            fail_point!("acknowledge::done");
        }
        Issue::Stale => {}
        Issue::OtherBuild => losses::settle(services, concert, claim.generation).await?,
        Issue::TooEarly(early) => {
            tracing::warn!(%concert, wait = ?early.wait, "a batch came before its time and is given back");
            give_back(services, &claim, &early).await?;
        }
    }
    // Call again at once, for the tick that this produced.
    Ok(Duration::ZERO)
}

/// Gives a batch back to the head of the queue until its time has come.
async fn give_back(services: &Services, claim: &Claim, early: &TooEarly) -> Result<()> {
    let pause = early.wait.as_micros().to_string();
    let outcomes = vec![Outcome::Released; claim.entries.len()];
    end(services, claim, pause, &early.sale, &outcomes).await?;
    Ok(())
}

/// Claims a batch for `lease` if it is time, or will be by when the batch can be committed.
/// Publishes ticks that are new here to the watchers.
///
/// Returns how long nothing can be claimed, or [`UNTIL_WOKEN`], and the claim.
pub async fn claim(
    services: &Services,
    concert: ConcertId,
    sale: &SaleRow,
    lease: Duration,
    progress: &mut Progress,
) -> Result<(Duration, Option<Claim>)> {
    let seen = progress.newest.map(|tick| tick.0.to_string());
    let timeline = services.primary.timeline();
    let arguments = (
        lease.as_micros() as i64,
        progress.ahead.as_micros() as i64,
        seen.unwrap_or_default(),
        services.clock.now().timestamp_micros(),
        timeline,
        sale.arguments(),
    );
    let (word, generation, rest, clock, number, wait, batch, ticks): RawClaim =
        scripts::call(&services.redis, &scripts::CLAIM, concert, arguments).await?;
    // Counted from here: Redis read its clock earlier, so this is never too early.
    let due = Instant::now() + Duration::from_micros(wait.max(0) as u64);
    let built = word == "built" || word == "over";
    if built && !builds::is_newest(services, concert, generation).await? {
        services.ticks.publish(concert, News::Interrupted);
        return Ok((Duration::ZERO, None));
    }
    if word == "over" {
        // Entries beyond this transaction are expired by the survey.
        empty(services, concert).await?;
        expire_some(services, concert).await?;
    }
    if word == "forked" {
        services.ticks.publish(concert, News::Interrupted);
        losses::make_good(services, concert).await?;
        return Ok((Duration::ZERO, None));
    }
    if word == "unbuilt" {
        services.ticks.publish(concert, News::Interrupted);
        // Limits concurrent builds when a server starts with hundreds of sales: each needs
        // PostgreSQL.
        let _turn = services.builds.acquire().await;
        return match reconcile::reconcile(services, concert, Window::Nothing).await? {
            reconcile::Outcome::Busy => Ok((RETRY_FIRST, None)),
            _ => Ok((Duration::ZERO, None)),
        };
    }
    progress.clock = clock;
    for json in ticks {
        let tick: Tick = serde_json::from_str(&json)
            .map_err(|error| Error::Broken(format!("tick {json:?}: {error}")))?;
        progress.newest = Some(tick.id);
        services
            .ticks
            .publish(concert, News::Tick(TickEvent::new(tick, json)));
    }
    let entries: Vec<_> = batch
        .chunks_exact(2)
        .map(|pair| (AccountId(pair[0]), Arrival(pair[1])))
        .collect();
    let claim = (!entries.is_empty()).then_some(Claim {
        concert,
        number,
        generation,
        timeline,
        entries,
        due,
    });
    let rest = u64::try_from(rest).map_or(UNTIL_WOKEN, Duration::from_micros);
    Ok((rest, claim))
}

/// The answer of the script: a word, the build of the queue, µs to rest, the queue's clock, the
/// claim's number, µs before which it must not be committed, accounts and arrivals, ticks.
type RawClaim = (String, i64, i64, i64, i64, i64, Vec<i64>, Vec<String>);

/// Ends a claim after its commit and publishes the tick. Returns `false` if the lease had ended and
/// another server has the batch, or a part of the queue is lost.
pub async fn acknowledge(
    services: &Services,
    claim: &Claim,
    issued: &issue::Issued,
) -> Result<bool> {
    end(
        services,
        claim,
        String::new(),
        &issued.sale,
        &issued.outcomes,
    )
    .await
}

/// Ends a claim. `pause`: µs until the next claim, or empty for an interval if anything was issued.
async fn end(
    services: &Services,
    claim: &Claim,
    pause: String,
    sale: &SaleRow,
    outcomes: &[Outcome],
) -> Result<bool> {
    let mut arguments = vec![claim.number.to_string(), pause];
    arguments.extend(sale.arguments());
    for ((account, arrival), outcome) in claim.entries.iter().zip(outcomes) {
        arguments.extend([
            account.to_string(),
            arrival.0.to_string(),
            outcome.as_str().to_owned(),
        ]);
    }
    Ok(scripts::call::<i64>(
        &services.redis,
        &scripts::ACKNOWLEDGE,
        claim.concert,
        arguments,
    )
    .await?
        == 1)
}
