//! The end of an account: deleted by its owner, restorable for thirty days, then purged of everything personal.
//!
//! Whatever happens to an account, its tickets stay: they are the accounting of a sale.

use super::profile::confirm;
use crate::sessions::{self, Session};
use crate::{Client, Result, Services, queue};
use chrono::TimeDelta;
use model::Refusal;
use model::accounts::{AccountId, Role};
use model::concerts::ConcertId;
use model::sessions::EndReason;

/// For how long a deleted account can be restored.
pub const RESTORABLE: TimeDelta = TimeDelta::days(30);

/// Deletes the account of whoever asks, who gives the password once more: logged out everywhere, out of every queue, and
/// gone for good in thirty days.
///
/// [`Refusal::WrongPassword`]; [`Refusal::OwnAccount`] for the last admin.
pub async fn delete(
    services: &Services,
    from: &Client,
    session: &Session,
    password: &str,
) -> Result<()> {
    confirm(services, from, session, password).await?;
    let mut transaction = crate::stores::begin(&services.db).await?;
    // In one order, so that two admins who leave at the same moment see each other.
    let admins = sqlx::query_scalar!(
        "SELECT id FROM accounts
          WHERE role = 'admin' AND deactivated_at IS NULL AND deleted_at IS NULL
          ORDER BY id FOR UPDATE"
    )
    .fetch_all(&mut *transaction)
    .await?;
    if admins == [session.account_id.0] {
        return Err(Refusal::OwnAccount.into());
    }
    sqlx::query!(
        "UPDATE accounts SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL",
        session.account_id.0,
        services.clock.now()
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    sessions::end_all(services, session.account_id, None, EndReason::Deleted).await?;
    withdraw(services, session.account_id).await
}

/// Takes the account out of every queue.
pub(crate) async fn withdraw(services: &Services, account: AccountId) -> Result<()> {
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

/// Takes accounts out of their queues that were deactivated or deleted, where a server died before it had done so, or a join
/// came in at the same moment. Safe to run anywhere, at any time.
pub async fn withdraw_unused(services: &Services) -> Result<()> {
    let waiting = sqlx::query_scalar!(
        "SELECT id FROM accounts
          WHERE (deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) AND purged_at IS NULL
            AND EXISTS (SELECT FROM queue_entries WHERE account_id = accounts.id AND state = 'waiting')"
    )
    .fetch_all(&services.db)
    .await?;
    for account in waiting {
        withdraw(services, AccountId(account)).await?;
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
    ] {
        table.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(purged.len() as u64)
}
