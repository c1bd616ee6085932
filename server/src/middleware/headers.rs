//! Security headers of every answer.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

const ALWAYS: [(HeaderName, HeaderValue); 7] = [
    // For answers that are not pages: nothing can be loaded from them, should a browser ever render
    // one. Pages set their own policy.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // For browsers that do not support `frame-ancestors`.
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Forms need the origin, because it is checked. Same-origin requests need the path, because a
    // form without JavaScript is redirected to it.
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
    // Cuts the `window.opener` link in both directions.
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    // Other sites cannot embed resources and learn from how they load.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    // Features that pages do not use and that would need the visitor's permission.
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
        ),
    ),
];

/// Two years of https only, for browsers that have visited once over https.
const ENCRYPTED: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Sets the headers that the answer does not set itself. `encrypted`: visitors use https.
pub fn secure(encrypted: bool, response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ENCRYPTED);
    }
}
