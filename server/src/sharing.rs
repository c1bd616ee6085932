//! Resources for crawlers and link previews: sitemaps, `robots.txt`, pictures of concerts.
//!
//! They do not depend on the account, so no session is looked up.

use crate::middleware::address;
use crate::state::AppState;
use app::error::ApiError;
use app::i18n::Locale;
use app::request::ClientAddress;
use app::sharing::{
    CONCERTS_IN_A_FILE, HEIGHT, concert_card, robots, site_card, sitemap, sitemap_index,
};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use model::Refusal;
use model::concerts::ConcertId;
use model::posters::UploadedPoster;
use moka::future::Cache;
use serde::Deserialize;
use services::drawing::{self, Asker};
use services::{Services, posters};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The key of the whole sitemap, or of the index of its parts.
const WHOLE: u64 = 0;
/// Maximum delay until a new concert is listed.
const LISTED_AFTER: Duration = Duration::from_secs(60);
/// Maximum bytes of cached sitemaps.
const MOST_LISTS: u64 = 64 * 1024 * 1024;
/// A changed concert has its new picture after at most ten minutes, in any cache.
const KEPT: &str = "public, max-age=600";
const LIST: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// Chat applications embed the picture in their own pages.
const EMBEDDED: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[derive(Clone)]
struct Sharing {
    services: Services,
    public_url: Arc<str>,
    lists: Cache<u64, Option<Bytes>>,
}

pub fn routes(state: &AppState) -> Router<AppState> {
    let sharing = Sharing {
        services: state.services.clone(),
        public_url: state.settings.public_url.as_str().into(),
        lists: Cache::builder()
            .weigher(|_, list: &Option<Bytes>| 64 + list.as_ref().map_or(0, Bytes::len) as u32)
            .max_capacity(MOST_LISTS)
            .time_to_live(LISTED_AFTER)
            .build(),
    };
    let identified = from_fn_with_state(state.trusted_proxies.clone(), address::identified);
    let pictures = Router::new()
        .route("/card.png", get(site_picture))
        .route("/concerts/{id}/card.png", get(concert_picture))
        .layer(identified);
    Router::new()
        .route("/robots.txt", get(what_may_be_read))
        .route("/sitemap.xml", get(list))
        .merge(pictures)
        .with_state(sharing)
}

async fn what_may_be_read(State(sharing): State<Sharing>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, LIST)], robots(&sharing.public_url))
}

#[derive(Deserialize)]
struct Asked {
    /// Part of a sitemap that has several, counted from 1.
    part: Option<u64>,
}

async fn list(
    State(sharing): State<Sharing>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    if asked.part == Some(WHOLE) {
        return Err(Refusal::NotFound.into());
    }
    let part = asked.part.unwrap_or(WHOLE);
    let list = sharing.lists.try_get_with(part, write_list(&sharing, part));
    let list = list.await.map_err(|error| refuse(&error))?;
    let list = list.ok_or(Refusal::NotFound)?;
    let kind = HeaderValue::from_static("application/xml; charset=utf-8");
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, LIST)],
        list,
    ))
}

/// Returns `None` if there is no such part.
async fn write_list(sharing: &Sharing, part: u64) -> services::Result<Option<Bytes>> {
    let Sharing {
        services,
        public_url,
        ..
    } = sharing;
    let parts = services::sharing::count(services)
        .await?
        .div_ceil(CONCERTS_IN_A_FILE)
        .max(1);
    if part > parts {
        return Ok(None);
    }
    if part == WHOLE && parts > 1 {
        return Ok(Some(sitemap_index(public_url, parts).into()));
    }
    let after = part.saturating_sub(1) * CONCERTS_IN_A_FILE;
    let concerts = services::sharing::listed(services, after, CONCERTS_IN_A_FILE).await?;
    Ok(Some(sitemap(public_url, &concerts, after == 0).into()))
}

async fn site_picture(
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let drawing = site_card(Locale::in_address(&uri).unwrap_or_default());
    let digest = Sha256::digest(&drawing).into();
    picture(&headers, digest, async { Ok(drawing) }, address).await
}

async fn concert_picture(
    State(sharing): State<Sharing>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = id.parse().map(ConcertId).map_err(|_| Refusal::NotFound)?;
    // As a visitor sees it.
    let view = services::concerts::find_view(&sharing.services, None, id).await?;
    let concert = view.concert;
    let locale = Locale::in_address(&uri).unwrap_or_default();
    // An uploaded poster is identified by its hash, and is only fetched if the picture is drawn.
    let ours = concert_card(&concert, None, locale);
    let mut digest = Sha256::new_with_prefix(&ours);
    digest.update(concert.poster.as_ref().map_or("", UploadedPoster::hash));
    let drawing = async {
        if concert.poster.is_none() {
            return Ok(ours);
        }
        let poster = posters::uploaded(&sharing.services, &concert, HEIGHT).await?;
        // The poster was removed after the concert was read. The picture without it must not be
        // cached under this digest.
        let poster = poster.ok_or(Refusal::Unavailable)?;
        Ok(concert_card(&concert, Some(&poster), locale))
    };
    picture(&headers, digest.finalize().into(), drawing, address).await
}

/// Returns the drawing as PNG, or 304 if the client has it. `digest` covers everything that is
/// drawn.
async fn picture(
    headers: &HeaderMap,
    digest: [u8; 32],
    drawing: impl Future<Output = services::Result<String>>,
    address: IpAddr,
) -> Result<Response, ApiError> {
    let tag = tag(&digest);
    let about = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, KEPT.to_owned()),
        (EMBEDDED, "cross-origin".to_owned()),
    ];
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    let png = drawing::png(digest, drawing, Asker::at(address)).await?;
    Ok((about, [(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// Returns whether the client already has it (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known
        .and_then(|known| known.to_str().ok())
        .unwrap_or_default();
    let mut known = known.split(',').map(str::trim);
    known.any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

fn tag(digest: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &digest[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Converts an error that several requests have waited for.
fn refuse(error: &services::Error) -> ApiError {
    if error.is_ours() {
        tracing::error!(%error, cause = ?error, "what is shared could not be made");
    }
    error.refusal().into()
}
