//! Numbers of sign-ups, active accounts and accounts online.

use crate::sessions::{self, Session};
use crate::{Result, Services};
use chrono::{Days, NaiveDate};
use model::admin::{Attendance, Day};

/// Returns the sign-ups and active accounts of the last seven days, and how many are online.
/// Rehearsals do not count.
pub async fn attendance(services: &Services, by: &Session) -> Result<Attendance> {
    by.require_admin()?;
    let today = model::time::day(services.clock.now());
    let first = today
        .checked_sub_days(Days::new(6))
        .unwrap_or(NaiveDate::MIN);
    let days = sqlx::query!(
        r#"SELECT day::date AS "day!",
                  (SELECT count(*) FROM accounts
                    WHERE rehearsal_id IS NULL
                      AND created_at >= day AT TIME ZONE 'Asia/Seoul'
                      AND created_at < (day + interval '1 day') AT TIME ZONE 'Asia/Seoul') AS "signed_up!",
                  (SELECT count(*) FROM active_days WHERE active_days.day = series.day::date) AS "active!"
             FROM generate_series($1::date::timestamp, $2::date::timestamp, interval '1 day') AS series (day)
            ORDER BY day"#,
        first,
        today
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .map(|row| Day {
        day: row.day,
        signed_up: row.signed_up as u64,
        active: row.active as u64,
    })
    .collect();
    let online = sessions::count_online(services).await;
    if let Err(error) = &online {
        tracing::warn!(%error, "who is online cannot be told");
    }
    Ok(Attendance {
        days,
        online: online.ok(),
    })
}
