//! Deletion of accounts: by the owner, restorable for thirty days, then purged of all personal
//! data.
//!
//! An account's tickets stay on record in every case: they are the accounting of a sale. The holder
//! decides what happens to those for future concerts.

use super::profile::confirm;
use crate::sessions::{self, Session};
use crate::to_the_end::to_the_end;
use crate::{Client, Result, Services, queue, tickets};
use chrono::TimeDelta;
use model::Refusal;
use model::accounts::{AccountId, Role, TicketsLeft};
use model::concerts::ConcertId;
use model::sessions::EndReason;

/// How long a deleted account can be restored.
pub const RESTORABLE: TimeDelta = TimeDelta::days(30);

/// Deletes the caller's account after checking its password again: ends all sessions, leaves every
/// queue, and has the account purged after thirty days. Records the choice about the `tickets` for
/// future concerts.
///
/// [`Refusal::WrongPassword`]; [`Refusal::OwnAccount`] for the last admin.
pub async fn delete(
    services: &Services,
    from: &Client,
    session: &Session,
    password: &str,
    tickets: TicketsLeft,
) -> Result<()> {
    confirm(services, from, session, password).await?;
    let (services, account) = (services.clone(), session.account_id);
    to_the_end(async move {
        let mut transaction = crate::stores::begin(&services.db).await?;
        // Locks rows in one order, so that two admins who delete their accounts at the same time
        // see each other and cannot deadlock.
        let admins = sqlx::query_scalar!(
            "SELECT id FROM accounts
              WHERE role = 'admin' AND deactivated_at IS NULL AND deleted_at IS NULL
                AND EXISTS (SELECT FROM accounts WHERE id = $1 AND role = 'admin')
              ORDER BY id FOR NO KEY UPDATE",
            account.0
        )
        .fetch_all(&mut *transaction)
        .await?;
        if admins == [account.0] {
            return Err(Refusal::OwnAccount.into());
        }
        sqlx::query!(
            "UPDATE accounts SET deleted_at = $2, tickets_when_deleted = $3 WHERE id = $1 AND deleted_at IS NULL",
            account.0,
            services.clock.now(),
            tickets.as_str()
        )
        .execute(&mut *transaction)
        .await?;
        let reason = EndReason::Deleted;
        let ended =
            sessions::end_records(&services, &mut transaction, account, None, reason).await?;
        transaction.commit().await?;
        retire(&services, account, ended).await?;
        // Last: an account that has left its queues receives no further ticket.
        match tickets {
            TicketsLeft::GiveBack => tickets::cancel_all(&services, account).await,
            TicketsLeft::Keep => Ok(()),
        }
    })
    .await
}

/// Removes a deactivated or deleted account from every queue and ends its sessions, concurrently.
pub(crate) async fn retire(
    services: &Services,
    account: AccountId,
    ended: Vec<String>,
) -> Result<()> {
    let (withdrawn, finished) = tokio::join!(
        withdraw(services, account),
        sessions::finish(services, account, ended)
    );
    withdrawn.and(finished)
}

/// Removes the account from every queue.
async fn withdraw(services: &Services, account: AccountId) -> Result<()> {
    let waiting = sqlx::query_scalar!(
        "SELECT concert_id FROM queue_entries WHERE account_id = $1 AND state = 'waiting'",
        account.0
    )
    .fetch_all(&services.db)
    .await?;
    for concert in waiting {
        queue::leave(services, account, ConcertId(concert)).await?;
    }
    Ok(())
}

/// Removes deactivated and deleted accounts from their queues, and cancels the tickets that their
/// holders chose to give back: completes what a server that died left undone, and covers joins that
/// arrived at the same moment. Safe to run on any server, at any time.
pub async fn withdraw_unused(services: &Services) -> Result<()> {
    let waiting = sqlx::query_scalar!(
        "SELECT id FROM accounts
          WHERE (deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) AND purged_at IS NULL
            AND EXISTS (SELECT FROM queue_entries WHERE account_id = accounts.id AND state = 'waiting')"
    )
    .fetch_all(&services.db)
    .await?;
    for account in waiting {
        // A failure for one account must not keep the others in their queues.
        if let Err(error) = withdraw(services, AccountId(account)).await {
            tracing::warn!(account, %error, "an account could not be taken out of its queues yet");
        }
    }
    give_back_left(services).await
}

async fn give_back_left(services: &Services) -> Result<()> {
    let holding = sqlx::query_scalar!(
        r#"SELECT DISTINCT ticket.account_id
             FROM accounts AS account
             JOIN tickets AS ticket ON ticket.account_id = account.id AND ticket.cancelled_at IS NULL
             JOIN concerts AS concert ON concert.id = ticket.concert_id AND concert.starts_at > $1
            WHERE account.deleted_at IS NOT NULL AND account.purged_at IS NULL
              AND account.tickets_when_deleted = 'give_back'"#,
        services.clock.now()
    )
    .fetch_all(&services.db)
    .await?;
    for account in holding {
        if let Err(error) = tickets::cancel_all(services, AccountId(account)).await {
            tracing::warn!(account, %error, "tickets of a deleted account could not be given back yet");
        }
    }
    Ok(())
}

/// Erases all personal data of accounts deleted at least thirty days ago, and returns their number.
/// Their names and addresses become available again. Safe to run on any server, at any time.
pub async fn purge(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    // No sign-up can collide: a name cannot begin with a hyphen, and an address must contain a dot.
    let purged = sqlx::query_scalar!(
        "UPDATE accounts
            SET purged_at = $1, account_name = '-' || id, email = '-' || id || '@gone', name = '', nickname = '',
                password_hash = '', role = $3
          WHERE deleted_at <= $2 AND purged_at IS NULL
         RETURNING id",
        now,
        now - RESTORABLE,
        Role::User.as_str()
    )
    .fetch_all(&mut *transaction)
    .await?;
    for table in [
        sqlx::query!("DELETE FROM sessions WHERE account_id = ANY ($1)", &purged),
        sqlx::query!(
            "DELETE FROM active_days WHERE account_id = ANY ($1)",
            &purged
        ),
        sqlx::query!(
            "DELETE FROM account_networks WHERE account_id = ANY ($1)",
            &purged
        ),
        sqlx::query!(
            "DELETE FROM wrong_passwords WHERE account_id = ANY ($1)",
            &purged
        ),
    ] {
        table.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(purged.len() as u64)
}
