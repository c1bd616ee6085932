//! Server functions of accounts.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::Secret;
use model::accounts::{Account, ProfileForm, SignUpForm};

use crate::{
    accounts::Done,
    forms::parse_opened,
    request::{auth, client, services, session},
    sessions::{Auth, cookies, log_in_path, safe_next},
};
use model::{
    Refusal,
    accounts::{Password, TicketsLeft},
};

/// Creates an account, logs it in and redirects to `next`.
#[server(name = SignUp, prefix = "/api", endpoint = "sign_up")]
pub async fn sign_up(
    #[server(flatten)] form: SignUpForm,
    #[server(default)] next: String,
) -> Result<Account, ApiError> {
    let services = services()?;
    let account = services::accounts::sign_up(&services, &client()?, form.parse()?).await?;
    // The account exists even if no session can be opened; the user then has to log in.
    let onward = match services::sessions::open(&services, &client()?, &account).await {
        Ok(tokens) => {
            cookies::send(&tokens, services.clock.now());
            safe_next(&next).to_owned()
        }
        Err(error) => {
            tracing::warn!(%error, "signed up, but not logged in");
            log_in_path(&next)
        }
    };
    leptos_axum::redirect(&onward);
    Ok(account)
}

/// Returns the caller's account, or null when logged out.
#[server(name = CurrentAccount, prefix = "/api", endpoint = "current_account", input = GetUrl)]
pub async fn current_account() -> Result<Option<Account>, ApiError> {
    match auth() {
        Auth::LoggedIn(session) => Ok(Some(
            services::accounts::find(&services()?, session.account_id).await?,
        )),
        Auth::Anonymous => Ok(None),
        Auth::Unavailable => Err(Refusal::Unavailable.into()),
    }
}

/// Changes name, nickname and e-mail. Changing the e-mail requires the current password.
#[server(name = ChangeProfile, prefix = "/api", endpoint = "change_profile")]
pub async fn change_profile(
    #[server(default)] current_password: Option<Secret>,
    #[server(default)] opened: String,
    #[server(flatten)] form: ProfileForm,
) -> Result<Account, ApiError> {
    let account = services::accounts::change_profile(
        &services()?,
        &client()?,
        &session()?,
        parse_opened(&opened)?.as_ref(),
        form,
        current_password.as_ref().map_or("", Secret::expose),
    )
    .await?;
    Done::Profile.redirect();
    Ok(account)
}

/// Sets a new password and ends all other sessions of the account.
#[server(name = ChangePassword, prefix = "/api", endpoint = "change_password")]
pub async fn change_password(current_password: Secret, password: Secret) -> Result<(), ApiError> {
    let session = session()?;
    let new = Password::parse_new(password.expose(), &session.account_name)?;
    services::accounts::change_password(
        &services()?,
        &client()?,
        &session,
        current_password.expose(),
        &new,
    )
    .await?;
    Done::Password.redirect();
    Ok(())
}

/// Deletes the account: it is logged out everywhere and leaves all its queues. An admin can restore
/// it for thirty days. `tickets` decides whether tickets for upcoming concerts are given back, so
/// that they go to the next in the queue, or stay valid for entry.
#[server(name = DeleteAccount, prefix = "/api", endpoint = "delete_account")]
pub async fn delete_account(
    current_password: Secret,
    #[server(default)] tickets: TicketsLeft,
) -> Result<(), ApiError> {
    services::accounts::delete(
        &services()?,
        &client()?,
        &session()?,
        current_password.expose(),
        tickets,
    )
    .await?;
    cookies::clear(None);
    Done::Deleted.redirect();
    Ok(())
}
