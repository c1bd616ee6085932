//! Writes the record of admin actions, each in the transaction that performs it.

use crate::Result;
use chrono::{DateTime, Utc};
use model::accounts::{AccountId, Role};
use model::admin::Deed;
use sqlx::PgConnection;

/// An action of an admin on an account.
pub(crate) struct Done {
    /// `None` for the command line.
    pub by: Option<AccountId>,
    pub to: AccountId,
    pub at: DateTime<Utc>,
    pub deed: Deed,
}

/// Records the action, in the transaction that performs it.
pub(crate) async fn record(transaction: &mut PgConnection, done: &Done) -> Result<()> {
    let (action, old, new) = match done.deed {
        Deed::Created { role } => ("created", None, Some(role)),
        Deed::RoleChanged { old, new } => ("role_changed", Some(old), Some(new)),
        Deed::Deactivated => ("deactivated", None, None),
        Deed::Restored => ("restored", None, None),
    };
    sqlx::query!(
        "INSERT INTO admin_actions (at, admin_id, account_id, action, old_role, new_role)
         VALUES ($1, $2, $3, $4, $5, $6)",
        done.at,
        done.by.map(|admin| admin.0),
        done.to.0,
        action,
        old.map(Role::as_str),
        new.map(Role::as_str)
    )
    .execute(transaction)
    .await?;
    Ok(())
}
