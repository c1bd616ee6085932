//! Forms that lose nothing. A page posts to itself and names what it calls (`app::forms::form_action`); a form that is refused
//! is answered with its page, in which it says why and has all that was typed, without a redirect.
//!
//! So nothing of a form is kept anywhere: not here, where strangers could fill the store with it, nor in an address, where a
//! link could make a page say what did not happen.

use super::refusals::{self, accepts_html};
use app::drafts::PreviewConcert;
use app::error::ApiError;
use app::forms::{AS, CALL, FormEcho, RefusedForm, UnsentFrom};
use app::posters::UPLOAD_POSTER;
use app::sessions::{Auth, log_in_path};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
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

/// The largest body that anyone may send, but for posters: the longest form, with each letter of it escaped.
const MOST: usize = 256 * 1024;

/// The argument under which Leptos says in an address why a form was refused. No such address leaves the server.
const REFUSED: &str = "__err";
/// And what was called.
const REFUSED_PATH: &str = "__path";

/// A page that no route has: it says why a form was refused that has no page of its own.
const NOWHERE: &str = "/refused";

/// A page for one form costs as much as thirty that are shared. So many an address gets in a second, more than people type;
/// beyond that a refusal is one sentence.
const PAGES_MAX: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);
const ADDRESSES_MAX: u64 = 100_000;

/// Renders the page at any address, whichever route it has.
type Render = dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync;

/// The pages that answer forms.
pub struct Pages {
    render: Box<Render>,
    /// How many each address was answered within the second.
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

    /// None: the address has had as many as it may.
    async fn render(&self, address: Network, request: Request) -> Option<Response> {
        let rendered = self.rendered.get_with(address, Arc::default);
        match rendered.fetch_add(1, Ordering::Relaxed) < PAGES_MAX {
            true => Some((self.render)(request).await),
            false => None,
        }
    }
}

/// The account whose page a form was sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MeantFor(AccountId);

/// Sends a form that a page has posted to itself to what it calls. Before any routing.
pub fn dispatch(mut request: Request) -> Request {
    if request.method() != Method::POST {
        return request;
    }
    let Some(query) = request.uri().query() else {
        return request;
    };
    let (mut call, mut owner, mut others) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((CALL, path)) if path.starts_with("/api/") => call = Some(path.to_owned()),
            Some((AS, account)) => owner = account.parse().ok(),
            _ => others.push(pair),
        }
    }
    let with_others = |path: &str| match others.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", others.join("&")),
    };
    let path = request.uri().path().to_owned();
    let called = with_others(call.as_deref().unwrap_or(&path));
    if call.is_some() {
        // What is called goes back to its page by this, whatever a browser is willing to say of it.
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let page = format!("http://{host}{}", with_others(&path));
        if let Ok(page) = HeaderValue::from_str(&page) {
            request.headers_mut().insert(header::REFERER, page);
        }
    }
    if let Some(owner) = owner {
        request.extensions_mut().insert(MeantFor(AccountId(owner)));
    }
    if let Ok(called) = called.parse() {
        *request.uri_mut() = called;
    }
    request
}

/// What has to be known of a form of a browser when it is refused.
pub struct Form {
    /// The request, but for its body.
    head: Parts,
    address: IpAddr,
    typed: Bytes,
}

