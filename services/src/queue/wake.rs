//! Wake-ups: how the drivers of all servers hear that a queue has something to do, while they sleep and cost nothing.
//!
//! The scripts publish a wake-up with whatever a sleeping driver does not know of: the first who waits, a tick, a sale that
//! was steered. Messages may be lost. So every server looks every two seconds at the clocks of all its queues, which move on with
//! whatever happens: a lost message costs two seconds, or as long as such a look takes.

use super::keys;
use super::scripts::{self, Peeked};
use crate::stores::Redis;
use crate::{Result, Services};
use futures::StreamExt;
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often all queues are looked at: what a lost wake-up costs at most.
pub const SWEEP: Duration = Duration::from_secs(2);

/// A subscription on which nothing was heard for so long is broken: every server says something with each sweep.
const SILENCE: Duration = Duration::from_secs(10);

/// Between two attempts to subscribe.
const RESUBSCRIBE: Duration = Duration::from_millis(250);

/// What one driver sleeps on.
#[derive(Debug, Default)]
pub struct Alarm {
    /// The newest wake-up that was told: an instant of the queue's clock (µs).
    told: AtomicI64,
    /// The queue's clock when the driver last looked.
    seen: AtomicI64,
    /// Look, whatever the numbers say.
    anyway: AtomicBool,
    /// The sale is over: there is nothing to compare.
    over: AtomicBool,
    notify: Notify,
    peeked: Mutex<Option<Peeked>>,
}

