//! Keeps sessions in Redis consistent with their accounts in PostgreSQL.

use super::{SessionRow, life_left, session_key};
use crate::{Error, Result, Services};
use model::accounts::AccountId;
use sqlx::PgConnection;

/// Writes the account's new name or role into its sessions, in the transaction that changes it and
/// before its commit: after the commit each next request uses it, on every server.
pub(crate) async fn retell(
    services: &Services,
    transaction: &mut PgConnection,
    account: AccountId,
) -> Result<()> {
    let now = services.clock.now();
    // Waits for a refresh that is running; a later refresh waits for this transaction, and reads
    // the account after it.
    let open = sqlx::query_as!(
        SessionRow,
        "SELECT sid, account_id, device, created_at, rotated_at, expires_at FROM sessions
          WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
          ORDER BY sid FOR NO KEY UPDATE",
        account.0,
        now
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut commands = Vec::new();
    for row in open {
        let session = row.with_account(&mut *transaction).await?;
        let json =
            serde_json::to_string(&session).map_err(|error| Error::Broken(error.to_string()))?;
        let mut command = redis::cmd("SET");
        command.arg(session_key(services, &session.sid));
        // XX: only a refresh restores a missing session.
        command.arg((json, "XX", "EX", life_left(session.expires_at, now)));
        commands.push(command);
    }
    for answer in services.redis.each(commands).await {
        answer?;
    }
    Ok(())
}
