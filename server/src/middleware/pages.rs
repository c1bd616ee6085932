//! Pages that everybody sees alike are rendered once a second and not once a visitor: home and concerts, for people who are
//! not logged in.
//!
//! Nobody can be shown another person's page: a request that carries a token, or any cookie of ours but those of language and
//! colours, is never answered from here and never remembered, nor is an answer that sets a cookie.

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

/// A page is this old at most when it is sent.
pub const FRESH: Duration = Duration::from_millis(900);
/// Bytes of pages that are remembered.
const MOST: u64 = 64 * 1024 * 1024;
/// No page of ours is as long.
const LONGEST: usize = 16 * 1024 * 1024;
/// Tells the browser how old the page is, for its clock.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

#[derive(Clone)]
pub struct SharedPages(Cache<Key, Page>);

/// All that the page depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// As [`PageAddress::canonical`] says.
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
        // Whoever asks chooses the key, so all of it counts.
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
    /// Answers from memory what may be; whoever comes while a page is rendered waits for it.
    pub async fn answer(&self, mut request: Request, next: Next) -> Response {
        match key(&request) {
            // Boxed: few requests ask for these pages, and all carry what comes of this.
            Some(key) => {
                // What is rendered for many goes by nothing else that one of them has written into the address.
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
        // Taken by the one who renders; everybody else comes back with it.
        let mut mine = Some(request);
        let again = next.clone();
        let rendering = async {
            let request = mine.take().unwrap_or_default();
            let (mut head, body) = compression::run(request, next).await.into_parts();
            let body = to_bytes(body, LONGEST).await.unwrap_or_else(|error| {
                tracing::error!(%error, "a page broke off");
                // Not shared: the next one may be whole.
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
            // Rendered for somebody else, and of no use to anybody but them.
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

/// How old what was rendered then is, for [`SERVER_TIMING`].
pub fn age(rendered: Instant) -> Option<HeaderValue> {
    let age = rendered.elapsed().as_secs_f64() * 1000.0;
    HeaderValue::from_str(&format!("age;dur={age:.1}")).ok()
}

/// What the home page is asked for, besides its language.
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

/// A page that many people see alike, but for what of it is one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageAddress {
    Home,
    Concert(i64),
    Queue(i64),
    Ticket(i64),
}

impl PageAddress {
    /// None: another page, or none at all.
    pub fn of(path: &str) -> Option<PageAddress> {
        if path == "/" {
            return Some(PageAddress::Home);
        }
        if let Some(ticket) = path.strip_prefix("/tickets/") {
            return ticket.parse().ok().map(PageAddress::Ticket);
        }
        // A title is escaped, so it has no slash: what has one is another page.
        let concert = path.strip_prefix("/concerts/")?;
        let (segment, rest) = concert.split_once('/').unwrap_or((concert, ""));
        let id = parse_segment(segment)?.0;
        match rest {
            "" if segment.len() == concert.len() => Some(PageAddress::Concert(id)),
            "queue" => Some(PageAddress::Queue(id)),
            _ => None,
        }
    }

    /// The arguments of an address that make another page of this one.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            PageAddress::Home => HOME_ARGUMENTS,
            PageAddress::Concert(_) | PageAddress::Queue(_) | PageAddress::Ticket(_) => {
                &[LANGUAGE_ARGUMENT, STILL]
            }
        }
    }

    /// The address with the arguments that the page knows, each once and in one order: whatever else is in a link, such as where
    /// it was seen, leads to the same page, and costs no other one.
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

/// An address that leads elsewhere takes along what the page itself does not know, such as where a link was seen.
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

/// None: not one that is shared.
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

/// Whether of our own cookies there is none but those of language and colours. What others on this host have set, such as
/// something that counts visits, is read by no page.
fn only_looks(headers: &HeaderMap) -> bool {
    let looks = [LANGUAGE_COOKIE, VISIT_LANGUAGE_COOKIE, THEME_COOKIE].map(str::as_bytes);
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let names = pairs.filter_map(|pair| pair.split(|byte| *byte == b'=').next());
    names
        .map(<[u8]>::trim_ascii)
        .all(|name| looks.contains(&name) || !is_ours(name))
}

/// Every cookie of ours has it in its name.
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
        // Cookies of others make no other page, nor does how the same is said.
        for cookies in ["other=1", "_ga=GA1.2; sticky=\u{e9}"] {
            assert!(
                asked("/", &[(header::COOKIE, cookies)]) == asked("/", &[]),
                "{cookies}"
            );
        }
        let packed = |accepted: &str| asked("/", &[(header::ACCEPT_ENCODING, accepted)]);
        assert!(packed("gzip, br") == packed("x17,BR;q=0.5 , Gzip,zstd;q=0, x18"));
        assert!(packed("gzip") != packed("gzip, br") && packed("identity") == asked("/", &[]));
        // Named by the address, the language of the browser makes no other page.
        assert!(asked("/?lang=en", &[(header::ACCEPT_LANGUAGE, "ko")]) == asked("/?lang=en", &[]));
        // Nor does what no page knows, said twice, in another order, or left empty.
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
