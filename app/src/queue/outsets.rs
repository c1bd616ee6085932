//! Forecasts for places that were just taken (server only). Their plays are the same for all places
//! with about as many people ahead at the same pace, and at an opening thousands of places share
//! them.

use model::forecast::{Forecast, Outset, Plays, Watch};
use moka::sync::Cache;
use std::sync::{Arc, LazyLock};

/// Upper bound on cached outsets, of 4 KB each. A queue of 100,000 has 2,800 of them.
const REMEMBERED: u64 = 4_096;

static PLAYS: LazyLock<Cache<Outset, Arc<Plays>>> = LazyLock::new(|| Cache::new(REMEMBERED));

/// Like [`Watch::forecast`], with plays from the cache.
pub(super) fn forecast(watch: &Watch) -> Option<Forecast> {
    let Some(outset) = watch.outset() else {
        return watch.forecast();
    };
    if let Some(plays) = PLAYS.get(&outset) {
        return watch.forecast_of(&plays);
    }
    let plays = Arc::new(watch.plays()?);
    PLAYS.insert(outset, plays.clone());
    watch.forecast_of(&plays)
}
