//! Forms that lose nothing: what was typed into a form that was refused, without JavaScript, is there again on the next page.

use super::refusals::{self, accepts_html};
use crate::middleware::sessions::cookie;
use crate::router::AppState;
use app::forms::FormEcho;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use model::Refusal;
use std::collections::HashMap;

/// The largest body that anyone may send.
const MOST: usize = 64 * 1024;
/// The largest form that is kept; a longer one still gets its answer.
const MOST_KEPT: usize = 32 * 1024;
const COOKIE: &str = "frontrow_form";

/// Refuses bodies that are too large, keeps what a refused form held, and gives it to the page that follows.
pub async fn echo(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let html = accepts_html(request.headers());
    if request.method() == Method::GET {
        if !html || !request.headers().contains_key(header::COOKIE) {
            return next.run(request).await;
        }
        let id = cookie(request.headers(), COOKIE).map(str::to_owned);
        if let Some(id) = &id {
            let fields = services::forms::take(&state.services, id)
                .await
                .unwrap_or_default();
            request.extensions_mut().insert(FormEcho(fields));
        }
        let mut response = next.run(request).await;
        if id.is_some() {
            set_cookie(&state, &mut response, "", 0);
        }
        return response;
    }

    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST).await else {
        return refusals::answer(&parts.headers, Refusal::TooLarge);
    };
    let typed = (html && is_form(&parts.headers) && body.len() <= MOST_KEPT).then(|| body.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    match typed {
        Some(typed) if was_refused(&response) => keep(&state, &typed, response).await,
        _ => response,
    }
}

async fn keep(state: &AppState, typed: &Bytes, mut response: Response) -> Response {
    let fields: HashMap<String, String> =
        serde_urlencoded::from_bytes::<Vec<(String, String)>>(typed)
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| !name.contains("password"))
            .collect();
    match services::forms::keep(&state.services, &fields).await {
        Ok(id) => set_cookie(
            state,
            &mut response,
            &id,
            services::forms::LIFE.num_seconds(),
        ),
        // The refusal still reaches the reader; only what was typed is lost.
        Err(error) => tracing::warn!(%error, "a form could not be kept"),
    }
    response
}

fn set_cookie(state: &AppState, response: &mut Response, value: &str, max_age: i64) {
    let secure = if state.settings.secure {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The server function handler sends a refused form back to where it came from, with the refusal in the address.
fn was_refused(response: &Response) -> bool {
    response.status().is_redirection()
        && response
            .headers()
            .get(header::LOCATION)
            .and_then(|location| location.to_str().ok())
            .is_some_and(|location| location.contains("__err="))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}
