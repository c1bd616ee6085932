//! `Cache-Control`: which answers may be stored, and by whom.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// A file may be available with several content encodings.
const PACKED: HeaderValue = HeaderValue::from_static("accept-encoding");
/// Files that browsers always request under the same name.
const NAMED: [&str; 4] = [
    "/favicon.svg",
    "/touch.png",
    "/manifest.webmanifest",
    "/bell.js",
];

/// Sets `Cache-Control`. Files and pictures with a hash in their name never change. Pages and other
/// answers are valid for one client at one moment.
pub fn mark(path: &str, response: &mut Response) {
    let value = if response.headers().contains_key(header::SET_COOKIE) {
        // Specific to one client, regardless of the path.
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
    // A resource that is missing today may exist tomorrow.
    let value = if good { value } else { "no-store" };
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(value));
}

/// Returns whether the path is a public file, for which no session is looked up.
pub fn is_file(path: &str) -> bool {
    path.starts_with("/pkg/") || path.starts_with("/fonts/") || NAMED.contains(&path)
}

/// Matches `frontrow.<hash>.js`, but not `frontrow.js`.
fn is_hashed(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.split('.').count() > 2)
}
