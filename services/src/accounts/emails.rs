//! Migrates e-mail addresses stored before one mailbox had exactly one spelling.

use super::taken;
use crate::{Error, Result, Services};
use model::Refusal;
use model::accounts::Email;

/// Rewrites addresses stored before [`Email`] normalised them, such as `bücher.example`, so that
/// the unique constraint of the table enforces one account per mailbox (P8). Safe to run on any
/// server, at any time, also next to an older server.
///
/// Where two accounts share a mailbox already, the one with the normalised spelling keeps the
/// mailbox, and the other keeps the address as it is stored.
pub async fn respell(services: &Services) -> Result<()> {
    // ASCII addresses were always normalised; the index `accounts_respelt` contains just the
    // others.
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
            // An address that would be refused today was accepted then, and stays.
            _ => {}
        }
    }
    Ok(())
}

async fn store(services: &Services, account: i64, stored: &str, email: &Email) -> Result<()> {
    // Does not overwrite an address that the owner changed in the meantime.
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
