//! Server functions of accounts.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::accounts::{Account, SignUpForm};

#[cfg(feature = "ssr")]
use crate::{
    request::{auth, client, device, services},
    sessions::{Auth, log_in_path, safe_next},
};
#[cfg(feature = "ssr")]
use model::Refusal;

/// Makes an account, logs it in and goes on to `next`.
#[server(name = SignUp, prefix = "/api", endpoint = "sign_up")]
pub async fn sign_up(
    #[server(flatten)] form: SignUpForm,
    #[server(default)] next: String,
) -> Result<Account, ApiError> {
    let services = services()?;
    let account = services::accounts::sign_up(&services, client()?, form.parse()?).await?;
    // The account exists now, whatever becomes of the session: at worst the person logs in by hand.
    let onward = match services::sessions::open(&services, &account, &device()).await {
        Ok(tokens) => {
            crate::sessions::cookies::send(&tokens, services.clock.now());
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

/// The account of whoever asks; null when logged out.
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
