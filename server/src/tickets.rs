//! Tickets as PDF and calendar files, and the keys that verify their codes.

use crate::middleware::refusals;
use crate::state::AppState;
use app::concerts::{calendar, opening};
use app::error::ApiError;
use app::i18n::{Locale, thousands};
use app::sessions::Auth;
use app::tickets::paper;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use model::Refusal;
use model::concerts::{Concert, ConcertId, Phase};
use model::tickets::{Ticket, TicketId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use services::concerts::CalendarVersion;
use services::drawing::{self, About, Qr};
use services::{Error, concerts, posters, tickets};

/// Characters that are not escaped in a file's name (most of `attr-char` in RFC 8187).
const NAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// Maximum time until scanners no longer accept a retired key.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// Pixels: about 290 per inch on paper.
const POSTER_WIDTH: u32 = 960;
const PDF: HeaderValue = HeaderValue::from_static("application/pdf");
const CALENDAR: HeaderValue = HeaderValue::from_static("text/calendar; charset=utf-8");

/// Routes that do not depend on the account.
pub fn open() -> Router<AppState> {
    Router::new()
        .route("/.well-known/frontrow-ticket-keys.json", get(keys))
        .route("/concerts/{id}/concert.ics", get(concert_calendar))
        .route("/concerts/{id}/sale.ics", get(sale_calendar))
}

/// Routes for the holder of the ticket.
pub fn owned() -> Router<AppState> {
    Router::new()
        .route("/tickets/{id}/ticket.pdf", get(ticket_pdf))
        .route("/tickets/{id}/concert.ics", get(ticket_calendar))
}

async fn keys(State(state): State<AppState>) -> Result<Response, ApiError> {
    let keys = tickets::key_set(&state.services).await?;
    // The keys are public, and a scanner may be a page of another site.
    let open = [
        (header::CACHE_CONTROL, KEYS_KEPT),
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ),
    ];
    Ok((open, Json(keys)).into_response())
}

async fn concert_calendar(
    State(state): State<AppState>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answer(&uri, &headers, async {
        let id = ConcertId(number(&id)?);
        // As a visitor sees it.
        let version = concerts::calendar_version(&state.services, id).await?;
        let concert = concerts::find_view(&state.services, None, id)
            .await?
            .concert;
        let address = format!("{}/concerts/{id}", state.settings.public_url);
        let text = event(&state, &concert, version, &concert.artist, &address);
        Ok(file(
            CALENDAR,
            &concert.title,
            &format!("concert-{id}.ics"),
            text,
        ))
    })
    .await
}

/// A reminder of the opening. Returns 404 once the sale has opened.
async fn sale_calendar(
    State(state): State<AppState>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answer(&uri, &headers, async {
        let id = ConcertId(number(&id)?);
        let version = concerts::calendar_version(&state.services, id).await?;
        let view = concerts::find_view(&state.services, None, id).await?;
        let (concert, now) = (view.concert, view.server_time);
        if concert.phase(now) != Phase::Upcoming {
            return Err(Refusal::NotFound.into());
        }
        let title = (Locale::of_headers(&headers).words().tickets.opening)(&concert.title);
        let public_url = &state.settings.public_url;
        let address = format!("{public_url}/concerts/{id}");
        let text = opening(&concert, version, &title, &address, public_url, now);
        Ok(file(CALENDAR, &title, &format!("sale-{id}.ics"), text))
    })
    .await
}

async fn ticket_calendar(
    State(state): State<AppState>,
    Extension(auth): Extension<Auth>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answer(&uri, &headers, async {
        let ticket = held(&state, auth, &id).await?;
        let version = concerts::calendar_version(&state.services, ticket.concert_id).await?;
        let concert = concerts::find(&state.services, ticket.concert_id).await?;
        let words = Locale::of_headers(&headers).words();
        let number = (words.tickets.number)(&thousands(ticket.serial.into()));
        let about = format!("{}\n{number}", concert.artist);
        let text = event(&state, &concert, version, &about, &address(&state, &ticket));
        let plain = format!("concert-{}.ics", concert.id);
        Ok(file(CALENDAR, &concert.title, &plain, text))
    })
    .await
}

