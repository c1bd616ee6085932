//! The concerts of an organiser.

use super::{ConcertRow, may_create};
use crate::sessions::Session;
use crate::{Result, Services};
use model::Refusal;
use model::accounts::Role;
use model::concerts::{Concert, MyConcerts, Phase};

/// Upper bound on concerts listed.
const MOST_LISTED: i64 = 200;

/// Returns the concerts that `by` created, and for an admin all drafts as well. Drafts come first,
/// those changed last at the top; then concerts that are on sale or will be, by the opening of the
/// sale; then concerts that are over, latest first.
///
/// [`Refusal::Forbidden`] for callers who may not create concerts.
pub async fn mine(services: &Services, by: &Session) -> Result<MyConcerts> {
    if !may_create(Some(by)) {
        return Err(Refusal::Forbidden.into());
    }
    let rows = sqlx::query_as!(
        ConcertRow,
        "SELECT id, title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description, capacity,
                issued, sale_opens_at, state, batch_size, interval_ms, created_by, poster, draft
           FROM concerts
          WHERE rehearsal_of IS NULL AND (created_by = $2 OR ($1 AND draft))
          ORDER BY draft DESC, CASE WHEN draft THEN updated_at ELSE starts_at END DESC, id DESC
          LIMIT $3",
        by.role == Role::Admin,
        by.account_id.0,
        MOST_LISTED
    )
    .fetch_all(&services.db)
    .await?;
    let server_time = services.clock.now();
    let mut concerts: Vec<Concert> = rows
        .into_iter()
        .map(Concert::try_from)
        .collect::<Result<_>>()?;
    // The sort is stable: drafts, and concerts that are over, keep the order of the query.
    concerts.sort_by_key(|concert| match concert.draft {
        true => (0, None),
        false if concert.phase(server_time) == Phase::Over => (2, None),
        false => (1, Some(concert.sale_opens_at)),
    });
    Ok(MyConcerts {
        concerts,
        server_time,
    })
}
