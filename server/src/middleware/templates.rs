//! Pages of logged-in accounts: rendered once a second for all of them, with each reader's own
//! values inserted into the slots (`app::template`, which documents what keeps one account's data
//! out of another's page).
//!
//! Only for accounts without further rights. Organisers, admins, rehearsal accounts, ended
//! sessions, refused forms, and pages that turn out to be another one (such as not found) are
//! rendered whole. The session is looked up with each request, as everywhere.

use super::pages::{FRESH, PageAddress, SERVER_TIMING, age};
use super::segments::{self, Segments};
use super::{address, compression};
use crate::state::AppState;
use app::i18n::{LANGUAGE_COOKIE, Locale};
use app::request::cookie;
use app::sessions::cookies;
use app::template::{PageTemplate, Reader, SlotValues, TemplateRender};
use app::theme::{THEME_COOKIE, Theme};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use leptos::nonce::Nonce;
use moka::future::Cache;
use services::sessions::{self, Session};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// Maximum bytes of cached templates, including compressed ones.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Maximum bytes of a page that can become a template. Actual pages are shorter.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Text before the nonce in a page's content security policy.
const NONCE: &str = "'nonce-";

/// The templates of the last second.
pub struct Templates(Cache<Key, Option<Arc<Template>>>);

/// Everything that a template depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Path and query; the same for all pages that differ only in their slots.
    address: String,
    language: &'static str,
    theme: Theme,
}

/// The requested page, and the access token.
pub struct Asked {
    key: Key,
    /// The number in the path, or 0 if there is none.
    id: i64,
    access: String,
}

struct Template {
    headers: HeaderMap,
    /// The page's policy, before and after its nonce.
    policy: (String, String),
    page: PageTemplate,
    packed: Segments,
    rendered: Instant,
}

impl Default for Templates {
    fn default() -> Templates {
        // The client chooses the key, so all of it counts.
        let weight = |key: &Key, template: &Option<Arc<Template>>| {
            let page = template
                .as_ref()
                .map_or(0, |template| template.packed.bytes());
            (key.address.len() + page * 2 + 4096) as u32
        };
        Templates(
            Cache::builder()
                .weigher(weight)
                .max_capacity(BYTES_MAX)
                .time_to_live(FRESH)
                .build(),
        )
    }
}

/// Returns `None` for a page without a template, or a request without an access token.
pub fn asked(state: &AppState, request: &Request) -> Option<Asked> {
    let (uri, headers) = (request.uri(), request.headers());
    let page = PageAddress::of(uri.path())?;
    let access = cookie(headers, cookies::access_name(state.settings.secure))?;
    // An API client's token takes precedence over a cookie.
    let plain = request.method() == Method::GET && !headers.contains_key(header::AUTHORIZATION);
    let (address, id) = match page {
        PageAddress::Home => (page.canonical(uri), 0),
        PageAddress::Concert(id) | PageAddress::Queue(id) => (page.canonical(uri), id),
        // The ticket appears only in the slots, so all tickets have one template.
        PageAddress::Ticket(id) => {
            let whole = page.canonical(uri);
            let query = whole.find('?').map_or("", |query| &whole[query..]);
            (format!("/tickets/0{query}"), id)
        }
    };
    plain.then(|| Asked {
        key: Key {
            address,
            language: Locale::of(uri, headers).tag(),
            theme: Theme::of_headers(headers),
        },
        id,
        access: access.to_owned(),
    })
}

impl Templates {
    /// Returns the reader's page from its template, or the whole page if that is not possible.
    pub async fn answer(
        &self,
        state: &AppState,
        asked: Asked,
        mut request: Request,
        next: Next,
    ) -> Response {
        let session = sessions::authenticate(&state.services, &asked.access).await;
        let member = session.ok().filter(|session| !session.is_privileged());
        if let Some(session) = member {
            let address = address::identify(&state.trusted_proxies, &mut request);
            sessions::seen(&state.services, &session, address);
            let accepted = compression::accepted(request.headers());
            if let Some(response) = self
                .spliced(state, asked, session, accepted.as_ref(), &next)
                .await
            {
                return response;
            }
        }
        compression::run(request, next).await
    }

