//! Keeps a language named in an address for the visit, because the links on its page name none.

use app::i18n::{LANGUAGE_COOKIE, Locale};
use app::request;
use app::sessions::cookies;
use app::settings::Settings;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;

/// Returns the cookie of the visit if the address names a language other than the one that the page
/// would have without it. A language chosen with the switch takes precedence.
pub fn named(settings: &Settings, request: &Request) -> Option<HeaderValue> {
    let locale = Locale::in_address(request.uri())?;
    let headers = request.headers();
    let chosen = request::cookie(headers, LANGUAGE_COOKIE).is_some();
    let another = !chosen && Locale::of_headers(headers) != locale;
    (another && request.method() == Method::GET)
        .then(|| cookies::visit_language(settings, locale))
        .flatten()
}

/// Adds the cookie to a page only: pictures and data are also fetched by other clients.
pub fn keep(cookie: Option<HeaderValue>, response: &mut Response) {
    if let Some(cookie) = cookie
        && response.status().is_success()
        && is_page(response.headers())
    {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
