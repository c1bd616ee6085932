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

/// Tokens for a client that keeps them itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenPair {
    /// To be sent as `Authorization: Bearer …`.
    pub access_token: Secret,
    /// Good for one `refresh_token`; takes the place of the one that was sent.
    pub refresh_token: Secret,
    /// Seconds until the access token ends.
    pub expires_in: i64,
}

/// Starts a session in this browser and goes on to `next`.
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

/// Ends the session: its tokens open nothing any more, anywhere. Logging out twice is no mistake.
///
/// A client that keeps its tokens itself, and whose access token has run out, sends its refresh token.
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

/// Logs in a client that keeps its tokens itself: no cookie is set.
#[server(name = CreateToken, prefix = "/api", endpoint = "create_token")]
pub async fn create_token(account_name: String, password: Secret) -> Result<TokenPair, ApiError> {
    let services = services()?;
    let (_, tokens) =
        services::sessions::log_in(&services, &client()?, &account_name, password.expose()).await?;
    Ok(TokenPair::new(tokens, services.clock.now()))
}

/// Exchanges a refresh token for fresh tokens. It is good once; using it again ends the session.
#[server(name = RefreshToken, prefix = "/api", endpoint = "refresh_token")]
pub async fn refresh_token(refresh_token: Secret) -> Result<TokenPair, ApiError> {
    let services = services()?;
    let tokens = services::sessions::refresh(&services, &client()?, refresh_token.expose()).await?;
    Ok(TokenPair::new(tokens, services.clock.now()))
}

/// Where the account is logged in.
#[server(name = ListSessions, prefix = "/api", endpoint = "list_sessions", input = GetUrl)]
pub async fn list_sessions() -> Result<Sessions, ApiError> {
    Ok(services::sessions::list(&services()?, &session()?).await?)
}

/// Logs another device of the account out, at once.
#[server(name = EndSession, prefix = "/api", endpoint = "end_session")]
pub async fn end_session(sid: String) -> Result<(), ApiError> {
    services::sessions::end_session(&services()?, &session()?, &sid).await?;
    Done::SessionEnded.redirect();
    Ok(())
}

/// Logs every other device of the account out, at once.
#[server(name = EndOtherSessions, prefix = "/api", endpoint = "end_other_sessions")]
pub async fn end_other_sessions() -> Result<(), ApiError> {
    services::sessions::end_other_sessions(&services()?, &session()?).await?;
    Done::OthersEnded.redirect();
    Ok(())
}

/// The passwords that were tried in vain before the account was last logged in to; null when there were none, when that was
/// dismissed, or a week later.
#[server(name = GetWrongPasswords, prefix = "/api", endpoint = "wrong_passwords", input = GetUrl)]
pub async fn wrong_passwords() -> Result<Option<WrongPasswords>, ApiError> {
    Ok(services::sessions::wrong_passwords(&services()?, &session()?).await?)
}

/// They are told of no more.
#[server(name = DismissWrongPasswords, prefix = "/api", endpoint = "dismiss_wrong_passwords")]
pub async fn dismiss_wrong_passwords() -> Result<(), ApiError> {
    services::sessions::dismiss_wrong_passwords(&services()?, &session()?).await?;
    leptos_axum::redirect("/account");
    Ok(())
}

/// Why this browser's last session ended, if somebody else ended it.
#[server(name = LastSession, prefix = "/api", endpoint = "last_session", input = GetUrl)]
pub async fn last_session() -> Result<Option<EndReason>, ApiError> {
    Ok(ended())
}

/// Who is looking, from the token alone: no store is asked again. None when logged out.
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
