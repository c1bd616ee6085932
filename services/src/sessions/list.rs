//! Where an account is logged in.

use super::presence::last_seen;
use super::{REFRESH_LIFE, Session, device};
use crate::{Result, Services};
use model::sessions::{Misuse, SessionEntry, Sessions};

/// The open sessions of whoever asks, and whether one was ended because its key was used twice.
pub async fn list(services: &Services, session: &Session) -> Result<Sessions> {
    let now = services.clock.now();
    let rows = sqlx::query!(
        "SELECT sid, device, address, created_at, rotated_at FROM sessions
          WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2",
        session.account_id.0,
        now
    )
    .fetch_all(&services.db)
    .await?;
    let sids: Vec<String> = rows.iter().map(|row| row.sid.clone()).collect();
    // The list is there also while Redis is not: then it says what PostgreSQL knows.
    let seen = last_seen(services, &sids).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "when sessions were last used cannot be told");
        vec![None; sids.len()]
    });
    let mut open: Vec<SessionEntry> = rows
        .into_iter()
        .zip(seen)
        .map(|(row, seen)| SessionEntry {
            current: row.sid == session.sid,
            sid: row.sid,
            device: device::name(&row.device),
            created_at: row.created_at,
            last_seen_at: seen.as_ref().map_or(row.rotated_at, |seen| seen.at),
            address: seen.map_or(row.address, |seen| seen.address.to_string()),
        })
        .collect();
    open.sort_by_key(|entry| (!entry.current, std::cmp::Reverse(entry.last_seen_at)));
    let misused = sqlx::query!(
        r#"SELECT device, ended_at AS "at!" FROM sessions
            WHERE account_id = $1 AND ended_by = 'reuse' AND ended_at > $2
            ORDER BY ended_at DESC LIMIT 1"#,
        session.account_id.0,
        now - REFRESH_LIFE
    )
    .fetch_optional(&services.db)
    .await?;
    Ok(Sessions {
        open,
        misused: misused.map(|row| Misuse {
            device: device::name(&row.device),
            at: row.at,
        }),
    })
}
