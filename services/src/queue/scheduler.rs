//! Whose turn it is: claim, issue, acknowledge, in every server, without a leader.
//!
//! The claim script is the lock. Whichever server calls first in an interval does the work; when a server dies, the next
//! one simply calls, and the batch that was in flight comes back when its lease ends.

use super::agreement;
use super::hub::{News, TickEvent};
use super::issue::{self, Claim};
use super::reconcile::{self, Window};
use super::sale::SaleRow;
use super::scripts;
use super::wake::{self, Alarm, Alarms};
use crate::{Error, Result, Services, housekeeping, sessions, stores};
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

/// How often the sales are read from PostgreSQL.
const SURVEY: Duration = Duration::from_secs(1);
/// Closed sales are looked through for people who still wait as long as their concert began no longer ago than this, and all
/// of them once in so many surveys: there are more of them every year.
const SETTLED: TimeDelta = TimeDelta::hours(1);
const SURVEYS_OF_ALL: u32 = 60;
/// Until a driver that could not move on tries again: twice as long each time.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
/// A driver that waits for something looks again after this time, however far off it is.
const REST_LONGEST: Duration = Duration::from_secs(60);
/// How long a task that broke down is left alone.
const RESTART: Duration = Duration::from_secs(1);

/// No batch is claimed longer before its time: joins wait for the transaction that prepares it.
const MOST_AHEAD: Duration = Duration::from_millis(50);

/// What a server knows of a sale from one call to the next.
#[derive(Debug, Default)]
pub struct Progress {
    /// The newest tick that its watchers have been told.
    pub newest: Option<TickId>,
    /// The queue's clock (µs) as of the last call.
    pub clock: i64,
    /// How long before its time a batch is claimed: as long as the last ones took until only their commit was left to do.
    pub ahead: Duration,
}

impl Progress {
    /// A batch took so long. What was slow once is forgotten by and by.
    fn took(&mut self, took: Duration, sale: &SaleRow) {
        let less = self.ahead.saturating_sub(took);
        let ahead = took.max(self.ahead - less / 8);
        self.ahead = ahead.min(MOST_AHEAD).min(sale.interval() / 2);
    }
}

/// What [`step`] and [`claim`] return when nothing can be claimed before the queue wakes its drivers.
pub const UNTIL_WOKEN: Duration = Duration::MAX;

