//! Opens sessions.

use super::log_out::forget_ended;
use super::tokens::RefreshToken;
use super::{
    REFRESH_LIFE, SESSIONS_MAX, SessionRow, StoredSession, Tokens, known, presence, random_id,
    store, wrong_passwords,
};
use crate::accounts::{self, Asker, RESTORABLE};
use crate::limits::guesses::Guess;
use crate::to_the_end::to_the_end;
use crate::{Client, Error, Result, Services, limits};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::accounts::{Account, AccountId, AccountName};
use model::sessions::EndReason;
use sqlx::PgConnection;

/// Opens a session. A wrong password and an unknown account get the same answer after the same
/// work.
///
/// [`Refusal::WrongCredentials`]; with the right password also [`Refusal::AccountDeactivated`] and
/// [`Refusal::AccountDeleted`]. [`Refusal::TooManyRequests`], before any work is done, for too many
/// log-ins from one address, and for too many wrong passwords for one account from there or from
/// all addresses together from which it is not known to be used.
pub async fn log_in(
    services: &Services,
    from: &Client,
    account_name: &str,
    password: &str,
) -> Result<(Account, Tokens)> {
    limits::log_in(services, from).await?;
    let mut guess = Guess::begin(services, from, account_name).await?;
    match known::is_known(services, from, account_name).await {
        Ok(true) => {}
        Ok(false) => guess = guess.as_a_stranger(services, account_name).await?,
        Err(error) => {
            guess.take_back(services).await;
            return Err(error);
        }
    }
    let wrong_before = guess.wrong_before();
    let checking = check(services, from, account_name, password);
    let checked = guess.check(services, checking).await;
    if let Err(Error::Refused(Refusal::WrongCredentials)) = &checked {
        wrong_passwords::note(services, from, account_name);
    }
    let (id, hash) = checked?;
    let verified = Verified { hash, wrong_before };
    let tokens = open_for(services, from, id, Some(&verified)).await?;
    Ok((accounts::find(services, id).await?, tokens))
}

/// A password that was right.
struct Verified {
    /// The hash that it was verified against.
    hash: String,
    /// Wrong passwords from the same network before it.
    wrong_before: u32,
}

/// Returns the account with this name and password, and the hash that the password was verified
/// against.
async fn check(
    services: &Services,
    from: &Client,
    account_name: &str,
    password: &str,
) -> Result<(AccountId, String)> {
    // An invalid name is looked up as well, as the empty name, which no account has: the answer
    // takes as long.
    let name = AccountName::parse(account_name).ok();
    let row = sqlx::query!(
        "SELECT id, password_hash, deactivated_at, deleted_at FROM accounts WHERE account_name = $1",
        name.as_ref().map_or("", AccountName::as_str)
    )
    .fetch_optional(&services.db)
    .await?;
    let hash = row.as_ref().map(|row| row.password_hash.clone());
    let matches = services
        .passwords
        .verify(Asker::of(from), password, hash)
        .await?;
    let row = row.filter(|_| matches).ok_or(Refusal::WrongCredentials)?;
    if let Some(deleted_at) = row.deleted_at {
        let until = deleted_at + RESTORABLE;
        return Err(Refusal::AccountDeleted { until }.into());
    }
    if row.deactivated_at.is_some() {
        return Err(Refusal::AccountDeactivated.into());
    }
    Ok((AccountId(row.id), row.password_hash))
}

/// Opens a session for an account whose identity is certain: after sign-up.
pub async fn open(services: &Services, from: &Client, account: &Account) -> Result<Tokens> {
    open_for(services, from, account.id, None).await
}

/// Opens nothing if the password was changed since it was `verified`.
async fn open_for(
    services: &Services,
    from: &Client,
    account_id: AccountId,
    verified: Option<&Verified>,
) -> Result<Tokens> {
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    // Locked in share mode until Redis has the session: a transaction that deactivates the account
    // or changes its password meanwhile waits, and then ends this session as well.
    sqlx::query!(
        "SELECT id FROM accounts
          WHERE id = $1 AND deactivated_at IS NULL AND deleted_at IS NULL
            AND ($2::text IS NULL OR password_hash = $2)
            FOR SHARE",
        account_id.0,
        verified.map(|verified| &verified.hash)
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::WrongCredentials)?;
    let row = SessionRow {
        sid: random_id(),
        account_id: account_id.0,
        device: from.device.clone(),
        created_at: now,
        rotated_at: now,
        expires_at: now + REFRESH_LIFE,
    };
    known::remember(&mut transaction, &row, from).await?;
    if let Some(Verified { wrong_before, .. }) = verified {
        wrong_passwords::tell(&mut transaction, &row, from, *wrong_before).await?;
    }
    let session = row.with_account(&mut transaction).await?;
    let refresh = services.tokens.first(&session.sid);
    sqlx::query!(
        "INSERT INTO sessions (sid, account_id, refresh_hash, rotated_at, device, address, created_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $4, $4, $7)",
        session.sid,
        account_id.0,
        refresh.hash(),
        now,
        session.device,
        from.address.to_string(),
        session.expires_at
    )
    .execute(&mut *transaction)
    .await?;
    let displaced = displace(&mut transaction, account_id, now).await?;
    presence::arrived(services, &mut transaction, &session).await?;
    store(services, &session).await?;
    transaction.commit().await?;
    if !displaced.is_empty() {
        let services = services.clone();
        to_the_end(async move { forget_ended(&services, displaced).await }).await?;
    }
    hand_out(services, &session, refresh, now)
}

/// Ends the sessions beyond [`SESSIONS_MAX`], and returns their ids.
async fn displace(
    transaction: &mut PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
) -> Result<Vec<String>> {
    // In one order, as in every statement that locks several sessions of an account.
    let displaced = sqlx::query_scalar!(
        "UPDATE sessions SET ended_at = $2, ended_by = $3
          WHERE ended_at IS NULL
            AND sid IN (SELECT sid FROM sessions
                         WHERE ended_at IS NULL
                           AND sid IN (SELECT sid FROM sessions
                                        WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
                                        ORDER BY seen_at DESC, sid OFFSET $4)
                         ORDER BY sid FOR NO KEY UPDATE)
         RETURNING sid",
        account.0,
        now,
        EndReason::Displaced.as_str(),
        i64::from(SESSIONS_MAX)
    )
    .fetch_all(transaction)
    .await?;
    Ok(displaced)
}

/// Returns the tokens of a session that Redis has.
pub(super) fn hand_out(
    services: &Services,
    session: &StoredSession,
    refresh: RefreshToken,
    now: DateTime<Utc>,
) -> Result<Tokens> {
    // No access token is older than the refresh it comes from, even if this server's clock is
    // behind.
    let now = now.max(session.rotated_at);
    let (access, access_expires_at) = services.tokens.sign(session, now)?;
    Ok(Tokens {
        access,
        access_expires_at,
        refresh: refresh.into_text(),
        refresh_expires_at: session.expires_at,
    })
}
