//! Who is asking.

use crate::router::AppState;
use app::sessions::{Auth, cookies};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use model::Refusal;
use services::limits::Client;
use services::sessions::{self, Tokens};
use std::net::IpAddr;

/// Puts [`Auth`] into the request. A browser whose access token has run out, but not its refresh token, gets the new ones
/// that are returned with whatever it asked for.
pub async fn identify(state: &AppState, address: IpAddr, request: &mut Request) -> Option<Tokens> {
    let path = request.uri().path();
    if path.starts_with("/pkg/") || path.starts_with("/fonts/") {
        return None;
    }
    let (auth, renewed) = who(state, address, request.headers()).await;
    request.extensions_mut().insert(auth);
    renewed
}

/// Hands over tokens that were renewed on the way.
pub fn hand_over(state: &AppState, renewed: Option<Tokens>, response: &mut Response) {
    // Whatever the answer itself says of these cookies (a log-in, a log-out) is newer than this.
    if let Some(tokens) = renewed
        && !sets_cookie(response, cookies::refresh_name(state.settings.secure))
    {
        for cookie in cookies::hand_over(&state.settings, &tokens, state.services.clock.now()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

fn sets_cookie(response: &Response, name: &str) -> bool {
    let set = response.headers().get_all(header::SET_COOKIE).iter();
    set.filter_map(|cookie| cookie.to_str().ok())
        .any(|cookie| cookie.split('=').next() == Some(name))
}

async fn who(state: &AppState, address: IpAddr, headers: &HeaderMap) -> (Auth, Option<Tokens>) {
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
            auth => return (auth, None),
        }
    }
    let refresh = cookie(headers, cookies::refresh_name(secure)).filter(|_| bearer.is_none());
    let Some(refresh) = refresh else {
        return (Auth::Anonymous, None);
    };
    let from = Client::at(address);
    match Box::pin(sessions::refresh(&state.services, from, refresh)).await {
        Ok(tokens) => (authenticated(state, &tokens.access).await, Some(tokens)),
        Err(error) => (auth_of(&error), None),
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
        // Whoever they are, they still are: nobody is sent to log in because many refresh at once.
        Refusal::TooManyRequests { .. } => Auth::Unavailable,
        _ => Auth::Anonymous,
    }
}

/// A cookie's value; ours hold nothing that needs decoding.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}
