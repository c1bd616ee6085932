//! Forms that keep their values when refused. A page posts to itself and names the function to call
//! (`app::forms::form_action`). A refused form is answered with its page, which shows the reason
//! and everything that was typed, without a redirect.
//!
//! So no form data is stored: not on the server, where any client could fill the store with it, nor
//! in an address, where a link could make a page report an event that did not happen.

use super::refusals::{self, accepts_html};
use app::concerts::{CreateConcert, UpdateConcert};
use app::drafts::PreviewConcert;
use app::error::ApiError;
use app::forms::{AS, CALL, FormEcho, RefusedForm, UnsentFrom, without_call};
use app::posters::UPLOAD_POSTER;
use app::sessions::{Auth, log_in_path, safe_next};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures::future::BoxFuture;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::{SERVER_FN_ERROR_HEADER, ServerFnUrlError};
use model::Refusal;
use model::accounts::AccountId;
use moka::sync::Cache;
use services::limits::Network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::Url;
use url::form_urlencoded;

/// Maximum bytes of a request body, except for posters and concerts.
const MOST: usize = 64 * 1024;
/// The same for a concert's form, whose longest text may be in any script, with each letter escaped
/// twice.
const MOST_OF_CONCERT: usize = 256 * 1024;
const OF_CONCERT: [&str; 3] = [
    CreateConcert::PATH,
    UpdateConcert::PATH,
    PreviewConcert::PATH,
];

/// Fields that are shown again. Frontrow's own forms have fewer.
const FIELDS_MAX: usize = 64;

/// Path prefixes without pages: a POST to them is never dispatched to another function.
const NO_PAGES: [&str; 4] = ["/api/", "/pkg/", "/posters/", "/fonts/"];

/// Placeholder for the site's own origin in the `Referer` that handlers redirect to, independent of
/// the host name that the visitor uses. It is removed from every answer.
const OWN: &str = "http://own.invalid";

/// Query parameter in which Leptos encodes the refusal of a form. No form is answered with such an
/// address.
const REFUSED: &str = "__err";
/// Query parameter with the function that was called.
const REFUSED_PATH: &str = "__path";

/// Path without a route, whose page shows the refusal of a form that has no page of its own.
const NOWHERE: &str = "/refused";

/// Pages per second rendered for the refused forms of one network; people type more slowly. Such a
/// page costs as much as thirty shared ones. Beyond the limit a refusal is a single sentence.
const PAGES_MAX: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);
const ADDRESSES_MAX: u64 = 100_000;

/// Renders the page at any address, regardless of its route.
type Render = dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync;

/// Renders the pages that answer refused forms.
pub struct Pages {
    render: Box<Render>,
    /// Pages rendered for each network within the second.
    rendered: Cache<Network, Arc<AtomicU32>>,
}

impl Pages {
    pub fn new(
        render: impl Fn(Request) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Pages {
        Pages {
            render: Box::new(render),
            rendered: Cache::builder()
                .max_capacity(ADDRESSES_MAX)
                .time_to_live(SECOND)
                .build(),
        }
    }

    /// Renders a page, or returns `None` if the network is at its limit.
    async fn render(&self, address: Network, request: Request) -> Option<Response> {
        let rendered = self.rendered.get_with(address, Arc::default);
        let as_many = rendered.fetch_add(1, Ordering::Relaxed) >= PAGES_MAX;
        // A local proxy that is not configured as trusted forwards for many clients.
        match as_many && !address.is_this_machine() {
            true => None,
            false => Some((self.render)(request).await),
        }
    }
}

/// The account whose page the form was sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MeantFor(AccountId);

/// The page that the form was sent from, as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FromPage(String);

/// Rewrites a form that a page has posted to itself into a request to the function that it names.
/// Runs before routing.
pub fn dispatch(mut request: Request) -> Request {
    if request.method() != Method::POST {
        return request;
    }
    let Some(query) = request.uri().query() else {
        return request;
    };
    let (mut call, mut owner) = (None, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((CALL, path)) if path.starts_with("/api/") => call = Some(path.to_owned()),
            Some((AS, account)) => owner = account.parse().ok(),
            _ => {}
        }
    }
    let others = without_call(query);
    let with_others = |path: &str| match others.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{others}"),
    };
    let path = request.uri().path().to_owned();
    let is_page = !NO_PAGES.iter().any(|no_page| path.starts_with(no_page));
    let is_form = accepts_html(request.headers()) && is_any_form(request.headers());
    let call = call.filter(|_| is_page && is_form);
    if call.is_some() {
        let page = safe_next(&with_others(&path)).to_owned();
        request.extensions_mut().insert(FromPage(page));
    }
    let called = with_others(call.as_deref().unwrap_or(&path));
    if let Some(owner) = owner {
        request.extensions_mut().insert(MeantFor(AccountId(owner)));
    }
    if let Ok(called) = called.parse() {
        *request.uri_mut() = called;
    }
    request
}

