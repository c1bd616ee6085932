//! Wake-ups: how the drivers of all servers hear that a queue has something to do, while they sleep
//! at no cost.
//!
//! The scripts publish a wake-up for everything that a sleeping driver does not know: the first
//! place in a queue, a tick, a sale that was steered. Messages may be lost. So every server reads
//! the clocks of all its queues every two seconds, which advance with every change: a lost message
//! costs two seconds, or as long as the sweep takes.

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

/// Interval between sweeps, which read all queues: the most that a lost wake-up costs.
pub const SWEEP: Duration = Duration::from_secs(2);

/// Silence after which a subscription is considered broken: every server publishes a message with
/// each sweep.
const SILENCE: Duration = Duration::from_secs(10);

/// Delay between two attempts to subscribe.
const RESUBSCRIBE: Duration = Duration::from_millis(250);

/// What one driver sleeps on.
#[derive(Debug, Default)]
pub struct Alarm {
    /// The newest wake-up received: an instant of the queue's clock (µs).
    told: AtomicI64,
    /// The queue's clock when the driver last looked.
    seen: AtomicI64,
    /// The driver must look, regardless of `told` and `seen`.
    anyway: AtomicBool,
    /// The sale is over: there is nothing to compare.
    over: AtomicBool,
    notify: Notify,
    peeked: Mutex<Option<Peeked>>,
}

impl Alarm {
    /// Notes a wake-up that was published, and notifies the driver.
    fn ring(&self, number: i64) {
        self.told.fetch_max(number, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// Wakes the driver because it may have missed something.
    fn ring_anyway(&self) {
        self.anyway.store(true, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// Notes that the driver has looked, and knows everything up to this instant. It may be an
    /// earlier one than before if Redis has lost its last moments.
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

    /// Returns what the last sweep read of the queue, or `None` if the queue could not be read.
    pub fn peeked(&self) -> Option<Peeked> {
        *self.lock()
    }

    /// Notes what a sweep read, and wakes the driver if the queue is not as the driver left it.
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

    /// Removes the alarms of concerts for which `active` returns `false`.
    pub fn retain(&self, active: impl Fn(ConcertId) -> bool) {
        self.lock().retain(|concert, _| active(*concert));
    }

    /// Returns all alarms, ordered by concert.
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
        // A message without a number only shows that the subscription works.
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
        // The map stays consistent if a holder panics: no update under this lock is partial.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands wake-ups to the drivers until `stop`. All drivers are woken when the subscription breaks,
/// since Redis may be down, and when it is restored, since they may have missed something.
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

/// Sweeps every [`SWEEP`], until `stop`, to find what the drivers did not hear of.
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
                // If a queue could not be read, its driver finds out why and reports it.
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
    // Keeps the subscriptions of all servers alive, which count as broken after `SILENCE`.
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

    /// A sweep wakes the driver for every clock other than the one it left, also for an earlier
    /// one, from a Redis that lost its last moments.
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