/// Refuses bodies that are too large, and keeps what a form holds until its answer is there.
pub async fn take_in(request: Request) -> Result<(Request, Option<Bytes>), Response> {
    if request.method() == Method::GET {
        return Ok((request, None));
    }
    let html = accepts_html(request.headers());
    if request.uri().path() == UPLOAD_POSTER {
        // Longer than what is read here, by people who are asked first who they are: its handler reads it.
        return Ok((request, html.then(Bytes::new)));
    }
    let (mut parts, body) = request.into_parts();
    let body = match to_bytes(body, MOST).await {
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
    let typed = (html && is_form(&parts.headers)).then(|| body.clone());
    if html {
        // Of what is called directly by one who keeps to themselves where they come from.
        let home = HeaderValue::from_static("http://localhost/");
        let headers = &mut parts.headers;
        headers.entry(header::REFERER).or_insert(home);
    }
    Ok((Request::from_parts(parts, Body::from(body)), typed))
}

/// Refuses what was sent from a page of another account than the one that is logged in now.
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
    /// `typed`: what [`take_in`] kept of this request; None: no form of a browser.
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

    /// The answer, or in place of one that sends a form back, the page it is sent back to.
    pub async fn answer(self, pages: &Pages, response: Response) -> Response {
        let previews = self.head.uri.path() == PreviewConcert::PATH;
        match sent_back(&response, previews) {
            // The home page has no form that can be refused.
            Some(SentBack { page, why }) if page != "/" => self.show_again(pages, page, why).await,
            Some(SentBack { why, .. }) => self.show_again(pages, NOWHERE.to_owned(), why).await,
            None => response,
        }
    }

    /// The page that says why, when there is none on which the form could be shown again.
    pub async fn refuse(self, pages: &Pages, refusal: Refusal) -> Response {
        let why = RefusedForm {
            path: self.head.uri.path().to_owned(),
            refusal,
        };
        self.show_again(pages, NOWHERE.to_owned(), Some(why)).await
    }

    async fn show_again(self, pages: &Pages, page: String, why: Option<RefusedForm>) -> Response {
        let logged_out = why
            .as_ref()
            .is_some_and(|why| why.refusal == Refusal::NotLoggedIn);
        let shown = match logged_out {
            true => log_in_path(&page),
            false => page.clone(),
        };
        let Ok(shown) = shown.parse::<Uri>() else {
            return refusals::answer(&self.head.headers, Refusal::Malformed);
        };
        let in_short = why.as_ref().map(|why| why.refusal.clone());
        let in_short = in_short.unwrap_or(Refusal::TooManyRequests { retry_after_s: 1 });
        let status = why.as_ref().map(|why| why.refusal.status());
        let retry_after = why.as_ref().and_then(|why| why.refusal.retry_after_s());
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = shown;
        *request.headers_mut() = self.head.headers;
        for name in [
            header::CONTENT_LENGTH,
            header::CONTENT_TYPE,
            header::TRANSFER_ENCODING,
        ] {
            request.headers_mut().remove(name);
        }
        *request.extensions_mut() = self.head.extensions;
        let owner = request.extensions().get::<MeantFor>().copied();
        let extensions = request.extensions_mut();
        extensions.insert(FormEcho(fields(&self.typed)));
        if logged_out {
            extensions.insert(UnsentFrom {
                page,
                owner: owner.map(|MeantFor(owner)| owner.to_string()),
            });
        }
        if let Some(why) = why {
            extensions.insert(why);
        }
        let headers = request.headers().clone();
        let Some(mut response) = pages.render(Network::of(self.address), request).await else {
            return refusals::answer(&headers, in_short);
        };
        if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok())
            && response.status() == StatusCode::OK
        {
            *response.status_mut() = status;
        }
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Where a form is sent back to, and why, if it was refused.
struct SentBack {
    page: String,
    why: Option<RefusedForm>,
}

/// The handler of server functions sends a refused form back to where it came from, with the refusal in the address; that of
/// the preview sends it back to be seen.
///
/// Not by the address alone: whoever makes a link chooses where a log-in leads to, and it would look like one that was refused.
fn sent_back(response: &Response, previews: bool) -> Option<SentBack> {
    let was_refused = response.headers().contains_key(SERVER_FN_ERROR_HEADER);
    if !response.status().is_redirection() || !(was_refused || previews) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    // Only its path counts, and where it is a path alone any host will do.
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
    Some(SentBack { page, why })
}

/// What was typed but passwords.
fn fields(typed: &Bytes) -> HashMap<String, String> {
    form_urlencoded::parse(typed)
        .into_owned()
        .filter(|(name, _)| !is_secret(name))
        .collect()
}

/// Whether a field's name says that its value is to be known to nobody else.
fn is_secret(name: &str) -> bool {
    ["password", "token", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(address: &str) -> Request {
        let request = Request::post(address).header(header::HOST, "tickets.example");
        dispatch(request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_page_that_posts_to_itself_calls_what_it_names() {
        let request = posted("/concerts/3/queue?lang=ko&call=/api/leave_queue&as=7");
        assert_eq!(request.uri(), "/api/leave_queue?lang=ko");
        let back = request.headers().get(header::REFERER).unwrap();
        assert_eq!(back, "http://tickets.example/concerts/3/queue?lang=ko");
        let owner = request.extensions().get::<MeantFor>();
        assert_eq!(owner, Some(&MeantFor(AccountId(7))));
    }

    #[test]
    fn nothing_but_a_function_is_called() {
        for address in [
            "/log-in?call=/healthz",
            "/log-in?call=//x/api/",
            "/log-in?call=",
        ] {
            let request = posted(address);
            assert_eq!(request.uri().path(), "/log-in", "{address}");
            assert!(!request.headers().contains_key(header::REFERER));
        }
        let read = Request::get("/log-in?call=/api/log_in").body(Body::empty());
        assert_eq!(dispatch(read.unwrap()).uri(), "/log-in?call=/api/log_in");
    }

    #[test]
    fn the_page_is_the_address_without_the_refusal() {
        let error = ServerFnUrlError::new("/api/log_in", ApiError(Refusal::WrongCredentials));
        let address = error
            .to_url("http://localhost/log-in?next=%2Ftickets&lang=ko")
            .unwrap();
        let response = Response::builder()
            .status(302)
            .header(header::LOCATION, address.as_str());
        let carried_out = response.body(Body::empty()).unwrap();
        // As when somebody logs in who has followed such a link.
        assert!(sent_back(&carried_out, false).is_none());
        let mut refused = carried_out;
        let path = HeaderValue::from_static("/api/log_in");
        refused.headers_mut().insert(SERVER_FN_ERROR_HEADER, path);
        let SentBack { page, why } = sent_back(&refused, false).unwrap();
        assert_eq!(page, "/log-in?next=%2Ftickets&lang=ko");
        let why = why.unwrap();
        assert_eq!(
            (&*why.path, why.refusal),
            ("/api/log_in", Refusal::WrongCredentials)
        );
    }
}
