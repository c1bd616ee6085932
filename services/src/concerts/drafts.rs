//! Drafts: concerts that only their organiser and admins see until they are published.

use super::steering::record_one;
use super::{find, make, may_create, refuse_past, row_to_edit};
use crate::sessions::Session;
use crate::{Result, Services, stores};
use model::Refusal;
use model::concerts::{Concert, ConcertDetails, ConcertId};

/// Creates a draft; organisers and admins only, else [`Refusal::Forbidden`].
pub async fn draft(services: &Services, by: &Session, details: ConcertDetails) -> Result<Concert> {
    make(services, by, details, true).await
}

/// Returns the concert if `by` may change it, or `None` for a new concert if `by` may create one;
/// else [`Refusal::Forbidden`].
pub async fn may_save(
    services: &Services,
    by: &Session,
    id: Option<ConcertId>,
) -> Result<Option<Concert>> {
    match id {
        Some(id) => Ok(Some(row_to_edit(services, by, id).await?.try_into()?)),
        None if may_create(Some(by)) => Ok(None),
        None => Err(Refusal::Forbidden.into()),
    }
}

/// Returns the refusal that creating the concert, or changing `before` to it, would get now. Saves
/// nothing.
pub fn check(
    services: &Services,
    before: Option<&Concert>,
    details: &ConcertDetails,
) -> std::result::Result<(), Refusal> {
    let moved = before.is_none_or(|before| before.starts_at != details.starts_at);
    if moved {
        refuse_past(services, details.starts_at).map_err(|error| error.refusal())?;
    }
    match before.map(|before| before.issued) {
        Some(issued) if details.capacity < issued => Err(Refusal::CapacityBelowIssued { issued }),
        _ => Ok(()),
    }
}

/// Publishes a draft, permanently, and records that. Only for callers who may edit the concert,
/// else [`Refusal::Forbidden`].
///
/// A draft that would begin in the past is refused: its sale would be over at once. A concert that
/// is public already stays as it is, and nothing is recorded.
pub async fn publish(services: &Services, by: &Session, id: ConcertId) -> Result<Concert> {
    row_to_edit(services, by, id).await?;
    let now = services.clock.now();
    let mut transaction = stores::begin(&services.db).await?;
    let starts_at = sqlx::query_scalar!(
        "UPDATE concerts SET draft = false, updated_at = $2 WHERE id = $1 AND draft RETURNING starts_at",
        id.0,
        now
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(starts_at) = starts_at {
        refuse_past(services, starts_at)?;
        let published = ("published", "draft", "public");
        record_one(&mut transaction, by, id, now, published).await?;
    }
    transaction.commit().await?;
    find(services, id).await
}
