//! Addresses from when one mailbox could be spelt in several ways.

use super::taken;
use crate::{Error, Result, Services};
use model::Refusal;
use model::accounts::Email;

/// Spells addresses as [`Email`] does that were stored before it did, `bücher.example` among them, so that the table's own
/// constraint keeps one mailbox for one account (P8). Safe to run anywhere, at any time, also beside an older server.
///
/// Where two accounts have one mailbox already, the one that is spelt as it should be goes on owning it, and the other keeps
/// what it has.
pub async fn respell(services: &Services) -> Result<()> {
    // In ASCII they were always spelt like this: `accounts_respelt` has just the others.
    let stored = sqlx::query!(
        "SELECT id, email FROM accounts WHERE octet_length(email) <> char_length(email) ORDER BY id"
    )
    .fetch_all(&services.db)
    .await?;
    for row in stored {
        match Email::parse(&row.email) {
            Ok(email) if email.as_str() != row.email => {
                store(services, row.id, &row.email, &email).await?;
            }
            // What would be refused today was taken then, and stays.
            _ => {}
        }
    }
    Ok(())
}

async fn store(services: &Services, account: i64, stored: &str, email: &Email) -> Result<()> {
    // Not over another one that its owner has given meanwhile.
    let updated = sqlx::query!(
        "UPDATE accounts SET email = $3 WHERE id = $1 AND email = $2",
        account,
        stored,
        email.as_str()
    )
    .execute(&services.db)
    .await
    .map_err(taken);
    match updated {
        Err(Error::Refused(Refusal::EmailTaken)) => {
            tracing::warn!(account, "another account has the same mailbox");
            Ok(())
        }
        updated => updated.map(drop),
    }
}
