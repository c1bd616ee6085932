//! Cached places, moved on by the ticks since they were read: for clients that poll every few
//! seconds, as exact as a stream, and without a call to a store.

use super::hub::TickHub;
use crate::{MOST_KNOWN, Result, Services};
use chrono::TimeDelta;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::{QueueView, Standing, TickId};
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Age up to which a page that is opened again shows the cached place, moved on by the ticks since.
const LOOKED: TimeDelta = TimeDelta::seconds(1);

/// The places of the accounts that asked this server. A place that was not asked for in a long time
/// is older than the ticks that are kept ([`TickHub`] drops them a minute after the last query) and
/// is read anew; it stays until another one replaces it.
pub struct Places(Cache<(ConcertId, AccountId), Arc<QueueView>>);

impl Default for Places {
    fn default() -> Places {
        Places(Cache::new(MOST_KNOWN as usize))
    }
}

impl Places {
    /// Returns the place as of the newest tick that this server knows, or `None` if it has to be
    /// read.
    fn moved_on(
        &self,
        ticks: &TickHub,
        account: AccountId,
        concert: ConcertId,
    ) -> Option<QueueView> {
        let known = self.0.get(&(concert, account))?;
        let missed = ticks.since(concert, known.tick)?;
        let mut view = QueueView::clone(&known);
        for event in &missed {
            view.apply(&event.tick);
        }
        if !matches!(view.standing, Standing::Waiting { .. }) {
            return None;
        }
        if !missed.is_empty() {
            self.keep(account, &view);
        }
        Some(view)
    }

    /// Forgets a place after the account has done something here that the ticks do not report yet.
    pub(super) fn forget(&self, account: AccountId, concert: ConcertId) {
        self.0.remove(&(concert, account));
    }

    /// Keeps the place of an account that waits, and drops any other: only a waiting place moves on
    /// by ticks alone.
    pub(crate) fn keep(&self, account: AccountId, view: &QueueView) {
        let key = (view.concert_id, account);
        match view.standing {
            Standing::Waiting { .. } => self.0.insert(key, Arc::new(view.clone())),
            _ => drop(self.0.remove(&key)),
        }
    }
}

/// Returns where the account stands, for a client that knows it as of `seen`: as of that tick or a
/// newer one.
///
/// Like a stream, and unlike [`super::view`], this reflects what the account has just done on
/// another server only with the next tick, a second later at most.
pub async fn glance(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
    seen: TickId,
) -> Result<QueueView> {
    let known = services.places.moved_on(&services.ticks, account, concert);
    if let Some(view) = known.filter(|view| view.tick >= seen) {
        return Ok(QueueView {
            server_time: services.clock.now(),
            ..view
        });
    }
    let view = Box::pin(super::view(services, account, concert)).await?;
    services.places.keep(account, &view);
    Ok(view)
}

/// Returns where the account stands, for its page: like [`super::view`], except that neither store
/// is asked again about a place that was read here within the last second.
///
/// All ticks are still reflected, and so is what the account does on this server. What it has done
/// on another one shows after a second.
pub async fn look(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let now = services.clock.now();
    let known = services.places.moved_on(&services.ticks, account, concert);
    // A place keeps the time at which it was read from the stores; ticks update everything else.
    // After a clock was set back nothing is recent.
    let recent = |at| (TimeDelta::zero()..LOOKED).contains(&(now - at));
    if let Some(view) = known.filter(|view| recent(view.server_time)) {
        return Ok(QueueView {
            server_time: now,
            ..view
        });
    }
    let view = Box::pin(super::view(services, account, concert)).await?;
    services.places.keep(account, &view);
    Ok(view)
}
