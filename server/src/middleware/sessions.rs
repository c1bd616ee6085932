//! The session of a request.

use super::caching;
use crate::state::AppState;
use app::request::cookie;
use app::sessions::{Auth, Ended, cookies};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use model::Refusal;
use model::sessions::EndReason;
use services::Client;
use services::sessions::{self, Tokens};
use std::net::IpAddr;

/// Inserts [`Auth`] into the request. If a browser's access token has expired but not its refresh
/// token, the session is refreshed, and the new tokens are returned for the answer.
pub async fn identify(state: &AppState, address: IpAddr, request: &mut Request) -> Option<Cookies> {
    if caching::is_file(request.uri().path()) {
        return None;
    }
    let Found {
        auth,
        renewed,
        ended,
    } = who(state, address, request.headers()).await;
    let told = match &auth {
        Auth::LoggedIn(session) => {
            sessions::seen(&state.services, session, address);
            None
        }
        // An earlier request, which could not show it, has found that the session ended.
        Auth::Anonymous => ended.or_else(|| ended_before(state, request.headers())),
        Auth::Unavailable => None,
    };
    if let Some(reason) = told {
        request.extensions_mut().insert(Ended(reason));
    }
    request.extensions_mut().insert(auth);
    match (renewed, ended) {
        (Some(tokens), _) => Some(Cookies::Renewed(tokens)),
        (None, Some(reason)) => Some(Cookies::Gone(reason)),
        (None, None) => None,
    }
}

/// Changes to the browser's cookies.
pub enum Cookies {
    Renewed(Tokens),
    /// The session was ended elsewhere.
    Gone(EndReason),
}

struct Found {
    auth: Auth,
    renewed: Option<Tokens>,
    ended: Option<EndReason>,
}

impl From<Auth> for Found {
    fn from(auth: Auth) -> Found {
        Found {
            auth,
            renewed: None,
            ended: None,
        }
    }
}

fn ended_before(state: &AppState, headers: &HeaderMap) -> Option<EndReason> {
    EndReason::parse(cookie(headers, cookies::ended_name(state.settings.secure))?)
}

/// Sets the cookies of a refreshed session, and removes those of a session that has ended.
pub fn hand_over(state: &AppState, cookies: Option<Cookies>, response: &mut Response) {
    let set = match cookies {
        // Cookies set by the answer itself (a log-in or log-out) are newer.
        _ if sets_cookie(response, cookies::refresh_name(state.settings.secure)) => return,
        Some(Cookies::Renewed(tokens)) => {
            cookies::hand_over(&state.settings, &tokens, state.services.clock.now())
        }
        Some(Cookies::Gone(reason)) => cookies::take_away(&state.settings, Some(reason)),
        None => return,
    };
    for cookie in set {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn sets_cookie(response: &Response, name: &str) -> bool {
    let set = response.headers().get_all(header::SET_COOKIE).iter();
    set.filter_map(|cookie| cookie.to_str().ok())
        .any(|cookie| cookie.split('=').next() == Some(name))
}

async fn who(state: &AppState, address: IpAddr, headers: &HeaderMap) -> Found {
    let secure = state.settings.secure;
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token));
    let access = bearer.or_else(|| cookie(headers, cookies::access_name(secure)));
    if let Some(access) = access {
        match authenticated(state, access).await {
            Auth::Anonymous if bearer.is_none() => {}
            auth => return auth.into(),
        }
    }
    let refresh = cookie(headers, cookies::refresh_name(secure)).filter(|_| bearer.is_none());
    let Some(refresh) = refresh else {
        return Auth::Anonymous.into();
    };
    let from = Client::new(address, "");
    match Box::pin(sessions::refresh(&state.services, &from, refresh)).await {
        Ok(tokens) => Found {
            auth: authenticated(state, &tokens.access).await,
            renewed: Some(tokens),
            ended: None,
        },
        Err(error) => Found {
            auth: auth_of(&error),
            renewed: None,
            ended: match error.refusal() {
                Refusal::SessionEnded { reason } => Some(reason),
                _ => None,
            },
        },
    }
}

async fn authenticated(state: &AppState, access: &str) -> Auth {
    match sessions::authenticate(&state.services, access).await {
        Ok(session) => Auth::LoggedIn(session),
        Err(error) => auth_of(&error),
    }
}

fn auth_of(error: &services::Error) -> Auth {
    match error.refusal() {
        Refusal::Unavailable | Refusal::Internal => {
            tracing::warn!(%error, "a session could not be looked up");
            Auth::Unavailable
        }
        // The session may still be valid: a visitor must not be sent to log in because of many
        // concurrent refreshes.
        Refusal::TooManyRequests { .. } => Auth::Unavailable,
        _ => Auth::Anonymous,
    }
}
