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
    /// 0: this server has not heard of the queue yet.
    pub(super) fn newest(&self, concert: ConcertId) -> i64 {
        self.lock().get(&concert).copied().unwrap_or_default()
    }

    fn hear(&self, concert: ConcertId, generation: i64) {
        let mut builds = self.lock();
        let newest = builds.entry(concert).or_default();
        *newest = generation.max(*newest);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConcertId, i64>> {
        // A panic elsewhere leaves the map whole: nothing is half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what Redis says of a queue is of its newest build. If it is not, nothing of it may be shown or carried out, and the
/// queue is built anew.
///
/// PostgreSQL is asked once for each queue, so that a server that has just started does not take an old one for the newest.
pub async fn is_newest(services: &Services, concert: ConcertId, generation: i64) -> Result<bool> {
    if services.newest_builds.newest(concert) == 0 {
        let on_record =
            sqlx::query_scalar!("SELECT generation FROM concerts WHERE id = $1", concert.0)
                .fetch_optional(&services.engine)
                .await?;
        services
            .newest_builds
            .hear(concert, on_record.unwrap_or_default());
    }
    services.newest_builds.hear(concert, generation);
    let newest = services.newest_builds.newest(concert);
    if generation == newest {
        return Ok(true);
    }
    tracing::warn!(%concert, generation, newest, "a queue of before is built anew");
    scripts::call::<i64>(&services.redis, &scripts::INVALIDATE, concert, generation).await?;
    Ok(false)
}
