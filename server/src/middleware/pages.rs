//! Shared pages: the home page and the concert pages, rendered once a second for all requests
//! without a session.
//!
//! A page never reaches another person: a request with a token, or with any Frontrow cookie except
//! those of language and theme, is neither answered from the cache nor stored in it, and neither is
//! an answer that sets a cookie.

use super::compression;
use app::i18n::{LANGUAGE_ARGUMENT, LANGUAGE_COOKIE, Locale, VISIT_LANGUAGE_COOKIE};
use app::refresh::STILL;
use app::theme::{THEME_COOKIE, Theme};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, response};
use axum::middleware::Next;
use axum::response::Response;
use model::concerts::parse_segment;
use moka::future::Cache;
use std::time::{Duration, Instant};

/// Maximum age of a page when it is sent.
pub const FRESH: Duration = Duration::from_millis(900);
/// Maximum bytes of cached pages.
const MOST: u64 = 64 * 1024 * 1024;
/// Upper bound on a page's bytes. Actual pages are shorter.
const LONGEST: usize = 16 * 1024 * 1024;
/// Header with the age of the page, for the clock in the browser.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

#[derive(Clone)]
pub struct SharedPages(Cache<Key, Page>);

/// Everything that the page depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Result of [`PageAddress::canonical`].
    address: String,
    language: &'static str,
    theme: Theme,
    encodings: Option<HeaderValue>,
}

#[derive(Clone)]
struct Page {
    head: response::Parts,
    body: Bytes,
    rendered: Instant,
}

impl Default for SharedPages {
    fn default() -> SharedPages {
        // The client chooses the key, so all of it counts.
        let weight = |key: &Key, page: &Page| {
            let encodings = key.encodings.as_ref().map_or(0, HeaderValue::len);
            (key.address.len() + encodings + page.body.len() + 2048) as u32
        };
        SharedPages(
            Cache::builder()
                .weigher(weight)
                .max_capacity(MOST)
                .time_to_live(FRESH)
                .build(),
        )
    }
}

impl SharedPages {
    /// Answers from the cache if possible. Requests for a page that is being rendered wait for it.
    pub async fn answer(&self, mut request: Request, next: Next) -> Response {
        match key(&request) {
            // Boxed, because its future would enlarge that of all other requests.
            Some(key) => {
                // A shared page is rendered for its canonical address, without other parts of one
                // client's query.
                let asked = request.uri().clone();
                if let Ok(address) = key.address.parse() {
                    *request.uri_mut() = address;
                }
                let mut response = Box::pin(self.share(key, request, next)).await;
                keep_arguments(&asked, &mut response);
                response
            }
            None => compression::run(request, next).await,
        }
    }

    async fn share(&self, key: Key, request: Request, next: Next) -> Response {
        // Taken by the request that renders; in all others it is still `Some` afterwards.
        let mut mine = Some(request);
        let again = next.clone();
        let rendering = async {
            let request = mine.take().unwrap_or_default();
            let (mut head, body) = compression::run(request, next).await.into_parts();
            let body = to_bytes(body, LONGEST).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a page broke off");
                // Marked as an error so that it is not shared: the next rendering may be complete.
                head.status = StatusCode::INTERNAL_SERVER_ERROR;
                Bytes::new()
            });
            Page {
                head,
                body,
                rendered: Instant::now(),
            }
        };
        let entry = self.0.entry(key.clone()).or_insert_with(rendering).await;
        let page = entry.into_value();
        if page.is_shared() {
            return page.answer();
        }
        self.0.invalidate(&key).await;
        match mine {
            // The page was rendered for another request and is valid only for that one.
            Some(request) => compression::run(request, again).await,
            None => page.answer(),
        }
    }
}

impl Page {
    fn is_shared(&self) -> bool {
        !self.head.headers.contains_key(header::SET_COOKIE) && !self.head.status.is_server_error()
    }

    fn answer(self) -> Response {
        let mut response = Response::from_parts(self.head, Body::from(self.body));
        if let Some(age) = age(self.rendered) {
            response.headers_mut().insert(SERVER_TIMING, age);
        }
        response
    }
}

