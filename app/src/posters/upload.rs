//! Receives a file from the organiser's form: `POST /api/upload_poster?id=1` (server only).
//!
//! Not a server function: it takes a file, larger than any other request may be, and checks the
//! sender before it reads the body. A browser is redirected to the concert's form, refused or not,
//! as from every other form.

use super::{POSTER_FORM, UPLOAD_POSTER};
use crate::error::ApiError;
use crate::sessions::Auth;
use axum::body::{Body, Bytes};
use axum::extract::multipart::Field as Part;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, Multipart, Query, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, post};
use futures::StreamExt;
use leptos::server_fn::error::{SERVER_FN_ERROR_HEADER, ServerFnUrlError};
use model::concerts::ConcertId;
use model::posters::{MOST_BYTES, UploadedPoster};
use model::{Field, Problem, ProblemKind, Refusal};
use serde::{Deserialize, Serialize};
use services::posters::Upload;
use services::sessions::Session;
use services::{Services, posters};
use std::time::Duration;

/// Upper bound on the bytes that are read of a refused request and discarded. A browser that
/// receives the response before it has sent everything shows its own page about a broken
/// connection, and not the reason.
const MOST_READ: usize = 8 * MOST_BYTES as usize;
/// Upper bound on the wait for the next chunk.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the route for uploads. Bodies may be longer than elsewhere, up to what is read of a
/// refused one.
pub fn upload_route<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    post(upload).layer(DefaultBodyLimit::max(MOST_READ))
}

#[derive(Deserialize)]
struct Of {
    id: ConcertId,
}

#[derive(Serialize)]
struct Uploaded {
    poster: UploadedPoster,
}

async fn upload(
    Extension(services): Extension<Services>,
    Extension(auth): Extension<Auth>,
    request: Request,
) -> Response {
    let browser = accepts_html(request.headers());
    let Ok(Query(Of { id })) = Query::try_from_uri(request.uri()) else {
        return refused(Refusal::Malformed);
    };
    let received = match auth {
        Auth::LoggedIn(session) => receive(&services, &session, id, request).await,
        Auth::Anonymous => Err(Refusal::NotLoggedIn.into()),
        Auth::Unavailable => Err(Refusal::Unavailable.into()),
    };
    let received = received.map_err(|error| {
        let refusal = error.refusal();
        if error.is_ours() {
            tracing::error!(%error, cause = ?error, ?refusal, "a poster could not be taken");
        }
        refusal
    });
    match (browser, received) {
        (true, received) => {
            let error = received
                .as_ref()
                .err()
                .map(|_| HeaderValue::from_static(UPLOAD_POSTER));
            let mut response = Redirect::to(&form(id, received.err())).into_response();
            // Server functions mark a refused form with this header and their path.
            if let Some(path) = error {
                response.headers_mut().insert(SERVER_FN_ERROR_HEADER, path);
            }
            response
        }
        (false, Ok(poster)) => axum::Json(Uploaded { poster }).into_response(),
        (false, Err(refusal)) => refused(refusal),
    }
}

/// Closes the connection: the body may not have been read to its end, so no request can follow it.
fn refused(refusal: Refusal) -> Response {
    let mut response = ApiError(refusal).into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Returns the address of the concert's form, with the refusal encoded as for every other form.
fn form(id: ConcertId, refusal: Option<Refusal>) -> String {
    let path = format!("/concerts/{id}/edit");
    // A user who is not logged in is sent to the log-in page and has to choose the file again.
    let told = refusal.filter(|refusal| *refusal != Refusal::NotLoggedIn);
    let told = told.and_then(|refusal| {
        let error = ServerFnUrlError::new(UPLOAD_POSTER, ApiError(refusal));
        error.to_url(&format!("http://localhost{path}")).ok()
    });
    let query = told.as_ref().and_then(|url| url.query());
    match query {
        Some(query) => format!("{path}?{query}#{POSTER_FORM}"),
        None => format!("{path}#{POSTER_FORM}"),
    }
}

async fn receive(
    services: &Services,
    by: &Session,
    concert: ConcertId,
    request: Request,
) -> services::Result<UploadedPoster> {
    match posters::begin(services, by, concert).await {
        Ok(upload) => take(services, upload, request).await,
        Err(error) => {
            pour_out(request.into_body()).await;
            Err(error)
        }
    }
}

async fn take(
    services: &Services,
    upload: Upload,
    request: Request,
) -> services::Result<UploadedPoster> {
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::Malformed)?;
    let mut file = None;
    while let Some(part) = patiently(parts.next_field()).await?.map_err(broken_off)? {
        match part.name() {
            Some("poster") if file.is_none() => file = Some(read(part).await?),
            _ => {}
        }
    }
    match file {
        Some(file) if !file.is_empty() => upload.store(services, file).await,
        _ => Err(problem(ProblemKind::Missing)),
    }
}

/// Returns the file unless it is too long. Reads it to its end in any case.
async fn read(mut part: Part<'_>) -> services::Result<Bytes> {
    let mut file = Vec::new();
    let mut whole = true;
    while let Some(piece) = patiently(part.chunk()).await?.map_err(broken_off)? {
        whole = whole && file.len() + piece.len() <= MOST_BYTES as usize;
        match whole {
            true => file.extend_from_slice(&piece),
            false => file = Vec::new(),
        }
    }
    match whole {
        true => Ok(file.into()),
        false => Err(problem(ProblemKind::TooManyBytes { most: MOST_BYTES })),
    }
}

async fn pour_out(body: Body) {
    let mut read = 0;
    let mut pieces = body.into_data_stream();
    while let Ok(Some(Ok(piece))) = patiently(pieces.next()).await {
        read += piece.len();
        if read > MOST_READ {
            return;
        }
    }
}

async fn patiently<T>(piece: impl Future<Output = T>) -> services::Result<T> {
    let waited = tokio::time::timeout(PATIENCE, piece).await;
    waited.map_err(|_| Refusal::Malformed.into())
}

fn broken_off(error: axum::extract::multipart::MultipartError) -> services::Error {
    match error.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
            problem(ProblemKind::TooManyBytes { most: MOST_BYTES })
        }
        _ => Refusal::Malformed.into(),
    }
}

fn problem(kind: ProblemKind) -> services::Error {
    let problem = Problem {
        field: Field::Poster,
        kind,
    };
    Refusal::Invalid {
        problems: vec![problem],
    }
    .into()
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
