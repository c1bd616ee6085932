//! Removing rehearsals.

use crate::{Result, Services, queue, sessions};
use model::concerts::ConcertId;

/// Removes the rehearsals that are over and were not ended.
pub(super) async fn abandoned(services: &Services) -> Result<()> {
    let over = sqlx::query_scalar!(
        "SELECT id FROM concerts WHERE rehearsal_of IS NOT NULL AND starts_at <= $1",
        services.clock.now()
    )
    .fetch_all(&services.db)
    .await?;
    for rehearsal in over {
        tracing::info!(rehearsal, "a rehearsal that nobody has ended is taken away");
        all(services, ConcertId(rehearsal)).await?;
    }
    Ok(())
}

/// Ends the sale: nothing is issued or recorded any more, so that nothing refers to rows that are
/// deleted next.
async fn close(services: &Services, rehearsal: ConcertId) -> Result<()> {
    // Closed: no batch that is in flight is issued. New generation: no place given before is
    // recorded.
    sqlx::query!(
        "UPDATE concerts SET state = 'closed', generation = generation + 1 WHERE id = $1 AND rehearsal_of IS NOT NULL",
        rehearsal.0
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

/// Deletes the copy, its accounts and everything that they did. Can be repeated if it was cut off,
/// as long as the copy exists; the copy is deleted last.
pub(super) async fn all(services: &Services, rehearsal: ConcertId) -> Result<()> {
    close(services, rehearsal).await?;
    let sids = sqlx::query_scalar!(
        "SELECT sid FROM sessions JOIN accounts ON accounts.id = sessions.account_id WHERE rehearsal_id = $1",
        rehearsal.0
    )
    .fetch_all(&services.db)
    .await?;
    sessions::forget_all(services, &sids).await?;
    queue::forget(services, rehearsal).await?;
    let mut transaction = crate::stores::begin(&services.db).await?;
    // Locked first, as every change of what belongs to a concert does, to prevent deadlocks.
    sqlx::query!(
        "SELECT id FROM concerts WHERE id = $1 AND rehearsal_of IS NOT NULL FOR UPDATE",
        rehearsal.0
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(model::Refusal::NotFound)?;
    sqlx::query!("DELETE FROM tickets WHERE concert_id = $1", rehearsal.0)
        .execute(&mut *transaction)
        .await?;
    sqlx::query!(
        "DELETE FROM queue_entries WHERE concert_id = $1",
        rehearsal.0
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!(
        "DELETE FROM sale_changes WHERE concert_id = $1",
        rehearsal.0
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("DELETE FROM accounts WHERE rehearsal_id = $1", rehearsal.0)
        .execute(&mut *transaction)
        .await?;
    sqlx::query!("DELETE FROM concerts WHERE id = $1", rehearsal.0)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    // A request may have read the queue meanwhile and had it built again. It would stay for a day.
    if let Err(error) = queue::forget(services, rehearsal).await {
        tracing::warn!(%rehearsal, %error, "the queue of a rehearsal stays in Redis for a day");
    }
    Ok(())
}
