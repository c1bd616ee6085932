//! The PostgreSQL primary: its timeline and its clock.

use crate::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Error, PgConnection, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

/// Upper bound on the skew of a server's clock that is not reported.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(2);

/// What this process knows of the PostgreSQL that it writes to. Every new connection updates it
/// before use, so that no statement reaches a promoted standby before the promotion is known here.
/// Clones share the state.
#[derive(Clone, Debug)]
pub struct Primary {
    clock: Clock,
    /// The newest timeline. 0 if it is not known, or if this PostgreSQL does not report one.
    timeline: Arc<AtomicI64>,
    skewed: Arc<AtomicBool>,
}

impl Primary {
    pub fn new(clock: Clock) -> Primary {
        Primary {
            clock,
            timeline: Arc::default(),
            skewed: Arc::default(),
        }
    }

    /// Returns the timeline, which counts promotions: a promoted standby may lack the last commits
    /// of the primary before it, unless they were replicated synchronously.
    pub fn timeline(&self) -> i64 {
        self.timeline.load(Ordering::SeqCst)
    }

    /// Returns whether this machine's clock is off by so much that it should be reported.
    pub fn is_skewed(&self) -> bool {
        self.clock.skew().is_some_and(|skew| skew.abs() > MOST_SKEW)
    }

    /// Reads clock and timeline.
    pub async fn ask(&self, connection: &mut PgConnection) -> Result<()> {
        let asked = Instant::now();
        let (time, is_standby): (DateTime<Utc>, bool) =
            sqlx::query_as("SELECT clock_timestamp(), pg_is_in_recovery()")
                .fetch_one(&mut *connection)
                .await?;
        // If promoted later, it would accept writes on this connection without having reported its
        // timeline.
        if is_standby {
            return Err(Error::Protocol("this PostgreSQL is a standby".into()));
        }
        self.clock.follow(asked, Instant::now(), time);
        self.note_skew();
        // The first eight hexadecimal digits of a WAL file's name. Databases that are compatible
        // with PostgreSQL but keep a different log have no such names: they return an error, which
        // is no reason to reject them.
        let timeline = sqlx::query_scalar(
            "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint",
        );
        match timeline.fetch_one(connection).await {
            Ok(timeline) => drop(self.timeline.fetch_max(timeline, Ordering::SeqCst)),
            Err(Error::Database(error)) => {
                tracing::debug!(%error, "PostgreSQL's timeline is not known");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Logs once when the skew begins, and once when it is over.
    fn note_skew(&self) {
        let skewed = self.is_skewed();
        if self.skewed.swap(skewed, Ordering::Relaxed) != skewed {
            let ahead_ms = self.clock.skew().map(|skew| skew.num_milliseconds());
            match skewed {
                true => {
                    tracing::warn!(ahead_ms, "this machine's clock is not that of PostgreSQL");
                }
                false => tracing::info!(ahead_ms, "this machine's clock is right again"),
            }
        }
    }
}
