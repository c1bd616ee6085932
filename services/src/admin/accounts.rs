//! Accounts, as admins find and change them.

use crate::accounts::{self, RESTORABLE, parse_role};
use crate::admin_log::{Done, record};
use crate::sessions::{self, Session};
use crate::to_the_end::to_the_end;
use crate::{Result, Services, tickets};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::accounts::{AccountId, Email, Role};
use model::admin::{
    ACCOUNTS_PER_PAGE, AccountAction, AccountEntry, AccountPage, AccountState, Deed,
};
use model::sessions::EndReason;
use model::tickets::RevokeReason;
use sqlx::PgConnection;

struct Row {
    id: i64,
    account_name: String,
    name: String,
    nickname: String,
    email: String,
    role: String,
    created_at: DateTime<Utc>,
    deactivated_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
}

impl Row {
    fn entry(self) -> Result<AccountEntry> {
        let state = match (self.deleted_at, self.deactivated_at) {
            (Some(at), _) => AccountState::Deleted {
                at,
                purged_at: at + RESTORABLE,
            },
            (None, Some(at)) => AccountState::Deactivated { at },
            (None, None) => AccountState::Active,
        };
        Ok(AccountEntry {
            id: AccountId(self.id),
            account_name: self.account_name,
            name: self.name,
            nickname: self.nickname,
            email: self.email,
            role: parse_role(&self.role)?,
            created_at: self.created_at,
            state,
        })
    }
}

/// Returns the accounts whose account name, nickname, full name or e-mail address contains
/// `search`, ignoring case; a complete e-mail address is found in any spelling. An empty `search`
/// finds all accounts. Newest first; `page` counts from 1. Purged accounts and those of rehearsals
/// are left out.
pub async fn list(
    services: &Services,
    by: &Session,
    search: &str,
    page: u32,
) -> Result<AccountPage> {
    by.require_admin()?;
    let search = search.trim();
    let email = Email::parse(search).ok();
    let email = email.as_ref().map_or("", Email::as_str);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!" FROM accounts
            WHERE purged_at IS NULL AND rehearsal_id IS NULL
              AND ($1 = '' OR strpos(lower(account_name || ' ' || nickname || ' ' || name || ' ' || email), lower($1)) > 0 OR email = $2)"#,
        search,
        email
    )
    .fetch_one(&services.db)
    .await? as u64;
    let pages = total.div_ceil(ACCOUNTS_PER_PAGE.into()).max(1) as u32;
    let page = page.clamp(1, pages);
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, account_name, name, nickname, email, role, created_at, deactivated_at, deleted_at FROM accounts
          WHERE purged_at IS NULL AND rehearsal_id IS NULL
            AND ($1 = '' OR strpos(lower(account_name || ' ' || nickname || ' ' || name || ' ' || email), lower($1)) > 0 OR email = $2)
          ORDER BY id DESC LIMIT $3 OFFSET $4",
        search,
        email,
        i64::from(ACCOUNTS_PER_PAGE),
        i64::from(page - 1) * i64::from(ACCOUNTS_PER_PAGE)
    )
    .fetch_all(&services.db)
    .await?;
    Ok(AccountPage {
        accounts: rows.into_iter().map(Row::entry).collect::<Result<_>>()?,
        total,
        page,
        pages,
    })
}

