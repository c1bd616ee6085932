//! Ending sessions. PostgreSQL first, so that nothing brings a session back, then Redis, where it counts: should Redis be
//! away in between, whoever asked is told so and asks again, and [`sweep`] makes up for whoever does not.

use super::tokens::{Claims, RefreshToken};
use super::{SESSION_LIFE, Session, blacklist_key, ending, forget_all, session_key};
use crate::{Result, Services};
use chrono::TimeDelta;
use model::Refusal;
use model::accounts::AccountId;
use model::sessions::EndReason;

/// Ends the session on every server at once (P7), and blacklists the token for as long as it would have lived.
pub async fn log_out(services: &Services, session: &Session) -> Result<()> {
    let claims = Claims::of(session);
    let left = session.expires_at - services.clock.now();
    end_record(services, &session.sid, EndReason::LogOut).await?;
    redis::pipe()
        .atomic()
        .cmd("SET")
        .arg(blacklist_key(services, &claims))
        .arg(session.account_id.0)
        .arg("PX")
        .arg(left.num_milliseconds().max(1))
        .ignore()
        .del(session_key(services, &session.sid))
        .ignore()
        .exec_async(&mut services.redis.connection())
        .await?;
    ending::announce(services, &session.sid).await;
    Ok(())
}

/// Ends the session of a refresh token: for clients whose access token has run out. What is no token ends nothing.
pub async fn log_out_with(services: &Services, refresh_token: &str) -> Result<()> {
    let Some(presented) = RefreshToken::parse(refresh_token) else {
        return Ok(());
    };
    let hash = presented.hash();
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE sid = $1 AND (refresh_hash = $2 OR previous_hash = $2)) AS "known!""#,
        presented.sid(),
        hash
    )
    .fetch_one(&services.db)
    .await?;
    match known {
        true => end(services, presented.sid(), EndReason::LogOut).await,
        false => Ok(()),
    }
}

/// Ends another session of the same account, or [`Refusal::NotFound`]. One's own is ended by [`log_out`].
pub async fn end_session(services: &Services, by: &Session, sid: &str) -> Result<()> {
    let owned = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE sid = $1 AND account_id = $2) AS "owned!""#,
        sid,
        by.account_id.0
    )
    .fetch_one(&services.db)
    .await?;
    match owned {
        true if sid == by.sid => log_out(services, by).await,
        true => end(services, sid, EndReason::Elsewhere).await,
        false => Err(Refusal::NotFound.into()),
    }
}

/// Ends every session of the account but the one that asks.
pub async fn end_other_sessions(services: &Services, by: &Session) -> Result<()> {
    end_all(services, by.account_id, Some(&by.sid), EndReason::Elsewhere).await
}

/// Ends every session of the account, but the one to `keep`.
pub(crate) async fn end_all(
    services: &Services,
    account: AccountId,
    keep: Option<&str>,
    reason: EndReason,
) -> Result<()> {
    let now = services.clock.now();
    sqlx::query!(
        "UPDATE sessions SET ended_at = $2, ended_by = $3
          WHERE account_id = $1 AND ended_at IS NULL AND sid IS DISTINCT FROM $4",
        account.0,
        now,
        reason.as_str(),
        keep
    )
    .execute(&services.db)
    .await?;
    // Those of before, too: perhaps the first time was cut short here.
    let ended = sqlx::query_scalar!(
        "SELECT sid FROM sessions WHERE account_id = $1 AND ended_at > $2",
        account.0,
        now - SESSION_LIFE
    )
    .fetch_all(&services.db)
    .await?;
    forget_all(services, ended.clone()).await?;
    for sid in ended {
        ending::announce(services, &sid).await;
    }
    Ok(())
}

pub(super) async fn end(services: &Services, sid: &str, reason: EndReason) -> Result<()> {
    end_record(services, sid, reason).await?;
    redis::cmd("DEL")
        .arg(session_key(services, sid))
        .exec_async(&mut services.redis.connection())
        .await?;
    ending::announce(services, sid).await;
    Ok(())
}

async fn end_record(services: &Services, sid: &str, reason: EndReason) -> Result<()> {
    sqlx::query!(
        "UPDATE sessions SET ended_at = $2, ended_by = $3 WHERE sid = $1 AND ended_at IS NULL",
        sid,
        services.clock.now(),
        reason.as_str()
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

/// Takes out of Redis what was ended within the last `period` and may have been left there by a server that died halfway.
/// Safe to run anywhere, at any time.
pub async fn sweep(services: &Services, period: TimeDelta) -> Result<()> {
    let ended = sqlx::query_scalar!(
        "SELECT sid FROM sessions WHERE ended_at > $1",
        services.clock.now() - period.min(SESSION_LIFE)
    )
    .fetch_all(&services.db)
    .await?;
    forget_all(services, ended).await
}
