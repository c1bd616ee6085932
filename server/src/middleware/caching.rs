//! What may be kept, and by whom.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// A file may be here packed in several ways.
const PACKED: HeaderValue = HeaderValue::from_static("accept-encoding");
/// Files that browsers look for under the same name for ever.
const NAMED: [&str; 4] = [
    "/favicon.svg",
    "/touch.png",
    "/manifest.webmanifest",
    "/bell.js",
];

/// Files and pictures with a hash in their name never change. Pages and answers are one person's, at one moment.
pub fn mark(path: &str, response: &mut Response) {
    let value = if response.headers().contains_key(header::SET_COOKIE) {
        // Whatever it is, it is one person's.
        "no-store"
    } else if path.starts_with("/posters/") || is_file(path) && is_hashed(path) {
        "public, max-age=31536000, immutable"
    } else if NAMED.contains(&path) {
        "public, max-age=86400"
    } else {
        "no-store"
    };
    if is_file(path) {
        response.headers_mut().entry(header::VARY).or_insert(PACKED);
    }
    let good = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    // What is not there today may be there tomorrow.
    let value = if good { value } else { "no-store" };
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(value));
}

/// Whether it is a file that is everybody's: who is asking is not even looked at.
pub fn is_file(path: &str) -> bool {
    path.starts_with("/pkg/") || path.starts_with("/fonts/") || NAMED.contains(&path)
}

/// `frontrow.<hash>.js`, as against `frontrow.js`.
fn is_hashed(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.split('.').count() > 2)
}
