//! What Redis says of a session follows what PostgreSQL says of its account.

use super::{StoredSession, life_left, session_key};
use crate::{Error, Result, Services, accounts};
use model::accounts::AccountId;
use model::concerts::ConcertId;

/// Tells the account's sessions that its name or its role has changed: each next request goes by it, on every server.
pub(crate) async fn retell(services: &Services, account_id: AccountId) -> Result<()> {
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    // A refresh that runs at this moment is waited for, and one that comes later reads the account after this.
    let open = sqlx::query!(
        "SELECT sid, device, created_at, rotated_at, expires_at FROM sessions
          WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
          ORDER BY sid FOR UPDATE",
        account_id.0,
        now
    )
    .fetch_all(&mut *transaction)
    .await?;
    let account = sqlx::query!(
        "SELECT account_name, nickname, role, rehearsal_id FROM accounts WHERE id = $1",
        account_id.0
    )
    .fetch_one(&mut *transaction)
    .await?;
    let role = accounts::parse_role(&account.role)?;
    let mut commands = Vec::new();
    for row in open {
        let session = StoredSession {
            sid: row.sid,
            account_id,
            account_name: account.account_name.clone(),
            nickname: account.nickname.clone(),
            role,
            rehearsal: account.rehearsal_id.map(ConcertId),
            device: row.device,
            created_at: row.created_at,
            rotated_at: row.rotated_at,
            expires_at: row.expires_at,
        };
        let json =
            serde_json::to_string(&session).map_err(|error| Error::Broken(error.to_string()))?;
        let life = life_left(session.expires_at, now);
        let mut command = redis::cmd("SET");
        command.arg(session_key(services, &session.sid));
        // XX: what is not there is brought back by a refresh, and by nothing else.
        command.arg((json, "XX", "EX", life));
        commands.push(command);
    }
    for answer in services.redis.each(commands).await {
        answer?;
    }
    Ok(transaction.commit().await?)
}