/// Sets the `Referer` to the page that handlers redirect to, independent of the browser's referrer
/// policy. Runs after the origin check has read the original.
pub fn name_page(request: &mut Request) {
    let from = request.extensions().get::<FromPage>();
    let page = match from {
        Some(FromPage(page)) => format!("{OWN}{page}"),
        None if request.method() == Method::POST => format!("{OWN}/"),
        None => return,
    };
    let Ok(page) = HeaderValue::from_str(&page) else {
        return;
    };
    let known = from.is_none();
    let headers = request.headers_mut();
    match known {
        // Called directly: an existing `Referer` is kept.
        true => drop(headers.entry(header::REFERER).or_insert(page)),
        false => drop(headers.insert(header::REFERER, page)),
    }
}

/// State of a browser's form that is needed if it is refused.
pub struct Form {
    /// The request without its body.
    head: Parts,
    address: IpAddr,
    typed: Bytes,
}

/// Refuses bodies that are too large, and keeps a copy of a form's body until it is answered.
pub async fn take_in(request: Request) -> Result<(Request, Option<Bytes>), Response> {
    if request.method() == Method::GET {
        return Ok((request, None));
    }
    let html = accepts_html(request.headers());
    if request.uri().path() == UPLOAD_POSTER {
        // Longer than the limit here, and read by its handler, which first checks the session.
        return Ok((request, html.then(Bytes::new)));
    }
    let (parts, body) = request.into_parts();
    let most = match OF_CONCERT.contains(&parts.uri.path()) {
        true => MOST_OF_CONCERT,
        false => MOST,
    };
    let body = match to_bytes(body, most).await {
        Ok(body) => body,
        Err(error) => {
            let too_large = error.into_inner().is::<http_body_util::LengthLimitError>();
            let refusal = match too_large {
                true => Refusal::TooLarge,
                false => Refusal::Malformed,
            };
            return Err(refusals::answer(&parts.headers, refusal));
        }
    };
    let typed = html.then(|| match is_form(&parts.headers) {
        true => body.clone(),
        false => Bytes::new(),
    });
    Ok((Request::from_parts(parts, Body::from(body)), typed))
}

/// Refuses a form from a page of another account than the one that is logged in now.
pub fn check_owner(request: &Request) -> Result<(), Refusal> {
    let (Some(MeantFor(owner)), Some(Auth::LoggedIn(session))) = (
        request.extensions().get().copied(),
        request.extensions().get(),
    ) else {
        return Ok(());
    };
    match session.account_id == owner {
        true => Ok(()),
        false => Err(Refusal::OtherAccount),
    }
}

impl Form {
    /// `typed` is the body that [`take_in`] kept. Returns `None` if that is `None`: the request is
    /// not a browser's form.
    pub fn of(request: &Request, address: IpAddr, typed: Option<Bytes>) -> Option<Form> {
        let typed = typed?;
        let mut copy = Request::new(());
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        let (head, ()) = copy.into_parts();
        Some(Form {
            head,
            address,
            typed,
        })
    }

    /// Returns the answer or, if it redirects back with a refusal, the page with the form.
    pub async fn answer(self, pages: &Pages, mut response: Response) -> Response {
        let previews = self.head.uri.path() == PreviewConcert::PATH;
        match sent_back(&response, previews) {
            // The home page has no form that can be refused.
            Some(SentBack { page, why }) if page != "/" => self.show_again(pages, page, why).await,
            Some(SentBack { why, .. }) => self.show_again(pages, NOWHERE.to_owned(), why).await,
            None => {
                take_out_own(&mut response);
                response
            }
        }
    }

    /// Returns the page for a refusal without a page on which to show the form again.
    pub async fn refuse(self, pages: &Pages, refusal: Refusal) -> Response {
        let why = RefusedForm {
            path: self.head.uri.path().to_owned(),
            refusal,
        };
        self.show_again(pages, NOWHERE.to_owned(), Some(why)).await
    }

