//! What every request passes through.

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
use crate::router::AppState;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;
use model::Refusal;
use std::sync::Arc;

/// What [`dress`] needs to know.
pub struct Wardrobe {
    pub pages: SharedPages,
    pub templates: Templates,
    pub state: AppState,
}

impl Wardrobe {
    /// What is shared by strangers, what is shared by members, and all the rest.
    async fn answer(&self, request: Request, next: Next) -> Response {
        if let Some(asked) = templates::asked(&self.state, &request) {
            // Boxed, as the pages of strangers are: few requests ask for them, and all carry what comes of this.
            return Box::pin(self.templates.answer(&self.state, asked, request, next)).await;
        }
        self.pages.answer(request, next).await
    }
}

/// What every answer passes, whatever was asked: shared pages, compression, a language that stays, and headers on how it may be used and kept.
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

/// RFC 9112, section 3.2: a request without a host, or with two of which a proxy may have believed the other, is none; nor is
/// one whose host is no name and no address. Without a host there is HTTP/1.0 only.
fn has_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Empty, or a host with a port or without. No user information before it.
fn is_host(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

/// What [`admit`] needs to know.
pub struct Gate {
    pub state: AppState,
    pub pages: forms::Pages,
    pub security: SecurityLog,
}

/// What every page and every call of the API passes: no other site sent it, its body is no longer than allowed and not lost
/// when it is refused, it is known who is asking, and from where, and it was sent from that person's page.
///
/// One function and not a layer for each: a layer costs every request some allocations (docs/benchmarks.md).
pub async fn admit(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let Gate {
        state,
        pages,
        security,
    } = &*gate;
    if request.uri().path_and_query().is_none() {
        // CONNECT, as one would ask a proxy. Whoever renders pages takes for granted that there is a path.
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
    // Boxed: few requests are forms of a browser, and all would carry what those need.
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
