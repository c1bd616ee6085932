//! The places that an account has, in all queues.

use crate::sessions::Session;
use crate::{Result, Services, concerts};
use model::queue::{Arrival, HeldPlace};
use std::collections::HashMap;

/// Upper bound on places listed.
const MOST_LISTED: i64 = 100;

/// Returns the caller's places, the one taken last first. [`super::view`] returns the standing of
/// each.
pub async fn held(services: &Services, session: &Session) -> Result<Vec<HeldPlace>> {
    let places = sqlx::query!(
        "SELECT concert_id, arrival FROM queue_entries
          WHERE account_id = $1 AND state = 'waiting'
          ORDER BY arrival DESC
          LIMIT $2",
        session.account_id.0,
        MOST_LISTED
    )
    .fetch_all(&services.db)
    .await?;
    let ids: Vec<i64> = places.iter().map(|place| place.concert_id).collect();
    let mut arrivals: HashMap<i64, i64> = places
        .into_iter()
        .map(|place| (place.concert_id, place.arrival))
        .collect();
    let concerts = concerts::by_ids(services, &ids).await?.into_iter();
    Ok(concerts
        .filter_map(|concert| {
            let arrival = Arrival(arrivals.remove(&concert.id.0)?);
            Some(HeldPlace { concert, arrival })
        })
        .collect())
}
