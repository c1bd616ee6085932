//! Ends sessions: first in PostgreSQL, so that nothing restores them, then in Redis, where requests
//! are checked. If Redis is away in between, the caller receives an error and can retry; [`sweep`]
//! covers callers that do not.

use super::tokens::{Claims, RefreshToken};
use super::{SESSION_LIFE, Session, blacklist_key, ending, is_known, session_key};
use crate::to_the_end::to_the_end;
use crate::{Result, Services};
use chrono::TimeDelta;
use model::Refusal;
use model::accounts::AccountId;
use model::sessions::EndReason;
use sqlx::PgConnection;

/// Ends the session on every server at once (P7), and blacklists its access token for the rest of
/// the token's life.
pub async fn log_out(services: &Services, session: &Session) -> Result<()> {
    let (services, session) = (services.clone(), session.clone());
    to_the_end(async move {
        let claims = Claims::of(&session);
        let left = session.expires_at - services.clock.now();
        end_record(&services, &session.sid, EndReason::LogOut).await?;
        redis::pipe()
            .atomic()
            .cmd("SET")
            .arg(blacklist_key(&services, &claims))
            .arg(session.account_id.0)
            .arg("PX")
            .arg(left.num_milliseconds().max(1))
            .ignore()
            .del(session_key(&services, &session.sid))
            .ignore()
            .exec_async(&mut services.redis.connection())
            .await?;
        ending::announce(&services, &[session.sid]).await;
        Ok(())
    })
    .await
}

/// Ends the session of a refresh token, for clients whose access token has expired. A text that is
/// not a known token ends nothing.
pub async fn log_out_with(services: &Services, refresh_token: &str) -> Result<()> {
    let Some(presented) = RefreshToken::parse(refresh_token) else {
        return Ok(());
    };
    match is_known(services, &presented).await? {
        true => end(services, presented.sid(), EndReason::LogOut).await,
        false => Ok(()),
    }
}

/// Ends another session of the same account, or [`Refusal::NotFound`]. The caller's own session is
/// ended by [`log_out`].
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

/// Ends every session of the account except the caller's.
pub async fn end_other_sessions(services: &Services, by: &Session) -> Result<()> {
    let (services, by) = (services.clone(), by.clone());
    to_the_end(async move {
        let mut transaction = crate::stores::begin(&services.db).await?;
        let reason = EndReason::Elsewhere;
        let ended = end_records(
            &services,
            &mut transaction,
            by.account_id,
            Some(&by.sid),
            reason,
        );
        let ended = ended.await?;
        transaction.commit().await?;
        finish(&services, by.account_id, ended).await
    })
    .await
}

/// Ends every session of the account except `keep`, in the transaction that is the reason for that,
/// and returns their ids. [`finish`] must follow the commit.
pub(crate) async fn end_records(
    services: &Services,
    transaction: &mut PgConnection,
    account: AccountId,
    keep: Option<&str>,
    reason: EndReason,
) -> Result<Vec<String>> {
    // In one order, as in every statement that locks several sessions of an account, to prevent
    // deadlocks.
    let ended = sqlx::query_scalar!(
        "UPDATE sessions SET ended_at = $2, ended_by = $3
          WHERE sid IN (SELECT sid FROM sessions
                         WHERE account_id = $1 AND ended_at IS NULL AND sid IS DISTINCT FROM $4
                         ORDER BY sid FOR NO KEY UPDATE)
         RETURNING sid",
        account.0,
        services.clock.now(),
        reason.as_str(),
        keep
    )
    .fetch_all(transaction)
    .await?;
    Ok(ended)
}

/// Removes ended sessions from Redis and notifies every server.
pub(crate) async fn finish(
    services: &Services,
    account: AccountId,
    ended: Vec<String>,
) -> Result<()> {
    // Includes sessions ended before: an earlier call may have been cut off here.
    let all = sqlx::query_scalar!(
        "SELECT sid FROM sessions WHERE account_id = $1 AND ended_at > $2",
        account.0,
        services.clock.now() - SESSION_LIFE
    )
    .fetch_all(&services.db)
    .await?;
    forget_all(services, &all).await?;
    ending::announce(services, &ended).await;
    Ok(())
}

pub(super) async fn end(services: &Services, sid: &str, reason: EndReason) -> Result<()> {
    let (services, sid) = (services.clone(), sid.to_owned());
    to_the_end(async move {
        end_record(&services, &sid, reason).await?;
        forget_ended(&services, vec![sid]).await
    })
    .await
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

/// Removes from Redis the sessions that were ended within the last `period` and may have been left
/// there by a server that died halfway. Safe to run on any server, at any time.
pub async fn sweep(services: &Services, period: TimeDelta) -> Result<()> {
    let ended = sqlx::query_scalar!(
        "SELECT sid FROM sessions WHERE ended_at > $1",
        services.clock.now() - period.min(SESSION_LIFE)
    )
    .fetch_all(&services.db)
    .await?;
    forget_all(services, &ended).await
}

/// Keys per call to Redis.
const PER_CALL: usize = 1_000;

/// Removes sessions from Redis, where requests are checked: many in one round trip.
pub(crate) async fn forget_all(services: &Services, sids: &[String]) -> Result<()> {
    for sids in sids.chunks(PER_CALL) {
        let commands = sids.iter().map(|sid| {
            let mut command = redis::cmd("DEL");
            command.arg(session_key(services, sid));
            command
        });
        for answer in services.redis.each(commands.collect()).await {
            answer?;
        }
    }
    Ok(())
}

/// Removes ended sessions from Redis, and notifies every server.
pub(super) async fn forget_ended(services: &Services, ended: Vec<String>) -> Result<()> {
    forget_all(services, &ended).await?;
    ending::announce(services, &ended).await;
    Ok(())
}
