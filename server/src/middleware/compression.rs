//! Answers that are long enough to be worth it are compressed.
//!
//! Not as a layer around everything: its body type is 6 KB, which every answer would be wrapped in and moved about with, and
//! which an open stream would keep for as long as it lasts (docs/benchmarks.md).

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
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

/// Answers, compressed if the request allows it.
pub async fn run(request: Request, next: Next) -> Response {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).cloned();
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
