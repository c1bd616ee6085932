//! Refusals that come before any page: JSON for scripts, a small page of its own for a browser without JavaScript.

use app::error::ApiError;
use app::i18n::Locale;
use app::queue::QueueWords;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use model::Refusal;

/// The refusal, as whoever sent these headers can read it. The connection ends with it: what was sent may not have been read
/// to its end, and a client that goes on using the connection would be hung up on.
pub fn answer(headers: &HeaderMap, refusal: Refusal) -> Response {
    let page = accepts_html(headers).then(|| page(Locale::of_headers(headers), &refusal));
    let mut response = ApiError(refusal).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    if let Some(page) = page {
        *response.body_mut() = Html(page).into_response().into_body();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
    }
    response
}

/// Whether a browser itself is asking: for a page, or with a form that no JavaScript took over.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn page(locale: Locale, refusal: &Refusal) -> String {
    let words = locale.words();
    let (language, sentence, home) = (
        locale.tag(),
        (words.refusal)(refusal, words),
        QueueWords::of(locale).other_concerts,
    );
    format!(
        "<!DOCTYPE html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>Frontrow</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"></head>\
         <body><h1>{sentence}</h1><p><a href=\"/\">{home}</a></p></body></html>"
    )
}
