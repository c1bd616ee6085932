//! Public concerts, for sitemaps.

use crate::{Result, Services};
use chrono::{DateTime, Utc};
use model::concerts::ConcertId;

/// A concert's page in a sitemap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: ConcertId,
    pub title: String,
    pub updated_at: DateTime<Utc>,
}

/// Returns the number of public concerts.
pub async fn count(services: &Services) -> Result<u64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM concerts WHERE rehearsal_of IS NULL AND NOT draft"#
    )
    .fetch_one(&services.db)
    .await?;
    Ok(count as u64)
}

/// Returns at most `most` public concerts after the first `after`, oldest first.
pub async fn listed(services: &Services, after: u64, most: u64) -> Result<Vec<Listed>> {
    let rows = sqlx::query!(
        "SELECT id, title, updated_at FROM concerts WHERE rehearsal_of IS NULL AND NOT draft ORDER BY id OFFSET $1 LIMIT $2",
        after as i64,
        most as i64
    )
    .fetch_all(&services.db)
    .await?;
    let listed = rows.into_iter().map(|row| Listed {
        id: ConcertId(row.id),
        title: row.title,
        updated_at: row.updated_at,
    });
    Ok(listed.collect())
}