impl Alarm {
    /// A wake-up was published.
    fn ring(&self, number: i64) {
        self.told.fetch_max(number, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// The driver may have missed something.
    fn ring_anyway(&self) {
        self.anyway.store(true, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// The driver has looked, and knows of everything up to this instant. With a Redis that lost the last moments it may be
    /// an earlier one than before.
    pub fn saw(&self, clock: i64) {
        self.seen.store(clock, Ordering::Relaxed);
    }

    /// Returns when there is a wake-up that the driver does not know of.
    pub async fn rung(&self) {
        loop {
            self.notify.notified().await;
            let news = self.told.load(Ordering::Relaxed) > self.seen.load(Ordering::Relaxed);
            if self.anyway.swap(false, Ordering::Relaxed) || news {
                return;
            }
        }
    }

    pub fn set_over(&self, over: bool) {
        self.over.store(over, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// What the last sweep said of the queue; None: it could not be asked.
    pub fn peeked(&self) -> Option<Peeked> {
        *self.lock()
    }

    /// Wakes the driver if the queue is not as it left it.
    fn compare(&self, peeked: Option<Peeked>) {
        *self.lock() = peeked;
        let clock = peeked.and_then(|peeked| peeked.clock);
        if clock != Some(self.seen.load(Ordering::Relaxed)) {
            self.ring_anyway();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Peeked>> {
        self.peeked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The alarms of this server's drivers.
#[derive(Debug, Default)]
pub struct Alarms(Mutex<HashMap<ConcertId, Arc<Alarm>>>);

impl Alarms {
    pub fn add(&self, concert: ConcertId) -> Arc<Alarm> {
        let alarm = Arc::<Alarm>::default();
        self.lock().insert(concert, alarm.clone());
        alarm
    }

    /// Forgets those of which `active` says no.
    pub fn retain(&self, active: impl Fn(ConcertId) -> bool) {
        self.lock().retain(|concert, _| active(*concert));
    }

    /// In order of the concerts.
    pub fn all(&self) -> Vec<(ConcertId, Arc<Alarm>)> {
        let mut all: Vec<_> = self
            .lock()
            .iter()
            .map(|(concert, alarm)| (*concert, alarm.clone()))
            .collect();
        all.sort_by_key(|(concert, _)| concert.0);
        all
    }

    fn ring(&self, message: &str) {
        // What has no number was said so that something is said.
        let Some((concert, number)) = message.split_once(' ') else {
            return;
        };
        let (Ok(concert), Ok(number)) = (concert.parse(), number.parse()) else {
            return;
        };
        let alarm = self.lock().get(&ConcertId(concert)).cloned();
        if let Some(alarm) = alarm {
            alarm.ring(number);
        }
    }

    fn ring_all(&self) {
        for (_, alarm) in self.all() {
            alarm.ring_anyway();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConcertId, Arc<Alarm>>> {
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands wake-ups to the drivers until `stop`. All of them look when the subscription breaks, since Redis may be away, and
/// when it stands again, since they may have missed something.
pub async fn listen(services: &Services, alarms: &Alarms, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            ended = hear(&services.redis, alarms) => ended,
            () = stop.cancelled() => return,
        };
        match ended {
            Ok(()) => tracing::debug!("wake-up subscription broke"),
            Err(error) => tracing::debug!(%error, "wake-up subscription failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(RESUBSCRIBE) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn hear(redis: &Redis, alarms: &Alarms) -> Result<()> {
    let mut messages = redis.subscribe(&keys::wake_channel(redis)).await?;
    alarms.ring_all();
    while let Ok(Some(message)) = tokio::time::timeout(SILENCE, messages.next()).await {
        if let Ok(message) = message.get_payload::<String>() {
            alarms.ring(&message);
        }
    }
    alarms.ring_all();
    Ok(())
}

/// Looks every [`SWEEP`] whether anything has happened that the drivers did not hear of, until `stop`.
pub async fn sweep(services: &Services, alarms: &Alarms, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        sweep_once(services, alarms).await;
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn sweep_once(services: &Services, alarms: &Alarms) {
    let all = alarms.all();
    let concerts: Vec<ConcertId> = all.iter().map(|(concert, _)| *concert).collect();
    let compare = async {
        let mut answers = scripts::peek(&services.redis, &concerts);
        while let Some((asked, peeked)) = answers.next().await {
            for (n, (_, alarm)) in all[asked].iter().enumerate() {
                // Of a queue that cannot be asked the driver finds out why, and says so.
                alarm.compare(
                    peeked
                        .as_ref()
                        .ok()
                        .and_then(|peeked| peeked.get(n).copied()),
                );
            }
        }
    };
    let channel = keys::wake_channel(&services.redis);
    // For the subscriptions of all servers.
    let (published, ()) = tokio::join!(services.redis.publish(&channel, "sweep"), compare);
    if let Err(error) = published {
        tracing::debug!(%error, "wake-up channel failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rings(alarm: &Alarm) -> bool {
        let rung = tokio::time::timeout(Duration::ZERO, alarm.rung());
        rung.await.is_ok()
    }

    fn peeked(clock: Option<i64>) -> Option<Peeked> {
        Some(Peeked {
            clock,
            compared: None,
        })
    }

    #[tokio::test]
    async fn an_alarm_rings_for_what_its_driver_has_not_seen() {
        let alarms = Alarms::default();
        let alarm = alarms.add(ConcertId(7));
        alarms.ring("7 5");
        assert!(rings(&alarm).await && !rings(&alarm).await);
        alarm.saw(5);
        for known in ["7 4", "7 5", "8 6", "sweep", "7 x"] {
            alarms.ring(known);
            assert!(!rings(&alarm).await, "{known}");
        }
        alarms.ring("7 6");
        assert!(rings(&alarm).await);
        alarms.ring_all();
        assert!(rings(&alarm).await);
    }

    /// Whatever a sweep finds that the driver did not leave so: also an earlier clock, of a Redis that lost the last moments.
    #[tokio::test]
    async fn a_sweep_rings_for_what_was_not_heard() {
        let alarm = Alarm::default();
        alarm.saw(5);
        alarm.compare(peeked(Some(5)));
        assert!(!rings(&alarm).await);
        for differing in [peeked(Some(6)), peeked(Some(4)), peeked(None), None] {
            alarm.compare(differing);
            assert!(rings(&alarm).await, "{differing:?}");
        }
    }
}
