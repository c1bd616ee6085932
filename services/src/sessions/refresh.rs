//! Refresh: exchanges a refresh token for new tokens.

use super::log_in::hand_out;
use super::log_out::end;
use super::tokens::RefreshToken;
use super::{ROTATION_GRACE, SessionRow, Tokens, is_known, store};
use crate::{Client, Error, MOST_KNOWN, Result, Services, limits};
use model::Refusal;
use model::sessions::EndReason;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the lock of a session is kept after its last use: longer than a refresh takes.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// Locks of the sessions that this process is refreshing.
pub struct Refreshing(Cache<String, Arc<Mutex<()>>>);

impl Default for Refreshing {
    fn default() -> Refreshing {
        Refreshing(
            Cache::builder()
                .max_capacity(MOST_KNOWN)
                .time_to_idle(FORGOTTEN)
                .build(),
        )
    }
}

impl Refreshing {
    fn of(&self, sid: &str) -> Arc<Mutex<()>> {
        self.0.get_with_by_ref(sid, Arc::default)
    }
}

/// Returns new tokens for a refresh token, which is thereby used up.
///
/// Presented again within a minute, it gives the same successor again: for parallel requests of a
/// browser, or an answer that was lost. Presented later, it was stolen or copied, and the session
/// ends, as it does for any older token of ours.
///
/// [`Refusal::NotLoggedIn`], or [`Refusal::SessionEnded`] if the reason is known.
/// [`Refusal::TooManyRequests`] for too many refreshes from one address or of one session, which
/// use up nothing.
pub async fn refresh(services: &Services, from: &Client, refresh_token: &str) -> Result<Tokens> {
    let now = services.clock.now();
    let presented = RefreshToken::parse(refresh_token).ok_or(Refusal::NotLoggedIn)?;
    limits::refresh(services, from).await?;
    if !is_ours(services, &presented).await? {
        return Err(Refusal::NotLoggedIn.into());
    }
    // Before the row is locked: refused requests hold no connection to PostgreSQL.
    limits::refresh_of(services, presented.sid()).await?;
    // One at a time in this process, so that requests waiting for the session's row hold one
    // connection in all.
    let turn = services.refreshing.of(presented.sid());
    let _turn = turn.lock().await;
    // The row stays locked until Redis has the session: a log-out that arrives meanwhile waits, and
    // then ends it.
    let mut transaction = crate::stores::begin(&services.db).await?;
    let record = sqlx::query!(
        "SELECT account_id, refresh_hash, previous_hash, rotated_at, device, created_at, expires_at, ended_by
           FROM sessions WHERE sid = $1 AND expires_at > $2
            FOR NO KEY UPDATE",
        presented.sid(),
        now
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::NotLoggedIn)?;
    let hash = presented.hash();
    let newest = record.refresh_hash == hash;
    let previous = record.previous_hash.as_deref() == Some(&hash);
    if let Some(reason) = record.ended_by {
        let reason = EndReason::parse(&reason)
            .ok_or_else(|| Error::Broken(format!("unknown end of a session {reason:?}")))?;
        return Err(Refusal::SessionEnded { reason }.into());
    }
    let (successor, rotated_at) = if newest {
        let successor = services.tokens.successor(&presented);
        sqlx::query!(
            "UPDATE sessions
                SET previous_hash = refresh_hash, refresh_hash = $2, rotated_at = $3, seen_at = $3, address = $4
              WHERE sid = $1",
            presented.sid(),
            successor.hash(),
            now,
            from.address.to_string()
        )
        .execute(&mut *transaction)
        .await?;
        (Some(successor), now)
    } else if previous && now <= record.rotated_at + ROTATION_GRACE {
        let again = services
            .tokens
            .successor_with(&presented, &record.refresh_hash);
        (again, record.rotated_at)
    } else {
        (None, record.rotated_at)
    };
    let Some(successor) = successor else {
        drop(transaction);
        tracing::warn!(
            sid = presented.sid(),
            account = record.account_id,
            "a refresh token was used twice: session ended"
        );
        let reason = EndReason::Reuse;
        end(services, presented.sid(), reason).await?;
        return Err(Refusal::SessionEnded { reason }.into());
    };
    let row = SessionRow {
        sid: presented.sid().to_owned(),
        account_id: record.account_id,
        device: record.device,
        created_at: record.created_at,
        rotated_at,
        expires_at: record.expires_at,
    };
    // Read after the lock, so that a change of the account that has already updated its sessions is
    // seen here.
    let session = row.with_account(&mut transaction).await?;
    store(services, &session).await?;
    transaction.commit().await?;
    hand_out(services, &session, successor, now)
}

/// Returns whether we made this token for its session. Knowing a session's id is not enough to end
/// it, nor to use up its refreshes.
async fn is_ours(services: &Services, presented: &RefreshToken) -> Result<bool> {
    if services.tokens.has_made(presented) {
        return Ok(true);
    }
    // Possibly made with a key that is no longer configured: then the session's record has its
    // hash.
    is_known(services, presented).await
}