/// Returns the value of [`SERVER_TIMING`] for a page rendered at this time.
pub fn age(rendered: Instant) -> Option<HeaderValue> {
    let age = rendered.elapsed().as_secs_f64() * 1000.0;
    HeaderValue::from_str(&format!("age;dur={age:.1}")).ok()
}

/// Query parameters of the home page.
const HOME_ARGUMENTS: &[&str] = &[
    LANGUAGE_ARGUMENT,
    "search",
    "genre",
    "from",
    "to",
    "price_from",
    "price_to",
    "sale",
    "sort",
    "page",
];

/// A page that is identical for many clients, except for its personal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageAddress {
    Home,
    Concert(i64),
    Queue(i64),
    Ticket(i64),
}

impl PageAddress {
    /// Parses a path, or returns `None` if it is not one of these pages.
    pub fn of(path: &str) -> Option<PageAddress> {
        if path == "/" {
            return Some(PageAddress::Home);
        }
        if let Some(ticket) = path.strip_prefix("/tickets/") {
            return ticket.parse().ok().map(PageAddress::Ticket);
        }
        // A title is escaped and contains no slash, so a slash means another page.
        let concert = path.strip_prefix("/concerts/")?;
        let (segment, rest) = concert.split_once('/').unwrap_or((concert, ""));
        let id = parse_segment(segment)?.0;
        match rest {
            "" if segment.len() == concert.len() => Some(PageAddress::Concert(id)),
            "queue" => Some(PageAddress::Queue(id)),
            _ => None,
        }
    }

    /// Returns the query parameters that change the page.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            PageAddress::Home => HOME_ARGUMENTS,
            PageAddress::Concert(_) | PageAddress::Queue(_) | PageAddress::Ticket(_) => {
                &[LANGUAGE_ARGUMENT, STILL]
            }
        }
    }

    /// Returns the address with only the parameters that the page knows, each once and in a fixed
    /// order. Other parameters in a link, such as its campaign, lead to the same cached page.
    pub fn canonical(self, address: &Uri) -> String {
        let mut canonical = address.path().to_owned();
        let pairs = address.query().unwrap_or_default().split('&');
        let mut joint = '?';
        for known in self.arguments() {
            let mut named = pairs.clone().filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                (name == *known && !value.is_empty()).then_some(pair)
            });
            if let Some(pair) = named.next() {
                canonical.push(joint);
                canonical.push_str(pair);
                joint = '&';
            }
        }
        canonical
    }
}

/// Adds the unknown parameters of the request, such as the campaign of a link, to a redirect.
fn keep_arguments(asked: &Uri, response: &mut Response) {
    let (Some(page), Some(arguments)) = (PageAddress::of(asked.path()), asked.query()) else {
        return;
    };
    let Some(to) = response.headers().get(header::LOCATION) else {
        return;
    };
    let known = page.canonical(asked);
    let known = known.split_once('?').map_or("", |(_, known)| known);
    let unknown = arguments
        .split('&')
        .filter(|pair| !known.split('&').any(|known| known == *pair));
    let unknown = unknown.collect::<Vec<_>>().join("&");
    let Ok(to) = to.to_str() else {
        return;
    };
    let joint = if to.contains('?') { '&' } else { '?' };
    if !unknown.is_empty()
        && let Ok(to) = HeaderValue::from_str(&format!("{to}{joint}{unknown}"))
    {
        response.headers_mut().insert(header::LOCATION, to);
    }
}

/// Returns the cache key, or `None` if the request is not for a shared page.
fn key(request: &Request) -> Option<Key> {
    let (uri, headers) = (request.uri(), request.headers());
    let page = PageAddress::of(uri.path())
        .filter(|page| matches!(page, PageAddress::Home | PageAddress::Concert(_)))?;
    let anonymous = !headers.contains_key(header::AUTHORIZATION) && only_looks(headers);
    (anonymous && request.method() == Method::GET).then(|| Key {
        address: page.canonical(uri),
        language: Locale::of(uri, headers).tag(),
        theme: Theme::of_headers(headers),
        encodings: compression::accepted(headers),
    })
}

