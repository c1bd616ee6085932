//! Which build of each queue is the newest. A Redis that comes back after another one has served still has the one of before: whole,
//! and by all that Redis itself knows the right one.

use super::scripts;
use crate::{Result, Services};
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The newest build of each queue that this server has heard of.
#[derive(Default)]
pub struct Builds(Mutex<HashMap<ConcertId, i64>>);

impl Builds {
    /// None: this server has not heard of the queue yet.
    pub(super) fn newest(&self, concert: ConcertId) -> Option<i64> {
        self.lock().get(&concert).copied()
    }

    /// Returns the newest one, this one included.
    pub(super) fn hear(&self, concert: ConcertId, generation: i64) -> i64 {
        let mut builds = self.lock();
        let newest = builds.entry(concert).or_default();
        *newest = generation.max(*newest);
        *newest
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConcertId, i64>> {
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what Redis says of a queue is of its newest build. If it is not, nothing of it may be shown or carried out, and the
/// queue is built anew.
///
/// PostgreSQL is asked the first time, so that a server that has just started does not take an old one for the newest; after
/// that the survey tells what other servers have built.
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

/// Has a queue built anew, unless it has been since.
pub async fn invalidate(services: &Services, concert: ConcertId, generation: i64) -> Result<()> {
    let invalidated: i64 =
        scripts::call(&services.redis, &scripts::INVALIDATE, concert, generation).await?;
    if invalidated == 1 {
        tracing::warn!(%concert, generation, "a queue of before is built anew");
    }
    Ok(())
}