async fn ticket_pdf(
    State(state): State<AppState>,
    Extension(auth): Extension<Auth>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answer(&uri, &headers, async {
        let owner = auth.clone().session()?.account_id;
        let ticket = held(&state, auth, &id).await?;
        let concert = concerts::find(&state.services, ticket.concert_id).await?;
        let locale = Locale::of_headers(&headers);
        let qr = Qr::of(ticket.signed.as_deref().unwrap_or_default())?;
        let poster = posters::uploaded(&state.services, &concert, POSTER_WIDTH).await?;
        let address = address(&state, &ticket);
        let sheet = paper(&ticket, &concert, poster.as_deref(), &qr, &address, locale);
        let serial = thousands(ticket.serial.into());
        let title = (locale.words().tickets.file)(&ticket.title, &serial);
        let about = About {
            title: title.clone(),
            language: locale.tag().to_owned(),
        };
        let pdf = drawing::pdf(sheet, about, owner).await?;
        Ok(file(PDF, &title, &format!("ticket-{}.pdf", ticket.id), pdf))
    })
    .await
}

/// Returns the account's own ticket if it is still valid for entry.
async fn held(state: &AppState, auth: Auth, id: &str) -> Result<Ticket, Error> {
    let session = auth.session()?;
    let ticket = tickets::find(&state.services, &session, TicketId(number(id)?)).await?;
    if ticket.signed.is_none() {
        return Err(Refusal::NotFound.into());
    }
    Ok(ticket)
}

/// Text that is not a number identifies no ticket or concert.
fn number(id: &str) -> Result<i64, Error> {
    id.parse().map_err(|_| Refusal::NotFound.into())
}

fn address(state: &AppState, ticket: &Ticket) -> String {
    format!("{}/tickets/{}", state.settings.public_url, ticket.id)
}

fn event(
    state: &AppState,
    concert: &Concert,
    version: CalendarVersion,
    about: &str,
    address: &str,
) -> String {
    let (now, public_url) = (state.services.clock.now(), &state.settings.public_url);
    calendar(concert, version, about, address, public_url, now)
}

/// Builds a download with a descriptive name. `plain` is the name for clients that support ASCII
/// only, and provides the extension.
fn file(kind: HeaderValue, name: &str, plain: &str, body: impl Into<Body>) -> Response {
    let ending = plain.rsplit('.').next().unwrap_or_default();
    // Characters that are path separators or not allowed in names on some systems.
    let strange = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let name = name.replace(strange, " ");
    let name = format!(
        "{}.{ending}",
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    let name = utf8_percent_encode(&name, NAME);
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{name}");
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// Returns the file, or the refusal.
async fn answer(
    uri: &Uri,
    headers: &HeaderMap,
    made: impl Future<Output = Result<Response, Error>>,
) -> Response {
    made.await
        .unwrap_or_else(|error| refuse(&error, uri, headers))
}

/// Scripts receive the refusal. A browser is redirected to the page that the file belongs to, which
/// shows the reason and a log-in if needed.
fn refuse(error: &Error, uri: &Uri, headers: &HeaderMap) -> Response {
    if error.is_ours() {
        tracing::error!(%error, cause = ?error, "a file of a ticket could not be made");
    }
    let refusal = error.refusal();
    let page = uri
        .path()
        .rsplit_once('/')
        .map(|(page, _)| HeaderValue::from_str(page));
    match (&refusal, page) {
        (Refusal::NotFound | Refusal::NotLoggedIn, Some(Ok(page)))
            if refusals::accepts_html(headers) =>
        {
            (StatusCode::SEE_OTHER, [(header::LOCATION, page)]).into_response()
        }
        _ if refusals::accepts_html(headers) => refusals::answer(headers, refusal),
        _ => ApiError(refusal).into_response(),
    }
}
