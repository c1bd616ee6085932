//! Steering a sale while it runs: pause, resume, close, a different pace or capacity; and the
//! record of who changed what, and when.

use super::{below_issued, find, row_to_edit, row_to_steer};
use crate::sessions::Session;
use crate::{Error, Result, Services, edits, queue};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::concerts::{Adjustment, Changed, Concert, ConcertId, SaleChange, SaleState, Steering};
use model::desk::{CapacityForm, PaceForm};
use sqlx::PgConnection;
use std::str::FromStr;

/// Pauses, resumes or closes a sale. Only for callers who may edit the concert, else
/// [`Refusal::Forbidden`].
///
/// Once this returns, no server issues a ticket against the new state, and the change is recorded.
/// Repeating it changes nothing and records nothing. Closing is permanent: pausing or resuming a
/// sale that is over is refused with [`Refusal::SaleClosed`]. A draft has no sale yet:
/// [`Refusal::NotFound`].
pub async fn steer(
    services: &Services,
    by: &Session,
    id: ConcertId,
    action: Steering,
) -> Result<Concert> {
    row_to_steer(services, by, id).await?;
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    let old = SaleSettings::lock(&mut transaction, id).await?;
    // A sale is over when its concert begins, also in the second before the scheduler closes it.
    let new = sqlx::query_as!(
        SaleSettings,
        "UPDATE concerts SET state = $2, updated_at = $3
          WHERE id = $1 AND state <> $2 AND state <> 'closed' AND (starts_at > $3 OR $2 = 'closed')
         RETURNING state, capacity, batch_size, interval_ms, sale_opens_at, starts_at",
        id.0,
        action.state().as_str(),
        now
    )
    .fetch_optional(&mut *transaction)
    .await?;
    match new {
        Some(new) => record(&mut transaction, by, id, now, &old, &new).await?,
        // Already in this state. The queue is synchronised nevertheless: the first call may have
        // been cut off before it could do so.
        None if old.state == action.state().as_str() => {}
        None => return Err(Refusal::SaleClosed.into()),
    }
    transaction.commit().await?;
    queue::sync(services, id).await?;
    find(services, id).await
}

/// Changes the pace or the capacity of a sale. Only for callers who may edit the concert, else
/// [`Refusal::Forbidden`].
///
/// The change takes effect with the next batch, on every server, and is recorded; an unchanged
/// value is not recorded again. Refused with [`Refusal::SaleClosed`] if the sale is over, with
/// [`Refusal::NotFound`] for a draft, and with [`Refusal::CapacityBelowIssued`] by a constraint of
/// the database.
pub async fn adjust(
    services: &Services,
    by: &Session,
    id: ConcertId,
    adjustment: Adjustment,
) -> Result<Concert> {
    adjust_from(services, by, id, |_| Ok(adjustment)).await
}

/// [`adjust`] with a pace from a form. `opened` is what the form said when it was opened: a field
/// that was not edited keeps its current value, and [`Refusal::ChangedMeanwhile`] names the fields
/// that another account has changed to something else.
pub async fn set_pace(
    services: &Services,
    by: &Session,
    id: ConcertId,
    opened: Option<&PaceForm>,
    typed: PaceForm,
) -> Result<Concert> {
    adjust_from(services, by, id, |now| match opened {
        Some(opened) => edits::set(opened, &typed, &PaceForm::from(now))?.parse(),
        None => typed.parse(),
    })
    .await
}

/// [`adjust`] to the capacity in a form; `opened` as in [`set_pace`].
pub async fn set_capacity(
    services: &Services,
    by: &Session,
    id: ConcertId,
    opened: Option<&CapacityForm>,
    typed: CapacityForm,
) -> Result<Concert> {
    adjust_from(services, by, id, |now| match opened {
        Some(opened) => edits::set(opened, &typed, &CapacityForm::from(now))?.parse(),
        None => typed.parse(),
    })
    .await
}