/// Returns whether the request has no Frontrow cookie except those of language and theme. Cookies
/// of other applications on this host, such as analytics, are not read by any page.
fn only_looks(headers: &HeaderMap) -> bool {
    let looks = [LANGUAGE_COOKIE, VISIT_LANGUAGE_COOKIE, THEME_COOKIE].map(str::as_bytes);
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let names = pairs.filter_map(|pair| pair.split(|byte| *byte == b'=').next());
    names
        .map(<[u8]>::trim_ascii)
        .all(|name| looks.contains(&name) || !is_ours(name))
}

/// Part of the name of every Frontrow cookie.
const OURS: &[u8] = b"frontrow";

fn is_ours(cookie: &[u8]) -> bool {
    cookie.windows(OURS.len()).any(|part| part == OURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, headers: &[(HeaderName, &str)]) -> Option<Key> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        key(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_what_everybody_sees_alike_is_shared() {
        assert!(asked("/", &[]).is_some() && asked("/concerts/12?page=2", &[]).is_some());
        assert!(
            asked(
                "/",
                &[(
                    header::COOKIE,
                    "frontrow_visit_language=ko; frontrow_theme=dark"
                )]
            )
            .is_some()
        );
        assert!(asked("/", &[(header::COOKIE, "frontrow_theme=dark")]) != asked("/", &[]));
        assert!(asked("/concerts/12-%ED%95%9C", &[]).is_some());
        for uri in [
            "/concerts/12/queue",
            "/concerts/12-%ED%95%9C/queue",
            "/concerts/12/card.png",
            "/concerts/new",
            "/concerts/",
            "/account",
            "/api/list_concerts",
        ] {
            assert!(asked(uri, &[]).is_none(), "{uri}");
        }
        for cookie in [
            "frontrow_access=x",
            "frontrow_language=ko; frontrow_form=x",
            "__Host-frontrow_refresh=x",
            "other=1;frontrow_access=x",
        ] {
            assert!(
                asked("/", &[(header::COOKIE, cookie)]).is_none(),
                "{cookie}"
            );
        }
        assert!(asked("/", &[(header::AUTHORIZATION, "Bearer x")]).is_none());
        // Other applications' cookies, and other spellings of the same encodings, make no other
        // key.
        for cookies in ["other=1", "_ga=GA1.2; sticky=\u{e9}"] {
            assert!(
                asked("/", &[(header::COOKIE, cookies)]) == asked("/", &[]),
                "{cookies}"
            );
        }
        let packed = |accepted: &str| asked("/", &[(header::ACCEPT_ENCODING, accepted)]);
        assert!(packed("gzip, br") == packed("x17,BR;q=0.5 , Gzip,zstd;q=0, x18"));
        assert!(packed("gzip") != packed("gzip, br") && packed("identity") == asked("/", &[]));
        // If the address names the language, the browser's language makes no other key.
        assert!(asked("/?lang=en", &[(header::ACCEPT_LANGUAGE, "ko")]) == asked("/?lang=en", &[]));
        // Nor do unknown, repeated, reordered or empty parameters.
        for address in [
            "/?utm_source=x",
            "/?search=&genre=",
            "/?__err=x&__path=/api/log_in",
        ] {
            assert!(asked(address, &[]) == asked("/", &[]), "{address}");
        }
        let sorted = asked("/?sort=price&page=2", &[]);
        assert!(sorted == asked("/?page=2&x&sort=price&sort=opening&page=3", &[]));
        assert!(sorted != asked("/?sort=price", &[]));
        let korean = asked("/", &[(header::ACCEPT_LANGUAGE, "ko")]);
        assert!(
            korean != asked("/", &[])
                && korean != asked("/?search=a", &[(header::ACCEPT_LANGUAGE, "ko")])
        );
    }
}
