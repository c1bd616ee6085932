//! Staying logged in: a refresh token for fresh tokens.

use super::log_in::hand_out;
use super::log_out::end;
use super::tokens::RefreshToken;
use super::{ROTATION_GRACE, StoredSession, Tokens, store};
use crate::{Client, Error, Result, Services, accounts, limits};
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::sessions::EndReason;

/// New tokens for a refresh token, which is thereby used up.
///
/// Presented again within a minute it gives the same successor once more: a browser's parallel requests, or an answer that
/// got lost. Presented later it has been stolen or copied, and the session ends, as it does for any older token.
///
/// [`Refusal::NotLoggedIn`], or [`Refusal::SessionEnded`] when it is known why. Too many from one address or of one session
/// are [`Refusal::TooManyRequests`], and use nothing up.
pub async fn refresh(services: &Services, from: &Client, refresh_token: &str) -> Result<Tokens> {
    let now = services.clock.now();
    let presented = RefreshToken::parse(refresh_token).ok_or(Refusal::NotLoggedIn)?;
    limits::refresh(services, from, presented.sid()).await?;
    // The row stays locked until Redis has the session: a log-out that comes meanwhile waits, and then ends it.
    let mut transaction = crate::stores::begin(&services.db).await?;
    let record = sqlx::query!(
        "SELECT account_id, refresh_hash, previous_hash, rotated_at, device, created_at, expires_at, ended_by
           FROM sessions WHERE sid = $1 AND expires_at > $2
            FOR UPDATE",
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
        // Only who holds the token is told more, unless it is in several hands anyway.
        return Err(match newest || previous || reason == EndReason::Reuse {
            true => Refusal::SessionEnded { reason }.into(),
            false => Refusal::NotLoggedIn.into(),
        });
    }
    let (successor, rotated_at) = if newest {
        let successor = services.tokens.successor(&presented);
        sqlx::query!(
            "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $2, rotated_at = $3 WHERE sid = $1",
            presented.sid(),
            successor.hash(),
            now
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
    // After the lock, so that a change of the account which has told its sessions already is seen here.
    let account = sqlx::query!(
        "SELECT account_name, nickname, role, rehearsal_id FROM accounts WHERE id = $1",
        record.account_id
    )
    .fetch_one(&mut *transaction)
    .await?;
    let session = StoredSession {
        sid: presented.sid().to_owned(),
        account_id: AccountId(record.account_id),
        account_name: account.account_name,
        nickname: account.nickname,
        role: accounts::parse_role(&account.role)?,
        rehearsal: account.rehearsal_id.map(ConcertId),
        device: record.device,
        created_at: record.created_at,
        rotated_at,
        expires_at: record.expires_at,
    };
    store(services, &session).await?;
    transaction.commit().await?;
    hand_out(services, &session, successor, now)
}
