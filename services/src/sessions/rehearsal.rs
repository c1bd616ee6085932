//! Sessions of a rehearsal's accounts: thousands at once, deleted with the rehearsal.

use super::tokens::random_id;
use super::{StoredSession, store};
use crate::{Error, Result, Services};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use model::accounts::{AccountId, Role};
use model::concerts::ConcertId;

/// Concurrent commands to Redis. They are sent in one pipeline, also if their keys are on different
/// nodes of a cluster.
const AT_ONCE: usize = 256;

/// An account of a rehearsal.
pub(crate) struct Person {
    pub id: i64,
    pub name: String,
    pub nickname: String,
}

/// Opens a session for each account, and returns their access tokens in the same order. The tokens
/// are valid until `until` and cannot be refreshed.
pub(crate) async fn open_for_rehearsal(
    services: &Services,
    rehearsal: ConcertId,
    people: &[Person],
    until: DateTime<Utc>,
) -> Result<Vec<String>> {
    let now = services.clock.now();
    let sessions: Vec<StoredSession> = people
        .iter()
        .map(|person| StoredSession {
            sid: random_id(),
            account_id: AccountId(person.id),
            account_name: person.name.clone(),
            nickname: person.nickname.clone(),
            role: Role::User,
            rehearsal: Some(rehearsal),
            device: "rehearsal".to_owned(),
            created_at: now,
            rotated_at: now,
            expires_at: until,
        })
        .collect();
    let (keys, signed) = (services.clone(), sessions.clone());
    // Thousands of signatures would take too long on a thread that serves requests.
    let signing = tokio::task::spawn_blocking(move || {
        signed
            .iter()
            .map(|session| {
                let hash = keys.tokens.first(&session.sid).hash();
                Ok((keys.tokens.sign_until(session, now, until)?, hash))
            })
            .collect::<Result<(Vec<String>, Vec<Vec<u8>>)>>()
    });
    let (tokens, hashes) = signing
        .await
        .map_err(|error| Error::Broken(error.to_string()))??;
    let sids: Vec<String> = sessions.iter().map(|session| session.sid.clone()).collect();
    let accounts: Vec<i64> = people.iter().map(|person| person.id).collect();
    sqlx::query!(
        "INSERT INTO sessions (sid, account_id, refresh_hash, rotated_at, device, created_at, expires_at)
         SELECT sid, account_id, refresh_hash, $4, 'rehearsal', $4, $5
           FROM UNNEST($1::text[], $2::bigint[], $3::bytea[]) AS opened (sid, account_id, refresh_hash)",
        &sids,
        &accounts,
        &hashes,
        now,
        until
    )
    .execute(&services.db)
    .await?;
    stream::iter(sessions)
        .map(|session| async move { store(services, &session).await })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(tokens)
}