/// Returns one account, or [`Refusal::NotFound`] if it does not exist, is purged, or belongs to a
/// rehearsal.
pub async fn find(services: &Services, by: &Session, id: AccountId) -> Result<AccountEntry> {
    by.require_admin()?;
    sqlx::query_as!(
        Row,
        "SELECT id, account_name, name, nickname, email, role, created_at, deactivated_at, deleted_at FROM accounts
          WHERE id = $1 AND purged_at IS NULL AND rehearsal_id IS NULL",
        id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?
    .entry()
}

/// Changes the role of an account, with effect from its next request. Refuses the caller's own
/// account with [`Refusal::OwnAccount`].
pub async fn change_role(
    services: &Services,
    by: &Session,
    id: AccountId,
    role: Role,
) -> Result<AccountEntry> {
    let (services, by) = (services.clone(), by.clone());
    to_the_end(async move {
        let mut transaction = crate::stores::begin(&services.db).await?;
        let entry = lock(&mut transaction, &by, id).await?;
        if entry.role != role {
            sqlx::query!(
                "UPDATE accounts SET role = $2 WHERE id = $1",
                id.0,
                role.as_str()
            )
            .execute(&mut *transaction)
            .await?;
            let (old, new) = (entry.role, role);
            let done = done(&services, &by, id, Deed::RoleChanged { old, new });
            record(&mut transaction, &done).await?;
        }
        if entry.state == AccountState::Active {
            sessions::retell(&services, &mut transaction, id).await?;
        }
        transaction.commit().await?;
        if entry.role != role {
            tracing::warn!(
                target: "security",
                event = "role_changed",
                by = by.account_id.0,
                account = id.0,
                from = entry.role.as_str(),
                to = role.as_str(),
            );
        }
        find(&services, &by, id).await
    })
    .await
}

/// Deactivates an account, which ends its sessions and removes it from every queue, or restores a
/// deactivated or deleted one. Refuses the caller's own account with [`Refusal::OwnAccount`].
/// Repeating an action changes nothing.
pub async fn act(
    services: &Services,
    by: &Session,
    id: AccountId,
    action: AccountAction,
) -> Result<AccountEntry> {
    let (services, by) = (services.clone(), by.clone());
    to_the_end(async move {
        let mut transaction = crate::stores::begin(&services.db).await?;
        lock(&mut transaction, &by, id).await?;
        let (changed, deed) = match action {
            AccountAction::Deactivate => (
                sqlx::query!(
                    "UPDATE accounts SET deactivated_at = $2 WHERE id = $1 AND deactivated_at IS NULL",
                    id.0,
                    services.clock.now()
                )
                .execute(&mut *transaction)
                .await?,
                Deed::Deactivated,
            ),
            AccountAction::Restore => (
                sqlx::query!(
                    "UPDATE accounts SET deactivated_at = NULL, deleted_at = NULL, tickets_when_deleted = NULL
                      WHERE id = $1 AND (deactivated_at IS NOT NULL OR deleted_at IS NOT NULL)",
                    id.0
                )
                .execute(&mut *transaction)
                .await?,
                Deed::Restored,
            ),
        };
        if changed.rows_affected() > 0 {
            record(&mut transaction, &done(&services, &by, id, deed)).await?;
        }
        if action == AccountAction::Restore {
            transaction.commit().await?;
        } else {
            let reason = EndReason::Deactivated;
            let ended =
                sessions::end_records(&services, &mut transaction, id, None, reason).await?;
            transaction.commit().await?;
            accounts::retire(&services, id, ended).await?;
        }
        find(&services, &by, id).await
    })
    .await
}

/// Deactivates an account as [`act`] does, then revokes its live tickets: each goes to the next in
/// line.
pub async fn deactivate_and_revoke(
    services: &Services,
    by: &Session,
    id: AccountId,
    reason: &RevokeReason,
) -> Result<AccountEntry> {
    let (services, by, reason) = (services.clone(), by.clone(), reason.clone());
    to_the_end(async move {
        // First: an account that has left its queues receives no further ticket.
        let entry = act(&services, &by, id, AccountAction::Deactivate).await?;
        tickets::revoke_all(&services, &by, id, &reason).await?;
        Ok(entry)
    })
    .await
}

fn done(services: &Services, by: &Session, to: AccountId, deed: Deed) -> Done {
    Done {
        by: Some(by.account_id),
        to,
        at: services.clock.now(),
        deed,
    }
}

/// Returns the account and locks it until the transaction ends. Refuses a caller who is no longer
/// an admin: if two admins remove each other's rights at the same moment, one of them keeps them.
async fn lock(transaction: &mut PgConnection, by: &Session, id: AccountId) -> Result<AccountEntry> {
    by.require_admin()?;
    if id == by.account_id {
        return Err(Refusal::OwnAccount.into());
    }
    // Locks both rows in one order, so that two calls cannot deadlock.
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, account_name, name, nickname, email, role, created_at, deactivated_at, deleted_at FROM accounts
          WHERE id IN ($1, $2) AND purged_at IS NULL AND rehearsal_id IS NULL
          ORDER BY id FOR NO KEY UPDATE",
        id.0,
        by.account_id.0
    )
    .fetch_all(transaction)
    .await?;
    let entries: Vec<AccountEntry> = rows.into_iter().map(Row::entry).collect::<Result<_>>()?;
    let admin = entries.iter().any(|entry| {
        entry.id == by.account_id
            && entry.role == Role::Admin
            && entry.state == AccountState::Active
    });
    if !admin {
        return Err(Refusal::Forbidden.into());
    }
    let found = entries.into_iter().find(|entry| entry.id == id);
    Ok(found.ok_or(Refusal::NotFound)?)
}
