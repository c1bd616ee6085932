//! Serves posters: `GET /posters/{concert}/{hash}-{width}.jpg` (server only).
//!
//! They are public, and another picture has another address, so they may be cached forever.

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Refusal;
use model::concerts::ConcertId;
use model::posters::UploadedPoster;
use services::{Services, posters};

/// Responds with the picture, or with 304 if the client has it.
pub async fn picture(
    Extension(services): Extension<Services>,
    Path((concert, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some((concert, picture)) = named(&concert, &name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{picture}\"");
    let found = posters::picture(&services, concert, picture.hash(), picture.widest()).await;
    let mut response = match found {
        Ok(_) if knows(&headers, &tag) => StatusCode::NOT_MODIFIED.into_response(),
        Ok(jpeg) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Err(error) => {
            if error.is_ours() {
                tracing::error!(%error, cause = ?error, "a poster could not be shown");
            }
            return status(&error.refusal()).into_response();
        }
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Returns the concert, and its picture in the width requested.
fn named(concert: &str, name: &str) -> Option<(ConcertId, UploadedPoster)> {
    let concert = concert.parse().ok().map(ConcertId)?;
    let picture = name.strip_suffix(".jpg")?.parse().ok()?;
    Some((concert, picture))
}

fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|tags| tags.to_str().ok());
    known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag))
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
