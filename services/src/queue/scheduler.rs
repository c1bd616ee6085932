//! Whose turn it is: claim, issue, acknowledge, in every server, without a leader.
//!
//! The claim script is the lock. Whichever server calls first in an interval does the work; when a server dies, the next
//! one simply calls, and the batch that was in flight comes back when its lease ends.

use super::hub::{News, TickEvent};
use super::issue::{self, Claim};
use super::reconcile::{self, Window};
use super::sale::SaleRow;
use super::scripts;
use crate::{Error, Result, Services, housekeeping, sessions, stores};
use fail::fail_point;
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::{Arrival, Tick, TickId};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the sales are read from PostgreSQL.
const SURVEY: Duration = Duration::from_secs(1);
/// How often Redis is compared with the journal.
const RECONCILE: Duration = Duration::from_secs(5);
/// And how often all of it: a place that Redis has lost by itself is no change that the journal knows of.
const RECONCILE_ALL: Duration = Duration::from_secs(60);
/// And while there is much to compare: a little at a time holds nobody up.
const RECONCILE_BUSY: Duration = Duration::from_secs(1);
/// Entries that are much.
const MUCH: usize = 1_000;
/// How long a server may be behind with the ticks that others have published.
const LISTEN: Duration = Duration::from_millis(250);

/// No batch is claimed longer before its time: joins wait for the transaction that prepares it.
const MOST_AHEAD: Duration = Duration::from_millis(50);

/// What a server knows of a sale from one call to the next.
#[derive(Debug, Default)]
pub struct Progress {
    /// The newest tick that its watchers have been told.
    pub newest: Option<TickId>,
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

/// Runs all sales until `stop`. A batch in hand is finished first.
///
/// A claimed batch belongs to this server for as long as `lease`; the same on all servers.
pub async fn run(services: Services, lease: Duration, stop: CancellationToken) {
    let mut drivers: HashMap<ConcertId, watch::Sender<SaleRow>> = HashMap::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(housekeeping::run(services.clone(), stop.clone()));
    tasks.spawn(sessions::listen(services.clone(), stop.clone()));
    loop {
        match survey(&services).await {
            Ok(sales) => {
                let active: HashMap<ConcertId, SaleRow> = sales
                    .into_iter()
                    .map(|sale| (sale.concert(), sale))
                    .collect();
                // Dropping the sender ends the driver.
                drivers.retain(|concert, _| active.contains_key(concert));
                for (concert, sale) in active {
                    match drivers.get(&concert) {
                        // A driver that has ended by itself, which only a bug can do, is replaced.
                        Some(driver) if !driver.is_closed() => drop(driver.send_replace(sale)),
                        _ => {
                            let (sender, receiver) = watch::channel(sale);
                            drivers.insert(concert, sender);
                            let (services, stop) = (services.clone(), stop.clone());
                            // One task: should either break down, both are replaced.
                            tasks.spawn(async move {
                                tokio::join!(
                                    drive(&services, concert, &receiver, lease, &stop),
                                    keep_agreeing(&services, concert, &receiver, &stop),
                                );
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

/// Ends the sales that are over, and returns those that have work to do or watchers to serve.
async fn survey(services: &Services) -> Result<Vec<SaleRow>> {
    let now = services.clock.now();
    sqlx::query!(
        "UPDATE concerts SET state = 'closed' WHERE state <> 'closed' AND starts_at <= $1 AND NOT draft",
        now
    )
    .execute(&services.engine)
    .await?;
    let over = sqlx::query_scalar!(
        "SELECT id FROM concerts
          WHERE state = 'closed'
            AND EXISTS (SELECT FROM queue_entries WHERE concert_id = concerts.id AND state = 'waiting')"
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

async fn drive(
    services: &Services,
    concert: ConcertId,
    sale: &watch::Receiver<SaleRow>,
    lease: Duration,
    stop: &CancellationToken,
) {
    let mut progress = Progress::default();
    let mut away = false;
    while sale.has_changed().is_ok() && !stop.is_cancelled() {
        let current = sale.borrow().clone();
        let rest = match step(services, concert, &current, lease, &mut progress).await {
            Ok(rest) => {
                if away {
                    services.ticks.publish(concert, News::Resumed);
                }
                away = false;
                rest.min(LISTEN)
            }
            // Removed: there is nothing to drive.
            Err(Error::Refused(Refusal::NotFound)) => return,
            Err(error) => {
                if !away {
                    tracing::warn!(%concert, %error, "the queue cannot move on at the moment");
                    services.ticks.publish(concert, News::Interrupted);
                }
                away = true;
                LISTEN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest.max(Duration::from_millis(1))) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Compares Redis with the journal: all of it first and once a minute, in between what has changed since.
///
/// A server that dies between PostgreSQL and Redis leaves the two apart, for instance with a place that was left and still
/// counts in everybody's rank.
async fn keep_agreeing(
    services: &Services,
    concert: ConcertId,
    sale: &watch::Receiver<SaleRow>,
    stop: &CancellationToken,
) {
    let (mut window, mut whole) = (Window::Everything, Instant::now());
    while sale.has_changed().is_ok() && !stop.is_cancelled() {
        let over = sale.borrow().state == "closed";
        let mut pause = RECONCILE;
        if whole.elapsed() > RECONCILE_ALL {
            (window, whole) = (Window::Everything, Instant::now());
        }
        if !over {
            match reconcile::reconcile(services, concert, window).await {
                Ok(reconcile::Outcome::Agreed(mark)) => {
                    // A whole comparison has much to compare, and says nothing of how much comes in.
                    let partly = matches!(window, Window::Since(_));
                    window = Window::Since(mark);
                    if partly && mark.compared > MUCH {
                        pause = RECONCILE_BUSY;
                    }
                }
                Ok(reconcile::Outcome::There | reconcile::Outcome::Busy) => {}
                Err(Error::Refused(Refusal::NotFound)) => return,
                Err(error) => {
                    tracing::warn!(%concert, %error, "the queue cannot be compared with the journal")
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// One call: ticks that are new here go to the watchers, and a batch that was claimed is issued and acknowledged.
///
/// Returns for how long nothing can be claimed.
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
/// Returns for how long nothing can be claimed, and the claim.
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
    let (word, rest, number, wait, batch, ticks): RawClaim =
        scripts::call(&services.redis, &scripts::CLAIM, concert, arguments).await?;
    // From here on: Redis has read its clock before, so that this is never too early.
    let due = Instant::now() + Duration::from_micros(wait.max(0) as u64);
    if word == "over" {
        expire(services, concert).await?;
    }
    if word == "unbuilt" {
        services.ticks.publish(concert, News::Interrupted);
        return match reconcile::reconcile(services, concert, Window::Nothing).await? {
            reconcile::Outcome::Busy => Ok((LISTEN, None)),
            _ => Ok((Duration::ZERO, None)),
        };
    }
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
    Ok((Duration::from_micros(rest.max(0) as u64), claim))
}

/// What the script returns: a word, until when to rest, the claim's number, until when to wait with its commit, accounts and
/// arrivals, ticks.
type RawClaim = (String, i64, i64, i64, Vec<i64>, Vec<String>);

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
