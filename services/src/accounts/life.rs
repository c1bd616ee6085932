//! The end of an account: deleted by its owner, restorable for thirty days, then purged of everything personal.
//!
//! Whatever happens to an account, its tickets stay on record: they are the accounting of a sale. What becomes of those for
//! concerts to come is for their holder to say.

use super::profile::confirm;
use crate::sessions::{self, Session};
use crate::to_the_end::to_the_end;
use crate::{Client, Result, Services, queue, tickets};
use chrono::TimeDelta;
use model::Refusal;
use model::accounts::{AccountId, Role, TicketsLeft};
use model::concerts::ConcertId;
use model::sessions::EndReason;

/// For how long a deleted account can be restored.
pub const RESTORABLE: TimeDelta = TimeDelta::days(30);

/// Deletes the account of whoever asks, who gives the password once more: logged out everywhere, out of every queue, and
/// gone for good in thirty days. What becomes of the `tickets` for concerts to come is on record.
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
        // In one order, so that two admins who leave at the same moment see each other, and nobody waits in a circle.
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
        // Last: out of its queues it gets no ticket any more.
        match tickets {
            TicketsLeft::GiveBack => tickets::cancel_all(&services, account).await,
            TicketsLeft::Keep => Ok(()),
        }
    })
    .await
}

/// Takes an account that was put out of use out of every queue, and logs it out everywhere: neither waits for the other.
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

/// Takes the account out of every queue.
async fn withdraw(services: &Services, account: AccountId) -> Result<()> {
    let waiting = sqlx::query_scalar!(
        "SELECT concert_id FROM queue_entries WHERE account_id = $1 AND state = 'waiting'",
        account.0
    )
    .fetch_all(&services.db)
    .await?;
    for concert in waiting {
        queue::leave_as(services, account, ConcertId(concert)).await?;
    }
    Ok(())
}

/// Takes accounts out of their queues that were deactivated or deleted, and gives back the tickets that their holders have left
/// to the next in line, where a server died before it had done so, or a join came in at the same moment. Safe to run anywhere,
/// at any time.
pub async fn withdraw_unused(services: &Services) -> Result<()> {
    let waiting = sqlx::query_scalar!(
        "SELECT id FROM accounts
          WHERE (deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) AND purged_at IS NULL
            AND EXISTS (SELECT FROM queue_entries WHERE account_id = accounts.id AND state = 'waiting')"
    )
    .fetch_all(&services.db)
    .await?;
    for account in waiting {
        // One of them keeps nobody else in a queue.
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

/// Takes everything personal off the accounts that were deleted thirty days ago, and returns how many they were. Their names
/// and addresses are free again. Safe to run anywhere, at any time.
pub async fn purge(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    // Nobody can sign up with a name that begins with a hyphen, or with an address that has no dot.
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