    /// Returns `None` if the page has no template, or is not what this reader would see.
    async fn spliced(
        &self,
        state: &AppState,
        asked: Asked,
        session: Session,
        accepted: Option<&HeaderValue>,
        next: &Next,
    ) -> Option<Response> {
        let Asked { key, id, .. } = asked;
        let template = self.template(key, next).await?;
        let services = state.services.clone();
        let reader = Reader {
            services,
            session,
            id,
        };
        // If this panics, rendering the whole page panics too, under the layer that catches it.
        let filling = AssertUnwindSafe(template.page.values(reader)).catch_unwind();
        let values = filling.await.ok()?.ok()?;
        match accepted {
            Some(accepted) if compression::takes_gzip(accepted) => template.answer(&values, true),
            Some(accepted) => {
                let response = template.answer(&values, false)?;
                Some(compression::of(accepted.clone(), response).await)
            }
            None => template.answer(&values, false),
        }
    }

    async fn template(&self, key: Key, next: &Next) -> Option<Arc<Template>> {
        if let Some(template) = self.0.get(&key).await {
            return template;
        }
        let rendering = render(key.clone(), next.clone());
        self.0.get_with(key, Box::pin(rendering)).await
    }
}

/// Renders a template, for no account in particular. Returns `None` if the page has a personal part
/// outside its slots, or if the answer is not a page, such as a refusal.
async fn render(key: Key, next: Next) -> Option<Arc<Template>> {
    let render = TemplateRender::default();
    let looks = format!(
        "{LANGUAGE_COOKIE}={}; {THEME_COOKIE}={}",
        key.language,
        key.theme.as_str()
    );
    let request = Request::get(&key.address)
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, looks)
        .extension(render.clone())
        .body(Body::empty())
        .ok()?;
    let (head, body) = next.run(request).await.into_parts();
    let mut headers = head.headers;
    let page = head.status == StatusCode::OK && !headers.contains_key(header::SET_COOKIE);
    if !page {
        return None;
    }
    let body = to_bytes(body, PAGE_BYTES_MAX).await.ok()?;
    let html = std::str::from_utf8(&body).ok()?;
    let policy = headers.remove(header::CONTENT_SECURITY_POLICY)?;
    let (before, rest) = policy.to_str().ok()?.split_once(NONCE)?;
    let (nonce, behind) = rest.split_once('\'')?;
    let page = match render.finish(html, nonce) {
        Ok(page) => page,
        Err(reason) => {
            tracing::error!(path = key.address, ?reason, "a page cannot be shared");
            return None;
        }
    };
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    Some(Arc::new(Template {
        headers,
        policy: (format!("{before}{NONCE}"), format!("'{behind}")),
        packed: Segments::of(&page),
        page,
        rendered: Instant::now(),
    }))
}

impl Template {
    /// Returns `None` if a slot has no value.
    fn answer(&self, values: &SlotValues, packed: bool) -> Option<Response> {
        let nonce = Nonce::new();
        let texts = self.page.texts(values, &nonce)?;
        let body = match packed {
            true => self.packed.pack(&self.page, &texts),
            false => segments::join(&texts),
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.clone_from(&self.headers);
        if packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        let (before, behind) = &self.policy;
        let policy = HeaderValue::from_str(&format!("{before}{}{behind}", &*nonce)).ok()?;
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        // If the page has a slot of its own, the time for the browser's clock was inserted just
        // now.
        let rendered = match self.page.is_filled_by_page() {
            true => Instant::now(),
            false => self.rendered,
        };
        headers.insert(SERVER_TIMING, age(rendered)?);
        Some(response)
    }
}
