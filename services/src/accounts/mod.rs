//! Accounts: who can log in.
//!
//! A name and an e-mail address belong to one account from sign-up until it is purged: also while
//! it is deactivated, and for the thirty days in which a deleted account can be restored
//! (docs/security.md).

mod common;
mod emails;
mod life;
mod password;
mod profile;
mod reserved;

pub use emails::respell;
pub(crate) use life::retire;
pub use life::{RESTORABLE, delete, purge, withdraw_unused};
pub use password::{Asker, PasswordHasher};
pub use profile::{change_password, change_profile};

use crate::{Client, Error, Result, Services, admin_log, limits};
use model::Refusal;
use model::accounts::{Account, AccountId, NewAccount, Role};
use model::admin::Deed;

/// Creates an account with the role of a plain user.
///
/// Under any number of concurrent attempts, a name and an e-mail address go to exactly one of them
/// (P8); the others are refused with [`Refusal::AccountNameTaken`] or [`Refusal::EmailTaken`]. A
/// very common password is refused too ([`model::ProblemKind::TooCommon`]), and so is a name
/// reserved for staff of the service ([`model::ProblemKind::Reserved`]).
///
/// The rate limit is checked before anything else: [`Refusal::TooManyRequests`].
pub async fn sign_up(services: &Services, from: &Client, new: NewAccount) -> Result<Account> {
    limits::sign_up(services, from).await?;
    reserved::refuse_new(&new)?;
    create_for(services, Asker::of(from), new, Role::User).await
}

/// [`sign_up`] with a role, from the command line: without a rate limit, and with reserved names
/// allowed. Any role above a plain user's is recorded.
pub async fn create(services: &Services, new: NewAccount, role: Role) -> Result<Account> {
    create_for(services, Asker::Server, new, role).await
}

async fn create_for(
    services: &Services,
    who: Asker,
    new: NewAccount,
    role: Role,
) -> Result<Account> {
    common::refuse(&new.password)?;
    // Hashing is expensive and permits are scarce: no request should wait for one in vain.
    refuse_taken(services, &new).await?;
    let turn = services.passwords.turn(who).await?;
    // The name may have been taken while this request waited.
    refuse_taken(services, &new).await?;
    let hash = turn.hash(new.password.expose()).await?;
    let mut transaction = crate::stores::begin(&services.db).await?;
    let row = sqlx::query!(
        "INSERT INTO accounts (account_name, email, name, nickname, password_hash, role, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id, created_at",
        new.account_name.as_str(),
        new.email.as_str(),
        new.name,
        new.nickname,
        hash,
        role.as_str(),
        services.clock.now()
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(taken)?;
    let id = AccountId(row.id);
    if role > Role::User {
        let created = admin_log::Done {
            by: None,
            to: id,
            at: row.created_at,
            deed: Deed::Created { role },
        };
        admin_log::record(&mut transaction, &created).await?;
    }
    transaction.commit().await?;
    Ok(Account {
        id,
        account_name: new.account_name.as_str().to_owned(),
        name: new.name,
        nickname: new.nickname,
        email: new.email.as_str().to_owned(),
        role,
        created_at: row.created_at,
    })
}

/// Maps a violated constraint to the refusal that names it.
fn taken(error: sqlx::Error) -> Error {
    if Error::is_on_constraint(&error, "accounts_account_name_key") {
        Refusal::AccountNameTaken.into()
    } else if Error::is_on_constraint(&error, "accounts_email_key") {
        Refusal::EmailTaken.into()
    } else {
        error.into()
    }
}

async fn refuse_taken(services: &Services, new: &NewAccount) -> Result<()> {
    let taken = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM accounts WHERE account_name = $1) AS "name!",
                  EXISTS (SELECT FROM accounts WHERE email = $2) AS "email!""#,
        new.account_name.as_str(),
        new.email.as_str()
    )
    .fetch_one(&services.db)
    .await?;
    match (taken.name, taken.email) {
        (true, _) => Err(Refusal::AccountNameTaken.into()),
        (_, true) => Err(Refusal::EmailTaken.into()),
        _ => Ok(()),
    }
}

/// Returns the account, or [`Refusal::NotFound`].
pub async fn find(services: &Services, id: AccountId) -> Result<Account> {
    let row = sqlx::query!(
        "SELECT id, account_name, name, nickname, email, role, created_at FROM accounts WHERE id = $1",
        id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    Ok(Account {
        id: AccountId(row.id),
        account_name: row.account_name,
        name: row.name,
        nickname: row.nickname,
        email: row.email,
        role: parse_role(&row.role)?,
        created_at: row.created_at,
    })
}

/// Returns whether there is an active admin.
pub async fn any_admin(services: &Services) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin' AND deactivated_at IS NULL AND deleted_at IS NULL) AS "any!""#
    )
    .fetch_one(&services.db)
    .await?)
}

pub(crate) fn parse_role(stored: &str) -> Result<Role> {
    Role::parse(stored)
        .ok_or_else(|| Error::Broken(format!("unknown role {stored:?} in the database")))
}
