//! What the queue needs to know of a concert.

use crate::Result;
use chrono::{DateTime, Utc};
use model::Refusal;
use model::concerts::ConcertId;
use sqlx::{PgExecutor, PgPool};
use std::time::Duration;

/// The part of a concert that controls its queue, as of one revision of the row.
#[derive(Clone, Debug)]
pub struct SaleRow {
    pub id: i64,
    pub revision: i64,
    /// The newest build of the queue.
    pub generation: i64,
    pub state: String,
    pub stock: i32,
    pub batch_size: i32,
    pub interval_ms: i32,
    pub opens_at: DateTime<Utc>,
    pub closes_at: DateTime<Utc>,
}

impl SaleRow {
    /// Returns the sale of one concert. An unknown one is refused with [`Refusal::NotFound`].
    pub async fn find(db: impl PgExecutor<'_>, concert: ConcertId) -> Result<SaleRow> {
        let row = sqlx::query_as!(
            SaleRow,
            r#"SELECT id, revision, generation, state, capacity - issued AS "stock!", batch_size, interval_ms,
                      sale_opens_at AS opens_at, starts_at AS closes_at
                 FROM concerts WHERE id = $1"#,
            concert.0
        )
        .fetch_optional(db)
        .await?;
        Ok(row.ok_or(Refusal::NotFound)?)
    }

    /// Returns the sales that are open, or open within a minute, and those that are watched.
    pub async fn active(db: &PgPool, now: DateTime<Utc>, watched: &[i64]) -> Result<Vec<SaleRow>> {
        Ok(sqlx::query_as!(
            SaleRow,
            r#"SELECT id, revision, generation, state, capacity - issued AS "stock!", batch_size, interval_ms,
                      sale_opens_at AS opens_at, starts_at AS closes_at
                 FROM concerts
                WHERE (state <> 'closed' AND sale_opens_at <= $1::timestamptz + interval '1 minute' AND NOT draft)
                   OR id = ANY($2)
                ORDER BY id"#,
            now,
            watched
        )
        .fetch_all(db)
        .await?)
    }

    pub fn concert(&self) -> ConcertId {
        ConcertId(self.id)
    }

    /// The least time between two batches.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms.max(0) as u64)
    }

    /// Returns the arguments that the scripts expect: revision, state, stock, batch_size,
    /// interval_ms, opens_at, closes_at.
    pub fn arguments(&self) -> Vec<String> {
        vec![
            self.revision.to_string(),
            self.state.clone(),
            self.stock.to_string(),
            self.batch_size.to_string(),
            self.interval_ms.to_string(),
            self.opens_at.timestamp_micros().to_string(),
            self.closes_at.timestamp_micros().to_string(),
        ]
    }
}
