//! The record of admin actions.

use super::authorise;
use crate::accounts::parse_role;
use crate::sessions::Session;
use crate::{Error, Result, Services};
use chrono::{DateTime, Utc};
use model::accounts::{AccountId, Role};
use model::admin::{Actor, AdminAction, Deed};
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

/// Returns the newest hundred actions, newest first.
pub async fn actions(services: &Services, by: &Session) -> Result<Vec<AdminAction>> {
    authorise(by)?;
    sqlx::query!(
        r#"SELECT action.at, action.admin_id, admin.account_name AS "by?", account.account_name,
                  admin.purged_at AS "by_purged_at?", account.purged_at, action.action, action.old_role, action.new_role
             FROM admin_actions AS action
             JOIN accounts AS account ON account.id = action.account_id
             LEFT JOIN accounts AS admin ON admin.id = action.admin_id
            ORDER BY action.id DESC
            LIMIT 100"#
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .map(|row| {
        let deed = match (row.action.as_str(), row.old_role, row.new_role) {
            ("created", None, Some(role)) => Deed::Created {
                role: parse_role(&role)?,
            },
            ("role_changed", Some(old), Some(new)) => Deed::RoleChanged {
                old: parse_role(&old)?,
                new: parse_role(&new)?,
            },
            ("deactivated", None, None) => Deed::Deactivated,
            ("restored", None, None) => Deed::Restored,
            (action, ..) => return Err(Error::Broken(format!("unknown admin action {action:?}"))),
        };
        Ok(AdminAction {
            at: row.at,
            by: match row.admin_id {
                Some(_) => Actor::Admin {
                    account_name: row.by.filter(|_| row.by_purged_at.is_none()),
                },
                None => Actor::CommandLine,
            },
            account_name: Some(row.account_name).filter(|_| row.purged_at.is_none()),
            deed,
        })
    })
    .collect()
}
