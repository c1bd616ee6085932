//! Server functions of sessions.

use super::{Visitor, cookies, safe_next, visitor};
use crate::accounts::Done;
use crate::error::ApiError;
use crate::request::{Response, client, ended, services, session};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::sessions::{EndReason, Sessions, WrongPasswords};
use model::{Refusal, Secret};
use serde::{Deserialize, Serialize};

/// Tokens for a client that stores them itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenPair {
    /// Sent as `Authorization: Bearer …`.
    pub access_token: Secret,
    /// Valid for one `refresh_token`; replaces the one that was sent.
    pub refresh_token: Secret,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}

/// Starts a session in this browser and redirects to `next`.
#[server(name = LogIn, prefix = "/api", endpoint = "log_in")]
pub async fn log_in(
    account_name: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), ApiError> {
    let services = services()?;
    let (_, tokens) =
        services::sessions::log_in(&services, &client()?, &account_name, password.expose()).await?;
    cookies::send(&tokens, services.clock.now());
    leptos_axum::redirect(safe_next(&next));
    Ok(())
}

/// Ends the session: its tokens are no longer valid anywhere. Logging out twice is not an error.
///
/// A client that stores its tokens itself, and whose access token has expired, sends its refresh
/// token.
#[server(name = LogOut, prefix = "/api", endpoint = "log_out")]
pub async fn log_out(#[server(default)] refresh_token: Option<Secret>) -> Result<(), ApiError> {
    match session() {
        Ok(session) => services::sessions::log_out(&services()?, &session).await?,
        Err(ApiError(Refusal::NotLoggedIn)) => Response::set_status(200),
        Err(error) => return Err(error),
    }
    if let Some(token) = refresh_token {
        services::sessions::log_out_with(&services()?, token.expose()).await?;
    }
    cookies::clear(None);
    leptos_axum::redirect("/");
    Ok(())
}

/// Logs in a client that stores its tokens itself: no cookie is set.
#[server(name = CreateToken, prefix = "/api", endpoint = "create_token")]
pub async fn create_token(account_name: String, password: Secret) -> Result<TokenPair, ApiError> {
    let services = services()?;
    let (_, tokens) =
        services::sessions::log_in(&services, &client()?, &account_name, password.expose()).await?;
    Ok(TokenPair::new(tokens, services.clock.now()))
}

/// Exchanges a refresh token for new tokens. It is valid once; using it again ends the session.
#[server(name = RefreshToken, prefix = "/api", endpoint = "refresh_token")]
pub async fn refresh_token(refresh_token: Secret) -> Result<TokenPair, ApiError> {
    let services = services()?;
    let tokens = services::sessions::refresh(&services, &client()?, refresh_token.expose()).await?;
    Ok(TokenPair::new(tokens, services.clock.now()))
}

/// Returns where the account is logged in.
#[server(name = ListSessions, prefix = "/api", endpoint = "list_sessions", input = GetUrl)]
pub async fn list_sessions() -> Result<Sessions, ApiError> {
    Ok(services::sessions::list(&services()?, &session()?).await?)
}

/// Logs out another device of the account, effective immediately.
#[server(name = EndSession, prefix = "/api", endpoint = "end_session")]
pub async fn end_session(sid: String) -> Result<(), ApiError> {
    services::sessions::end_session(&services()?, &session()?, &sid).await?;
    Done::SessionEnded.redirect();
    Ok(())
}

/// Logs out all other devices of the account, effective immediately.
#[server(name = EndOtherSessions, prefix = "/api", endpoint = "end_other_sessions")]
pub async fn end_other_sessions() -> Result<(), ApiError> {
    services::sessions::end_other_sessions(&services()?, &session()?).await?;
    Done::OthersEnded.redirect();
    Ok(())
}

/// Returns the wrong passwords that were tried before the account's last log-in. Returns null if
/// there were none, if they were dismissed, or after a week.
#[server(name = GetWrongPasswords, prefix = "/api", endpoint = "wrong_passwords", input = GetUrl)]
pub async fn wrong_passwords() -> Result<Option<WrongPasswords>, ApiError> {
    Ok(services::sessions::wrong_passwords(&services()?, &session()?).await?)
}

/// Dismisses the report of wrong passwords.
#[server(name = DismissWrongPasswords, prefix = "/api", endpoint = "dismiss_wrong_passwords")]
pub async fn dismiss_wrong_passwords() -> Result<(), ApiError> {
    services::sessions::dismiss_wrong_passwords(&services()?, &session()?).await?;
    leptos_axum::redirect("/account");
    Ok(())
}

/// Returns why this browser's last session ended, if it was ended elsewhere.
#[server(name = LastSession, prefix = "/api", endpoint = "last_session", input = GetUrl)]
pub async fn last_session() -> Result<Option<EndReason>, ApiError> {
    Ok(ended())
}

/// Returns the account that sent the request, from the token alone: no store is read again. Returns
/// null when logged out.
#[server(name = VisitorQuery, prefix = "/api", endpoint = "visitor", input = GetUrl)]
pub async fn visitor_query() -> Result<Option<Visitor>, ApiError> {
    visitor()
}

impl TokenPair {
    fn new(tokens: services::sessions::Tokens, now: chrono::DateTime<chrono::Utc>) -> TokenPair {
        TokenPair {
            access_token: Secret::new(tokens.access),
            refresh_token: Secret::new(tokens.refresh),
            expires_in: (tokens.access_expires_at - now).num_seconds().max(0),
        }
    }
}
