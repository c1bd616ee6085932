//! The record of admin actions.

use crate::accounts::parse_role;
use crate::sessions::Session;
use crate::{Error, Result, Services};

use model::admin::{Actor, AdminAction, Deed};

/// Returns the newest hundred actions, newest first.
pub async fn actions(services: &Services, by: &Session) -> Result<Vec<AdminAction>> {
    by.require_admin()?;
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
