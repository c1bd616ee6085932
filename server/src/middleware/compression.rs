//! Compression of answers that are long enough.
//!
//! This is not a layer around the whole router: the body type of that layer is 6 KB, which would
//! wrap and move with every answer, and which an open stream would keep until it ends
//! (docs/benchmarks.md).

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;

/// Minimum bytes: compressing a queue view would take longer than sending it.
const WORTH_IT: u64 = 1024;
/// Text types of finite answers. A compressed event stream would be held back until a block is
/// full.
const TEXT: [&str; 8] = [
    "text/html",
    "text/css",
    "text/javascript",
    "text/plain",
    "application/json",
    "application/wasm",
    "application/xml",
    "image/svg+xml",
];

/// Supported content encodings.
const ENCODINGS: [&str; 4] = [GZIP, "br", "deflate", "zstd"];
const GZIP: &str = "gzip";

/// Returns the encodings of [`ENCODINGS`] that a client accepts (RFC 9110, 12.5.3), normalised so
/// that a cache key has few values: order, spelling and preferences of the client are dropped.
/// Returns `None` if nothing is to be compressed.
pub fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let offers: Vec<(&str, bool)> = lines.flat_map(|line| line.split(',')).map(offer).collect();
    let takes = |ours: &&str| {
        let named = offers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(ours));
        let any = || offers.iter().find(|(name, _)| *name == "*");
        named.or_else(any).is_some_and(|(_, taken)| *taken)
    };
    let ours: Vec<&str> = ENCODINGS.into_iter().filter(takes).collect();
    match ours.is_empty() {
        true => None,
        false => HeaderValue::from_str(&ours.join(", ")).ok(),
    }
}

/// Returns an encoding and whether it is accepted: not with `;q=0`, nor with a `q` that is not a
/// number.
fn offer(text: &str) -> (&str, bool) {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let quality = parameters
        .split_once('=')
        .map(|(_, quality)| quality.trim());
    let taken = quality.is_none_or(|quality| quality.parse::<f32>().is_ok_and(|q| q > 0.0));
    (name.trim(), taken)
}

/// Returns whether gzip is among the [`accepted`] encodings.
pub fn takes_gzip(accepted: &HeaderValue) -> bool {
    accepted.as_bytes().starts_with(GZIP.as_bytes())
}

/// Middleware that compresses answers if the request accepts it.
pub async fn run(request: Request, next: Next) -> Response {
    let accepted = accepted(request.headers());
    let response = next.run(request).await;
    match accepted {
        Some(accepted) => of(accepted, response).await,
        None => response,
    }
}

/// Compresses an answer with one of the accepted encodings if it is long enough.
pub async fn of(accepted: HeaderValue, response: Response) -> Response {
    match is_worth_it(&response) {
        // Boxed, because most answers are not compressed, and its future would enlarge that of all.
        true => Box::pin(compress(accepted, response)).await,
        false => response,
    }
}

fn is_worth_it(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let length = response.body().size_hint();
    let packed = response.headers().contains_key(header::CONTENT_ENCODING);
    !packed
        && TEXT.iter().any(|text| kind.starts_with(text))
        && length.upper().is_none_or(|most| most >= WORTH_IT)
}

async fn compress(accepted: HeaderValue, response: Response) -> Response {
    let mut request = Request::new(Body::empty());
    request
        .headers_mut()
        .insert(header::ACCEPT_ENCODING, accepted);
    let mut response = Some(response);
    let answering = service_fn(move |_: Request| {
        let response = response.take().unwrap_or_default();
        async { Ok::<_, Infallible>(response) }
    });
    let compressed = Compression::new(answering).oneshot(request).await;
    compressed.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_or_anything_is() {
        for (offered, takes) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("br", false),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("*;q=0", false),
            ("gzip;q=much", false),
            ("", false),
        ] {
            let offer = HeaderValue::from_static(offered);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, offer)]);
            let accepted = accepted(&headers);
            assert_eq!(
                accepted.as_ref().is_some_and(takes_gzip),
                takes,
                "{offered}"
            );
        }
    }
}
