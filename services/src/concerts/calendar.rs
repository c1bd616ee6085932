//! What a calendar has to know of a concert to tell a later word of it from an earlier one.

use crate::{Result, Services};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::concerts::ConcertId;

/// Which of all the things that were ever said of a concert in a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarVersion {
    /// Rises with each change of what calendars say, and stays with every other: a trigger counts it.
    pub sequence: u32,
    /// Since when it has been so.
    pub changed_at: DateTime<Utc>,
}

/// The version that the concert is in, or [`Refusal::NotFound`].
///
/// To be read before the concert itself: what is changed in between then goes out under the number of before, and again under its
/// own. The other way round, a calendar would take what it has for the newest.
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