    async fn show_again(self, pages: &Pages, page: String, why: Option<RefusedForm>) -> Response {
        let refusal = why.as_ref().map(|why| why.refusal.clone());
        let echo = FormEcho(fields(&self.typed));
        let mut shown = page.clone();
        if refusal == Some(Refusal::NotLoggedIn) {
            shown = log_in_path(&page);
            if !echo.has_text() {
                // There is no typed text to lose.
                return Redirect::to(&shown).into_response();
            }
        }
        let mut extensions = self.head.extensions;
        let owner = extensions.get::<MeantFor>().copied();
        let from = extensions.get::<FromPage>().cloned();
        extensions.insert(UnsentFrom {
            page: from.map_or(page, |FromPage(page)| page),
            owner: owner.map(|MeantFor(owner)| owner.to_string()),
        });
        extensions.insert(echo);
        if let Some(why) = why {
            extensions.insert(why);
        }
        let mut headers = self.head.headers;
        for name in OF_BODY {
            headers.remove(name);
        }
        let address = Network::of(self.address);
        let mut response = None;
        // Twice, because the page may redirect to a new address: the concert was renamed.
        for _ in 0..2 {
            let mut request = Request::new(Body::empty());
            let Ok(uri) = shown.parse::<Uri>() else {
                break;
            };
            *request.uri_mut() = uri;
            *request.headers_mut() = headers.clone();
            *request.extensions_mut() = extensions.clone();
            response = pages.render(address, request).await;
            match response.as_ref().and_then(moved_to) {
                Some(moved) => shown = moved,
                None => break,
            }
        }
        let Some(mut response) = response else {
            let in_short = refusal.unwrap_or(Refusal::TooManyRequests { retry_after_s: 1 });
            return refusals::answer(&headers, in_short);
        };
        let status = refusal.as_ref().map(Refusal::status);
        if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok())
            && response.status() == StatusCode::OK
        {
            *response.status_mut() = status;
        }
        if let Some(seconds) = refusal.and_then(|refusal| refusal.retry_after_s()) {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Headers that describe a body, which the request for the page does not have.
const OF_BODY: [HeaderName; 3] = [
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
];

/// Returns the new address of a page that has moved permanently.
fn moved_to(response: &Response) -> Option<String> {
    let moved = response.status() == StatusCode::MOVED_PERMANENTLY;
    let to = response.headers().get(header::LOCATION)?.to_str().ok()?;
    moved.then(|| safe_next(to).to_owned())
}

fn take_out_own(response: &mut Response) {
    let to = response.headers().get(header::LOCATION);
    let path = to.and_then(|to| to.to_str().ok()?.strip_prefix(OWN).map(str::to_owned));
    if let Some(path) = path.and_then(|path| HeaderValue::from_str(&path).ok()) {
        response.headers_mut().insert(header::LOCATION, path);
    }
}

/// The page that a form is sent back to, and the refusal if there is one.
struct SentBack {
    page: String,
    why: Option<RefusedForm>,
}

/// Recognises a form that is sent back: server functions redirect a refused form to its page, with
/// the refusal in the query, and the preview always redirects to its page.
///
/// The query alone is not sufficient: a crafted link can choose the target of a log-in, so that a
/// successful log-in would look like a refused one.
fn sent_back(response: &Response, previews: bool) -> Option<SentBack> {
    let was_refused = response.headers().contains_key(SERVER_FN_ERROR_HEADER);
    if !response.status().is_redirection() || !(was_refused || previews) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    // Only the path and query are used. The base is needed for relative addresses.
    let base = Url::parse("http://localhost").ok()?;
    let mut page = base.join(location).ok()?;
    let (mut path, mut refused) = (None, None);
    let mut others = form_urlencoded::Serializer::new(String::new());
    for (name, value) in page.query_pairs() {
        match &*name {
            REFUSED_PATH => path = Some(value.into_owned()),
            REFUSED => refused = Some(value.into_owned()),
            name => {
                others.append_pair(name, &value);
            }
        }
    }
    let others = others.finish();
    if refused.is_none() && !previews {
        // A redirect to another page, such as the log-in page.
        return None;
    }
    let why = refused.map(|refused| {
        let ApiError(refusal) = ServerFnUrlError::decode_err(&refused);
        RefusedForm {
            path: path.unwrap_or_default(),
            refusal,
        }
    });
    page.set_query((!others.is_empty()).then_some(&others));
    let page = match page.query() {
        Some(query) => format!("{}?{query}", page.path()),
        None => page.path().to_owned(),
    };
    let page = safe_next(&page).to_owned();
    Some(SentBack { page, why })
}

/// Parses the typed fields, without passwords.
fn fields(typed: &Bytes) -> HashMap<String, String> {
    form_urlencoded::parse(typed)
        .take(FIELDS_MAX)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .filter(|(name, _)| !is_secret(name))
        .collect()
}

/// Returns whether a field's name indicates a secret value.
fn is_secret(name: &str) -> bool {
    ["password", "token", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

fn is_form(headers: &HeaderMap) -> bool {
    is_of_kind(headers, &["application/x-www-form-urlencoded"])
}

/// Includes forms with files.
fn is_any_form(headers: &HeaderMap) -> bool {
    is_of_kind(
        headers,
        &["application/x-www-form-urlencoded", "multipart/form-data"],
    )
}

fn is_of_kind(headers: &HeaderMap, kinds: &[&str]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kinds.iter().any(|known| kind.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn posted(address: &str) -> Request {
        let request = Request::post(address)
            .header(header::HOST, "tickets.example")
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        dispatch(request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_page_that_posts_to_itself_calls_what_it_names() {
        let mut request = posted("/concerts/3/queue?lang=ko&call=/api/leave_queue&as=7");
        assert_eq!(request.uri(), "/api/leave_queue?lang=ko");
        let owner = request.extensions().get::<MeantFor>();
        assert_eq!(owner, Some(&MeantFor(AccountId(7))));
        name_page(&mut request);
        let back = request.headers().get(header::REFERER).unwrap();
        assert_eq!(back, &format!("{OWN}/concerts/3/queue?lang=ko"));
    }

    #[test]
    fn nothing_but_a_function_is_called_and_from_pages_alone() {
        for address in [
            "/log-in?call=/healthz",
            "/log-in?call=//x/api/",
            "/log-in?call=",
            "/pkg/frontrow.js?call=/api/log_in",
            "/api/list_concerts?call=/api/log_in",
        ] {
            let request = posted(address);
            let path = address.split('?').next().unwrap();
            assert_eq!(request.uri().path(), path, "{address}");
        }
        let asks = |request: http::request::Builder| dispatch(request.body(Body::empty()).unwrap());
        let address = "/log-in?call=/api/log_in";
        let json = asks(Request::post(address).header(header::ACCEPT, "application/json"));
        assert_eq!(json.uri().path(), "/log-in");
        assert_eq!(asks(Request::get(address)).uri(), address);
    }

    #[test]
    fn the_page_is_the_address_without_the_refusal() {
        let error = ServerFnUrlError::new("/api/log_in", ApiError(Refusal::WrongCredentials));
        let address = error
            .to_url(&format!("{OWN}/log-in?next=%2Ftickets&lang=ko"))
            .unwrap();
        let response = Response::builder()
            .status(302)
            .header(header::LOCATION, address.as_str());
        let carried_out = response.body(Body::empty()).unwrap();
        // A visitor who followed a crafted link and logged in.
        assert!(sent_back(&carried_out, false).is_none());
        let mut refused = carried_out;
        let path = HeaderValue::from_static("/api/log_in");
        refused.headers_mut().insert(SERVER_FN_ERROR_HEADER, path);
        let SentBack { page, why } = sent_back(&refused, false).unwrap();
        assert_eq!(page, "/log-in?next=%2Ftickets&lang=ko");
        let why = why.unwrap();
        let said = (&*why.path, why.refusal);
        assert_eq!(said, ("/api/log_in", Refusal::WrongCredentials));
        // A redirect to another page.
        let onward = HeaderValue::from_static("/log-in?next=%2Fconcerts%2F3");
        refused.headers_mut().insert(header::LOCATION, onward);
        assert!(sent_back(&refused, false).is_none());
    }

    #[test]
    fn our_own_address_is_in_no_answer() {
        let location = format!("{OWN}/tickets?page=2");
        let response = Response::builder().header(header::LOCATION, location);
        let mut response = response.body(Body::empty()).unwrap();
        take_out_own(&mut response);
        assert_eq!(response.headers()[header::LOCATION], "/tickets?page=2");
    }

    #[test]
    fn an_address_gets_so_many_pages_a_second_and_this_machine_any_number() {
        let pages = Pages::new(|_| async { Response::default() }.boxed());
        let rendered = |address: &str| {
            let address = Network::of(address.parse().unwrap());
            let pages = (0..60).map(|_| pages.render(address, Request::default()));
            pages
                .filter_map(|page| page.now_or_never().flatten())
                .count()
        };
        assert_eq!(rendered("203.0.113.7"), PAGES_MAX as usize);
        assert_eq!(rendered("203.0.113.8"), PAGES_MAX as usize);
        assert_eq!(rendered("127.0.0.1"), 60);
    }

    #[test]
    fn of_more_fields_than_any_form_has_not_all_are_shown() {
        let many: String = (0..70_000).map(|n| format!("a{n}=&")).collect();
        assert_eq!(fields(&many.into()).len(), FIELDS_MAX);
    }
}
