//! Which PostgreSQL writes, and what its clock says.

use crate::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Error, PgConnection, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

/// A server whose clock is off by more than this says so.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(2);

/// What this process knows of the PostgreSQL that it writes to: learnt with every new connection, before it is used, so that
/// no statement reaches a standby that was promoted before that is known here. Clones know the same.
#[derive(Clone, Debug)]
pub struct Primary {
    clock: Clock,
    /// The newest timeline. 0: not known, or this PostgreSQL has none to tell.
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

    /// Counts promotions: a standby that was promoted may lack the last commits of the primary before it, unless they were
    /// replicated synchronously.
    pub fn timeline(&self) -> i64 {
        self.timeline.load(Ordering::SeqCst)
    }

    /// Whether this machine's clock is off by so much that people should know.
    pub fn is_skewed(&self) -> bool {
        self.clock.skew().is_some_and(|skew| skew.abs() > MOST_SKEW)
    }

    /// Reads clock and timeline anew.
    pub async fn ask(&self, connection: &mut PgConnection) -> Result<()> {
        let asked = Instant::now();
        let (time, is_standby): (DateTime<Utc>, bool) =
            sqlx::query_as("SELECT clock_timestamp(), pg_is_in_recovery()")
                .fetch_one(&mut *connection)
                .await?;
        // Promoted under this connection it would write without having told its timeline.
        if is_standby {
            return Err(Error::Protocol("this PostgreSQL is a standby".into()));
        }
        self.clock.follow(asked, Instant::now(), time);
        self.note_skew();
        // The first eight hexadecimal digits of a WAL file's name. What PostgreSQL is to those who keep another log of their
        // own has no such names: an error, and no reason to do without it.
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

    /// Once when it begins, and once when it is over.
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
