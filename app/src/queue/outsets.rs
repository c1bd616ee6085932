//! Forecasts for people who have just come to their place (server only): the plays that one is made of are the same for all with
//! about as many people ahead at the same pace, and at an opening those are thousands.

use model::forecast::{Forecast, Outset, Plays, Watch};
use moka::sync::Cache;
use std::sync::{Arc, LazyLock};

/// Outsets that are remembered, of 4 KB each: those of a queue of 100,000 are 2,800.
const REMEMBERED: u64 = 4_096;

static PLAYS: LazyLock<Cache<Outset, Arc<Plays>>> = LazyLock::new(|| Cache::new(REMEMBERED));

/// What may come, as [`Watch::forecast`] says.
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
