//! Ending sessions. PostgreSQL first, so that nothing brings a session back, then Redis, where it counts: should Redis be
//! away in between, whoever asked is told so and asks again, and [`sweep`] makes up for whoever does not.

use super::tokens::{Claims, RefreshToken};
use super::{SESSION_LIFE, Session, blacklist_key, ending, session_key};
use crate::to_the_end::to_the_end;
use crate::{Result, Services};
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use model::Refusal;
use model::accounts::AccountId;
use model::sessions::EndReason;
use sqlx::PgConnection;

/// Ends the session on every server at once (P7), and blacklists the token for as long as it would have lived.
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
        ending::announce(&services, &session.sid).await;
        Ok(())
    })
    .await
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

/// Ends every session of the account, but the one to `keep`, in the transaction that is the reason for it. To be followed
/// by [`finish`] when that is committed.
pub(crate) async fn end_records(
    services: &Services,
    transaction: &mut PgConnection,
    account: AccountId,
    keep: Option<&str>,
    reason: EndReason,
) -> Result<Vec<String>> {
    // In one order, as everybody does who locks several sessions of an account: nobody waits in a circle.
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

/// Takes ended sessions out of Redis and tells every server.
pub(crate) async fn finish(
    services: &Services,
    account: AccountId,
    ended: Vec<String>,
) -> Result<()> {
    // Those of before, too: perhaps an earlier time was cut short here.
    let all = sqlx::query_scalar!(
        "SELECT sid FROM sessions WHERE account_id = $1 AND ended_at > $2",
        account.0,
        services.clock.now() - SESSION_LIFE
    )
    .fetch_all(&services.db)
    .await?;
    forget_all(services, all).await?;
    for sid in ended {
        ending::announce(services, &sid).await;
    }
    Ok(())
}

pub(super) async fn end(services: &Services, sid: &str, reason: EndReason) -> Result<()> {
    let (services, sid) = (services.clone(), sid.to_owned());
    to_the_end(async move {
        end_record(&services, &sid, reason).await?;
        forget_all(&services, vec![sid.clone()]).await?;
        ending::announce(&services, &sid).await;
        Ok(())
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

/// Commands that are on their way to Redis at once. They travel in one pipeline, also where their keys are on different
/// nodes of a cluster.
const AT_ONCE: usize = 256;

/// Takes sessions out of Redis, where it counts.
pub(crate) async fn forget_all(services: &Services, sids: Vec<String>) -> Result<()> {
    stream::iter(sids)
        .map(|sid| async move {
            redis::cmd("DEL")
                .arg(session_key(services, &sid))
                .exec_async(&mut services.redis.connection())
                .await?;
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
