//! Lists the sessions of an account.

use super::{REFRESH_LIFE, SESSIONS_MAX, Session, device};
use crate::{Result, Services};
use model::sessions::{Misuse, SessionEntry, Sessions};

/// Returns the open sessions of the caller's account, and whether a session was ended because its
/// refresh token was used twice.
pub async fn list(services: &Services, session: &Session) -> Result<Sessions> {
    let now = services.clock.now();
    let rows = sqlx::query!(
        "SELECT sid, device, address, created_at, seen_at FROM sessions
          WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
          ORDER BY sid = $3 DESC, seen_at DESC LIMIT $4",
        session.account_id.0,
        now,
        session.sid,
        i64::from(SESSIONS_MAX)
    )
    .fetch_all(&services.db)
    .await?;
    let open: Vec<SessionEntry> = rows
        .into_iter()
        .map(|row| SessionEntry {
            current: row.sid == session.sid,
            sid: row.sid,
            device: device::name(&row.device),
            address: row.address,
            created_at: row.created_at,
            last_seen_at: row.seen_at,
        })
        .collect();
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