/// Runs all sales until `stop`. A batch in hand is finished first.
///
/// A claimed batch belongs to this server for as long as `lease`; the same on all servers.
pub async fn run(services: Services, lease: Duration, stop: CancellationToken) {
    let alarms = Arc::new(Alarms::default());
    let mut drivers: HashMap<ConcertId, watch::Sender<SaleRow>> = HashMap::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(housekeeping::run(services.clone(), stop.clone()));
    tasks.spawn(sessions::listen(services.clone(), stop.clone()));
    tasks.spawn(keep_up(services.clone(), alarms.clone(), stop.clone()));
    for round in (0..SURVEYS_OF_ALL).cycle() {
        match survey(&services, round == 0).await {
            Ok(sales) => {
                let active: HashMap<ConcertId, SaleRow> = sales
                    .into_iter()
                    .map(|sale| (sale.concert(), sale))
                    .collect();
                // Dropping the sender ends the driver.
                drivers.retain(|concert, _| active.contains_key(concert));
                alarms.retain(|concert| active.contains_key(&concert));
                for (concert, sale) in active {
                    match drivers.get(&concert) {
                        // A driver that has ended by itself, which only a bug can do, is replaced.
                        Some(driver) if !driver.is_closed() => {
                            driver.send_if_modified(|known| {
                                let newer = sale.revision != known.revision;
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

/// What all drivers have in common: wake-ups, and the comparison with the journal. Begun again should it break down.
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

/// Ends the sales that are over, and returns those that have work to do or watchers to serve. `all`: looks through every sale
/// that was ever closed, too.
async fn survey(services: &Services, all: bool) -> Result<Vec<SaleRow>> {
    let now = services.clock.now();
    sqlx::query!(
        "UPDATE concerts SET state = 'closed' WHERE state <> 'closed' AND starts_at <= $1 AND NOT draft",
        now
    )
    .execute(&services.engine)
    .await?;
    let over = sqlx::query_scalar!(
        "SELECT id FROM concerts
          WHERE state = 'closed' AND (starts_at > $1 OR $2)
            AND EXISTS (SELECT FROM queue_entries WHERE concert_id = concerts.id AND state = 'waiting')",
        now - SETTLED,
        all
    )
    .fetch_all(&services.engine)
    .await?;
    for id in over {
        if let Err(error) = expire(services, ConcertId(id)).await {
            tracing::warn!(concert = id, %error, "the end of a sale could not be told yet");
        }
    }
    SaleRow::active(&services.engine, now, &services.ticks.watched()).await
}

/// Tells everyone who still waits for a sale that is over that it is.
async fn expire(services: &Services, concert: ConcertId) -> Result<()> {
    let sale = SaleRow::find(&services.engine, concert).await?;
    scripts::call::<i64>(&services.redis, &scripts::EXPIRE, concert, sale.arguments()).await?;
    let expired = sqlx::query!(
        "UPDATE queue_entries SET state = 'expired'
          WHERE concert_id = $1 AND state = 'waiting'
            AND EXISTS (SELECT FROM concerts WHERE id = $1 AND state = 'closed')",
        concert.0
    )
    .execute(&services.engine)
    .await?;
    tracing::info!(%concert, expired = expired.rows_affected(), "the sale is over");
    Ok(())
}

/// Steps whenever something can be done, and sleeps in between.
async fn drive(
    services: &Services,
    concert: ConcertId,
    mut sale: watch::Receiver<SaleRow>,
    alarm: &Alarm,
    lease: Duration,
    stop: &CancellationToken,
) {
    let mut progress = Progress::default();
    // While it cannot move on.
    let mut retry: Option<Duration> = None;
    while !stop.is_cancelled() {
        let current = sale.borrow_and_update().clone();
        alarm.set_over(current.state == "closed");
        let rest = match step(services, concert, &current, lease, &mut progress).await {
            Ok(rest) => {
                if retry.take().is_some() {
                    services.ticks.publish(concert, News::Resumed);
                }
                rest
            }
            // Removed: there is nothing to drive.
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
            changed = sale.changed() => if changed.is_err() { return },
            () = stop.cancelled() => {}
        }
    }
}

/// Until something is due; of what is far off [`REST_LONGEST`] at most. What is due is reckoned with Redis's clock, which may
/// jump, and this machine's stands still while it is suspended.
async fn rest_for(rest: Duration) {
    match rest {
        UNTIL_WOKEN => std::future::pending().await,
        rest => tokio::time::sleep(rest.clamp(Duration::from_millis(1), REST_LONGEST)).await,
    }
}

/// One call: ticks that are new here go to the watchers, and a batch that was claimed is issued and acknowledged.
///
/// Returns for how long nothing can be claimed, or [`UNTIL_WOKEN`].
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
    let issue = || issue::issue(&services.engine, &claim, services.clock.now());
    // Not for longer than the lease: then somebody else has the batch.
    if let Some(issued) = stores::in_time(lease, issue).await? {
        progress.took(issued.ready - begun, &issued.sale);
        acknowledge(services, &claim, &issued).await?;
        fail_point!("acknowledge::done");
    }
    // Straight back, for the tick that this made.
    Ok(Duration::ZERO)
}

/// Claims a batch, if it is time or will be by when the batch can be committed, for as long as `lease`; hands the ticks that
/// are new here to the watchers.
///
/// Returns for how long nothing can be claimed, or [`UNTIL_WOKEN`], and the claim.
pub async fn claim(
    services: &Services,
    concert: ConcertId,
    sale: &SaleRow,
    lease: Duration,
    progress: &mut Progress,
) -> Result<(Duration, Option<Claim>)> {
    let seen = progress.newest.map(|tick| tick.0.to_string());
    let arguments = (
        lease.as_micros() as i64,
        progress.ahead.as_micros() as i64,
        seen.unwrap_or_default(),
        sale.arguments(),
    );
    let (word, rest, clock, number, wait, batch, ticks): RawClaim =
        scripts::call(&services.redis, &scripts::CLAIM, concert, arguments).await?;
    // From here on: Redis has read its clock before, so that this is never too early.
    let due = Instant::now() + Duration::from_micros(wait.max(0) as u64);
    if word == "over" {
        expire(services, concert).await?;
    }
    if word == "unbuilt" {
        services.ticks.publish(concert, News::Interrupted);
        // Not all at once when a server starts with hundreds of sales: each of them needs PostgreSQL.
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
        entries,
        due,
    });
    let rest = u64::try_from(rest).map_or(UNTIL_WOKEN, Duration::from_micros);
    Ok((rest, claim))
}

/// What the script returns: a word, until when to rest, the queue's clock, the claim's number, until when to wait with its
/// commit, accounts and arrivals, ticks.
type RawClaim = (String, i64, i64, i64, i64, Vec<i64>, Vec<String>);

/// Ends a claim after its commit and tells the watchers. False: the lease had ended and somebody else has the batch.
pub async fn acknowledge(
    services: &Services,
    claim: &Claim,
    issued: &issue::Issued,
) -> Result<bool> {
    let mut arguments = vec![claim.number.to_string()];
    arguments.extend(issued.sale.arguments());
    for ((account, arrival), outcome) in claim.entries.iter().zip(&issued.outcomes) {
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
