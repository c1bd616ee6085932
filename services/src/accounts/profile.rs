//! What people change about their own account.

use super::{Asker, common, find, reserved, taken};
use crate::edits;
use crate::limits::guesses::Guess;
use crate::sessions::{self, Session};
use crate::to_the_end::to_the_end;
use crate::{Client, Result, Services, limits};
use model::Refusal;
use model::accounts::{Account, Password, ProfileForm, Role};
use model::sessions::EndReason;

/// Changes what others see, and where the person can be reached. [`Refusal::Invalid`] with everything that is wrong at once,
/// [`Refusal::EmailTaken`]. Names that are kept for those who run the service are for admins alone.
///
/// By a form that was `opened` some time ago, what its reader left alone stays as it is now, and
/// [`Refusal::ChangedMeanwhile`] names what was changed to something else.
///
/// Another e-mail needs the `password` once more, or a session that was left open would be enough to take the account over:
/// [`Refusal::WrongPassword`].
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

/// Sets a new password and ends every other session of the account. [`Refusal::WrongPassword`] if `current` is not the one
/// in use, [`model::ProblemKind::TooCommon`] if very many people use the new one.
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
        // Not over a change that was made meanwhile, by somebody who knew the same password.
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

/// The hash that the password was verified against, or [`Refusal::WrongPassword`]. Wrong ones count as those of log-ins do:
/// a session that was left open is no way to guess the password.
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
