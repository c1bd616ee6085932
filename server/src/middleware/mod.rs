//! Middleware of every request.

pub mod address;
pub mod caching;
pub mod compression;
pub mod forms;
pub mod headers;
pub mod language;
pub mod origin;
pub mod pages;
pub mod refusals;
pub mod security;
pub mod segments;
pub mod sessions;
pub mod templates;

use self::pages::SharedPages;
use self::security::SecurityLog;
use self::templates::Templates;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;
use model::Refusal;
use std::sync::Arc;

/// State of [`dress`].
pub struct Wardrobe {
    pub pages: SharedPages,
    pub templates: Templates,
    pub state: AppState,
}

impl Wardrobe {
    /// Tries templates for logged-in accounts, then pages shared by visitors, then the router.
    async fn answer(&self, request: Request, next: Next) -> Response {
        if let Some(asked) = templates::asked(&self.state, &request) {
            // Boxed, as the shared pages are, because its future would enlarge that of all other
            // requests.
            return Box::pin(self.templates.answer(&self.state, asked, request, next)).await;
        }
        self.pages.answer(request, next).await
    }
}

/// Middleware of every answer, independent of its route: shared pages, compression, the language of
/// the visit, and headers for security and caching.
pub async fn dress(
    State(wardrobe): State<Arc<Wardrobe>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().clone();
    let language = language::named(&wardrobe.state.settings, &request);
    let mut response = match has_one_host(&request) {
        true => wardrobe.answer(request, next).await,
        false => refusals::answer(request.headers(), Refusal::Malformed),
    };
    language::keep(language, &mut response);
    headers::secure(wardrobe.state.settings.secure, &mut response);
    caching::mark(path.path(), &mut response);
    response
}

/// Checks RFC 9112, section 3.2: refuses a request without a host, with two hosts (a proxy may have
/// used the other one), or whose host is not a name or an address. Only HTTP/1.0 may omit it.
fn has_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Accepts an empty host, or a host with or without a port, but without user information.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

/// State of [`admit`].
pub struct Gate {
    pub state: AppState,
    pub pages: forms::Pages,
    pub security: SecurityLog,
}

/// Middleware of every page and API call: checks that no other site sent the request and that its
/// body is within the limit, keeps the form's values for a refusal, determines session and client
/// address, and checks that the form is from a page of the same account.
///
/// One function instead of a layer per check: each layer costs every request some allocations
/// (docs/benchmarks.md).
pub async fn admit(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let Gate {
        state,
        pages,
        security,
    } = &*gate;
    if request.uri().path_and_query().is_none() {
        // CONNECT, as sent to a proxy. Rendering a page requires a path.
        return refusals::answer(request.headers(), Refusal::Malformed);
    }
    origin::forget_strangers(&state.settings, &mut request);
    let address = address::identify(&state.trusted_proxies, &mut request);
    if let Err(refused) = origin::check(&state.settings, &request) {
        security.note(address, request.uri().path(), refused.status());
        return refused;
    }
    forms::name_page(&mut request);
    let (mut request, typed) = match forms::take_in(request).await {
        Ok(taken_in) => taken_in,
        Err(refused) => return refused,
    };
    let cookies = sessions::identify(state, address, &mut request).await;
    let form = forms::Form::of(&request, address, typed);
    let path = request.uri().clone();
    // Boxed: few requests are forms of a browser, and its future would enlarge that of all.
    let mut response = match (forms::check_owner(&request), form) {
        (Ok(()), None) => next.run(request).await,
        (Ok(()), Some(form)) => {
            let response = next.run(request).await;
            Box::pin(form.answer(pages, response)).await
        }
        (Err(refusal), Some(form)) => Box::pin(form.refuse(pages, refusal)).await,
        (Err(refusal), None) => refusals::answer(request.headers(), refusal),
    };
    sessions::hand_over(state, cookies, &mut response);
    security.note(address, path.path(), response.status());
    response
}
