//! Forms that lose nothing: what was typed into a form that was refused, without JavaScript, is there again on the next page.

use super::refusals::{self, accepts_html};
use crate::router::AppState;
use app::forms::FormEcho;
use app::posters::UPLOAD_POSTER;
use app::request::cookie;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use model::Refusal;
use std::collections::HashMap;

/// The largest body that anyone may send, but for posters.
const MOST: usize = 64 * 1024;
/// The largest form that is kept; a longer one still gets its answer.
const MOST_KEPT: usize = 32 * 1024;

/// Over https the prefix makes browsers refuse it from any other host: what one person typed must not be put before another.
fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-frontrow_form",
        false => "frontrow_form",
    }
}

/// The argument in the address under which Leptos sends a refusal back to the form.
const REFUSED: &str = "__err=";

/// The argument in the address of a page that shows what was typed before it is saved.
const SEEN: &str = "preview=";

/// What has to be known of a request when its answer is there.
pub enum Form {
    /// No form of a browser.
    None,
    /// What it held.
    Typed(Bytes),
    /// The page on which it is shown again: from here on nobody has to keep it.
    Shown,
}

/// Refuses bodies that are too large, keeps what a form holds, and gives what a refused one held to the page that follows.
pub async fn take_in(state: &AppState, mut request: Request) -> Result<(Request, Form), Response> {
    let html = accepts_html(request.headers());
    if request.method() == Method::GET {
        let name = cookie_name(state.settings.secure);
        // Only the page that says what was refused, or shows it before it is saved, shows what was typed.
        let id = match html && shows_what_was_typed(&request) {
            true => cookie(request.headers(), name).map(str::to_owned),
            false => None,
        };
        let Some(id) = id else {
            return Ok((request, Form::None));
        };
        let fields = services::forms::take(&state.services, &id)
            .await
            .unwrap_or_default();
        request.extensions_mut().insert(FormEcho(fields));
        return Ok((request, Form::Shown));
    }
    if request.uri().path() == UPLOAD_POSTER {
        // Longer than what is read here, by people who are asked first who they are: its handler reads it.
        return Ok((request, Form::None));
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST).await else {
        return Err(refusals::answer(&parts.headers, Refusal::TooLarge));
    };
    let form = match html && is_form(&parts.headers) && body.len() <= MOST_KEPT {
        true => Form::Typed(body.clone()),
        false => Form::None,
    };
    Ok((Request::from_parts(parts, Body::from(body)), form))
}

/// Keeps what a form held that was refused, or is to be seen before it is saved.
pub async fn keep_refused(state: &AppState, form: Form, response: &mut Response) {
    match form {
        Form::None => {}
        Form::Shown => set_cookie(state, response, "", 0),
        Form::Typed(typed) if is_shown_again(response) => keep(state, &typed, response).await,
        Form::Typed(_) => {}
    }
}

async fn keep(state: &AppState, typed: &Bytes, response: &mut Response) {
    let fields: HashMap<String, String> =
        serde_urlencoded::from_bytes::<Vec<(String, String)>>(typed)
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| !is_secret(name))
            .collect();
    match services::forms::keep(&state.services, &fields).await {
        Ok(id) => set_cookie(state, response, &id, services::forms::LIFE.num_seconds()),
        // The refusal still reaches the reader; only what was typed is lost.
        Err(error) => tracing::warn!(%error, "a form could not be kept"),
    }
}

/// Whether a field's name says that its value is to be known to nobody else.
fn is_secret(name: &str) -> bool {
    ["password", "token", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

fn set_cookie(state: &AppState, response: &mut Response, value: &str, max_age: i64) {
    let secure = if state.settings.secure {
        "; Secure"
    } else {
        ""
    };
    let name = cookie_name(state.settings.secure);
    let cookie =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Whether its page may show a form with what was typed into it before.
pub fn shows_what_was_typed(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.starts_with(REFUSED) || pair.starts_with(SEEN))
}

/// The server function handler sends a refused form back to where it came from, with the refusal in the address; that of
/// the preview sends it back to be seen.
fn is_shown_again(response: &Response) -> bool {
    response.status().is_redirection()
        && response
            .headers()
            .get(header::LOCATION)
            .and_then(|location| location.to_str().ok())
            .is_some_and(|location| location.contains(REFUSED) || location.contains(SEEN))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}