async fn adjust_from(
    services: &Services,
    by: &Session,
    id: ConcertId,
    adjustment: impl FnOnce(&SaleSettings) -> std::result::Result<Adjustment, Refusal>,
) -> Result<Concert> {
    let before = row_to_steer(services, by, id).await?;
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    let old = SaleSettings::lock(&mut transaction, id).await?;
    if old.state == SaleState::Closed.as_str() || old.starts_at <= now {
        return Err(Refusal::SaleClosed.into());
    }
    let (batch_size, interval_ms, capacity) = match adjustment(&old)? {
        Adjustment::Pace {
            batch_size,
            interval_ms,
        } => (Some(batch_size as i32), Some(interval_ms as i32), None),
        Adjustment::Capacity(capacity) => (None, None, Some(capacity as i32)),
    };
    let new = sqlx::query_as!(
        SaleSettings,
        "UPDATE concerts
            SET batch_size = COALESCE($2, batch_size), interval_ms = COALESCE($3, interval_ms),
                capacity = COALESCE($4, capacity), updated_at = $5
          WHERE id = $1
         RETURNING state, capacity, batch_size, interval_ms, sale_opens_at, starts_at",
        id.0,
        batch_size,
        interval_ms,
        capacity,
        now
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(|error| below_issued(error, before.issued as u32))?;
    record(&mut transaction, by, id, now, &old, &new).await?;
    transaction.commit().await?;
    queue::sync(services, id).await?;
    find(services, id).await
}

/// Returns the newest hundred changes of a sale, newest first. Only for callers who may edit the
/// concert, else [`Refusal::Forbidden`].
pub async fn changes(services: &Services, by: &Session, id: ConcertId) -> Result<Vec<SaleChange>> {
    row_to_edit(services, by, id).await?;
    sqlx::query!(
        r#"SELECT NULLIF(account.nickname, '') AS "nickname?", change.changed_at, change.field, change.old_value, change.new_value
             FROM sale_changes AS change LEFT JOIN accounts AS account ON account.id = change.changed_by
            WHERE change.concert_id = $1
            ORDER BY change.id DESC
            LIMIT 100"#,
        id.0
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .map(|row| {
        let changed = parse(&row.field, &row.old_value, &row.new_value).ok_or_else(|| {
            let (field, old, new) = (&row.field, &row.old_value, &row.new_value);
            Error::Broken(format!("unknown change of {field:?} from {old:?} to {new:?}"))
        })?;
        Ok(SaleChange {
            by: row.nickname,
            at: row.changed_at,
            changed,
        })
    })
    .collect()
}

/// The settings of a sale that can change while it runs, as stored.
pub(super) struct SaleSettings {
    pub state: String,
    pub capacity: i32,
    pub batch_size: i32,
    pub interval_ms: i32,
    pub sale_opens_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
}

impl From<&SaleSettings> for PaceForm {
    fn from(now: &SaleSettings) -> PaceForm {
        PaceForm {
            batch_size: now.batch_size.to_string(),
            interval_ms: now.interval_ms.to_string(),
        }
    }
}

impl From<&SaleSettings> for CapacityForm {
    fn from(now: &SaleSettings) -> CapacityForm {
        CapacityForm {
            capacity: now.capacity.to_string(),
        }
    }
}

impl SaleSettings {
    /// Reads the settings and locks them until the transaction ends.
    pub async fn lock(transaction: &mut PgConnection, id: ConcertId) -> Result<SaleSettings> {
        // NO KEY: joins and tickets reference this row and need not wait.
        let settings = sqlx::query_as!(
            SaleSettings,
            "SELECT state, capacity, batch_size, interval_ms, sale_opens_at, starts_at
               FROM concerts WHERE id = $1 FOR NO KEY UPDATE",
            id.0
        )
        .fetch_optional(transaction)
        .await?;
        Ok(settings.ok_or(Refusal::NotFound)?)
    }

    /// Returns field, old and new value of each difference, as [`parse`] reads them.
    fn differences(&self, new: &SaleSettings) -> Vec<(&'static str, String, String)> {
        [
            ("state", self.state.clone(), new.state.clone()),
            (
                "capacity",
                self.capacity.to_string(),
                new.capacity.to_string(),
            ),
            (
                "batch_size",
                self.batch_size.to_string(),
                new.batch_size.to_string(),
            ),
            (
                "interval_ms",
                self.interval_ms.to_string(),
                new.interval_ms.to_string(),
            ),
            (
                "sale_opens_at",
                self.sale_opens_at.to_rfc3339(),
                new.sale_opens_at.to_rfc3339(),
            ),
            (
                "starts_at",
                self.starts_at.to_rfc3339(),
                new.starts_at.to_rfc3339(),
            ),
        ]
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .collect()
    }
}

/// Records what `by` changed, one row per field; in the transaction that makes the change, with the
/// concert's row locked.
pub(super) async fn record(
    transaction: &mut PgConnection,
    by: &Session,
    id: ConcertId,
    at: DateTime<Utc>,
    old: &SaleSettings,
    new: &SaleSettings,
) -> Result<()> {
    for (field, old, new) in old.differences(new) {
        record_one(transaction, by, id, at, (field, &old, &new)).await?;
    }
    Ok(())
}

/// Records one change: field, old and new value, as [`parse`] reads them.
pub(super) async fn record_one(
    transaction: &mut PgConnection,
    by: &Session,
    id: ConcertId,
    at: DateTime<Utc>,
    (field, old, new): (&str, &str, &str),
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO sale_changes (concert_id, changed_by, changed_at, field, old_value, new_value)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id.0,
        by.account_id.0,
        at,
        field,
        old,
        new
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Parses a change as it is stored.
fn parse(field: &str, old: &str, new: &str) -> Option<Changed> {
    fn both<T: FromStr>(old: &str, new: &str) -> Option<(T, T)> {
        old.parse().ok().zip(new.parse().ok())
    }
    Some(match field {
        "state" => Changed::State {
            old: SaleState::parse(old)?,
            new: SaleState::parse(new)?,
        },
        "capacity" => both(old, new).map(|(old, new)| Changed::Capacity { old, new })?,
        "batch_size" => both(old, new).map(|(old, new)| Changed::BatchSize { old, new })?,
        "interval_ms" => both(old, new).map(|(old, new)| Changed::IntervalMs { old, new })?,
        "sale_opens_at" => both(old, new).map(|(old, new)| Changed::SaleOpensAt { old, new })?,
        "published" => Changed::Published,
        "starts_at" => both(old, new).map(|(old, new)| Changed::StartsAt { old, new })?,
        _ => return None,
    })
}
