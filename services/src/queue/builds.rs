//! Keeps track of the newest build of each queue. A Redis that comes back after another one has
//! served still has its former queue: whole, and the right one by everything that Redis itself
//! knows.

use super::scripts;
use crate::{Result, Services};
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The newest build of each queue that this server has heard of.
#[derive(Default)]
pub struct Builds(Mutex<HashMap<ConcertId, i64>>);

impl Builds {
    /// Returns `None` if this server has not heard of the queue yet.
    pub(super) fn newest(&self, concert: ConcertId) -> Option<i64> {
        self.lock().get(&concert).copied()
    }

    /// Notes a build and returns the newest one known, this one included.
    pub(super) fn hear(&self, concert: ConcertId, generation: i64) -> i64 {
        let mut builds = self.lock();
        let newest = builds.entry(concert).or_default();
        *newest = generation.max(*newest);
        *newest
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConcertId, i64>> {
        // The map stays consistent if a holder panics: no update under this lock is partial.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an answer from Redis is of the newest build of its queue. If it is not, it must be
/// neither shown nor acted upon, and the queue is built anew.
///
/// PostgreSQL is asked the first time, so that a server that has just started does not take an old
/// build for the newest. After that the survey reports what other servers have built.
pub async fn is_newest(services: &Services, concert: ConcertId, generation: i64) -> Result<bool> {
    if services.newest_builds.newest(concert).is_none() {
        let on_record =
            sqlx::query_scalar!("SELECT generation FROM concerts WHERE id = $1", concert.0)
                .fetch_optional(&services.engine)
                .await?;
        services
            .newest_builds
            .hear(concert, on_record.unwrap_or_default());
    }
    let newest = services.newest_builds.hear(concert, generation);
    if generation == newest {
        return Ok(true);
    }
    invalidate(services, concert, generation).await?;
    Ok(false)
}

/// Has a queue built anew, unless that has been done since.
pub async fn invalidate(services: &Services, concert: ConcertId, generation: i64) -> Result<()> {
    let invalidated: i64 =
        scripts::call(&services.redis, &scripts::INVALIDATE, concert, generation).await?;
    if invalidated == 1 {
        tracing::warn!(%concert, generation, "a queue of before is built anew");
    }
    Ok(())
}
