//! Refusals before any page is rendered: JSON for scripts, a small page of its own for a browser
//! without JavaScript.

use app::error::ApiError;
use app::i18n::Locale;
use app::queue::QueueWords;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use model::Refusal;

/// Returns the refusal in the format that the headers accept. It closes the connection: the request
/// may not have been read completely, and a client that reused the connection would fail.
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

/// Returns whether the browser itself sends the request: for a page, or a form without JavaScript.
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
