//! Changes that users make to their own account.

use super::{Asker, common, find, reserved, taken};
use crate::edits;
use crate::limits::guesses::Guess;
use crate::sessions::{self, Session};
use crate::to_the_end::to_the_end;
use crate::{Client, Result, Services, limits};
use model::Refusal;
use model::accounts::{Account, Password, ProfileForm, Role};
use model::sessions::EndReason;

/// Changes what others see of an account, and its e-mail address. [`Refusal::Invalid`] lists all
/// problems at once; [`Refusal::EmailTaken`] if another account has the address. Reserved names are
/// for admins only.
///
/// With the form as it was `opened`, fields that the user left alone keep their current value, and
/// [`Refusal::ChangedMeanwhile`] names the fields that were changed to a different value meanwhile.
///
/// A new e-mail address requires the `password` again, because an unattended session would
/// otherwise be enough to take over the account: [`Refusal::WrongPassword`].
pub async fn change_profile(
    services: &Services,
    from: &Client,
    session: &Session,
    opened: Option<&ProfileForm>,
    typed: ProfileForm,
    password: &str,
) -> Result<Account> {
    let known = find(services, session.account_id).await?;
    let form = match opened {
        Some(opened) => edits::merged(opened, &typed, &ProfileForm::from(&known))?,
        None => typed,
    };
    let profile = form.parse(&known.email)?;
    if session.role != Role::Admin {
        reserved::refuse_change(&known.nickname, &profile)?;
    }
    limits::change_profile(services, session.account_id).await?;
    if known.email != profile.email.as_str() {
        confirm(services, from, session, password).await?;
    }
    let (services, account) = (services.clone(), session.account_id);
    to_the_end(async move {
        let mut transaction = crate::stores::begin(&services.db).await?;
        sqlx::query!(
            "UPDATE accounts SET name = $2, nickname = $3, email = $4 WHERE id = $1",
            account.0,
            profile.name,
            profile.nickname,
            profile.email.as_str()
        )
        .execute(&mut *transaction)
        .await
        .map_err(taken)?;
        sessions::retell(&services, &mut transaction, account).await?;
        transaction.commit().await?;
        find(&services, account).await
    })
    .await
}

/// Sets a new password and ends every other session of the account. [`Refusal::WrongPassword`] if
/// `current` is not the password in use, [`model::ProblemKind::TooCommon`] if the new one is too
/// common.
pub async fn change_password(
    services: &Services,
    from: &Client,
    session: &Session,
    current: &str,
    new: &Password,
) -> Result<()> {
    common::refuse(new)?;
    let verified = confirm(services, from, session, current).await?;
    let turn = services.passwords.turn(Asker::of(from)).await?;
    let hash = turn.hash(new.expose()).await?;
    let (services, session) = (services.clone(), session.clone());
    to_the_end(async move {
        let account = session.account_id;
        let mut transaction = crate::stores::begin(&services.db).await?;
        // Does not overwrite a change made in the meantime by another client that knew the same
        // password.
        let changed = sqlx::query!(
            "UPDATE accounts SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
            account.0,
            hash,
            verified
        )
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(Refusal::WrongPassword.into());
        }
        let (keep, reason) = (Some(session.sid.as_str()), EndReason::Password);
        let ended =
            sessions::end_records(&services, &mut transaction, account, keep, reason).await?;
        transaction.commit().await?;
        sessions::finish(&services, account, ended).await
    })
    .await
}

/// Returns the hash that the password was verified against, or [`Refusal::WrongPassword`]. Wrong
/// passwords count like those of log-ins: an unattended session cannot be used to guess the
/// password.
pub(super) async fn confirm(
    services: &Services,
    from: &Client,
    session: &Session,
    password: &str,
) -> Result<String> {
    limits::log_in(services, from).await?;
    let guess = Guess::begin(services, from, &session.account_name).await?;
    let guess = guess.in_session(services, &session.sid).await?;
    guess
        .check(services, check(services, from, session, password))
        .await
}

async fn check(
    services: &Services,
    from: &Client,
    session: &Session,
    password: &str,
) -> Result<String> {
    let stored = sqlx::query_scalar!(
        "SELECT password_hash FROM accounts WHERE id = $1",
        session.account_id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotLoggedIn)?;
    let matches = services
        .passwords
        .verify(Asker::of(from), password, Some(stored.clone()))
        .await?;
    match matches {
        true => Ok(stored),
        false => Err(Refusal::WrongPassword.into()),
    }
}
