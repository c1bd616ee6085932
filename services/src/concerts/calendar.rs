//! The version of a concert's calendar entry, by which a calendar tells a later update from an
//! earlier one.

use crate::{Result, Services};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::concerts::ConcertId;

/// Version of what calendars show of a concert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarVersion {
    /// Increases with each change of what calendars show, and with no other change: a trigger
    /// counts it.
    pub sequence: u32,
    /// Time of the last such change.
    pub changed_at: DateTime<Utc>,
}

/// Returns the current version of the concert, or [`Refusal::NotFound`].
///
/// Must be read before the concert itself: a change between the two reads is then sent with the
/// previous number, and again later with its own. In the reverse order, a calendar would take its
/// outdated entry for the newest.
pub async fn calendar_version(services: &Services, id: ConcertId) -> Result<CalendarVersion> {
    let row = sqlx::query!(
        r#"SELECT calendar_sequence, COALESCE(calendar_changed_at, created_at) AS "changed_at!"
             FROM concerts WHERE id = $1"#,
        id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    Ok(CalendarVersion {
        sequence: row.calendar_sequence as u32,
        changed_at: row.changed_at,
    })
}
