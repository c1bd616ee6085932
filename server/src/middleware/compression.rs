//! Answers that are long enough to be worth it are compressed.
//!
//! Not as a layer around everything: its body type is 6 KB, which every answer would be wrapped in and moved about with, and
//! which an open stream would keep for as long as it lasts (docs/benchmarks.md).

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;

/// Bytes: compressing somebody's place in the queue would take longer than sending it.
const WORTH_IT: u64 = 1024;
/// What is text, and ends. An event stream that is compressed is held back until a block is full.
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

/// What an answer can be compressed with.
const ENCODINGS: [&str; 4] = [GZIP, "br", "deflate", "zstd"];
const GZIP: &str = "gzip";

/// Which of ours a client accepts (RFC 9110, 12.5.3), always said in the same way: what else the client has written, such as which
/// it likes better, decides nothing, so there are few of them. None: nothing is compressed.
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

/// An encoding, and whether it is taken: not with `;q=0`, nor with a `q` that is no number.
fn offer(text: &str) -> (&str, bool) {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let quality = parameters
        .split_once('=')
        .map(|(_, quality)| quality.trim());
    let taken = quality.is_none_or(|quality| quality.parse::<f32>().is_ok_and(|q| q > 0.0));
    (name.trim(), taken)
}

/// Whether gzip is among what is [`accepted`].
pub fn takes_gzip(accepted: &HeaderValue) -> bool {
    accepted.as_bytes().starts_with(GZIP.as_bytes())
}

/// Answers, compressed if the request allows it.
pub async fn run(request: Request, next: Next) -> Response {
    let accepted = accepted(request.headers());
    let response = next.run(request).await;
    match accepted {
        Some(accepted) => of(accepted, response).await,
        None => response,
    }
}

/// The answer, compressed in one of these ways if it is worth it.
pub async fn of(accepted: HeaderValue, response: Response) -> Response {
    match is_worth_it(&response) {
        // Boxed: most answers are not compressed, and all carry what comes of this.
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
