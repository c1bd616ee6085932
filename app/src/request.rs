//! The request being answered and the response being built (server only).

use crate::error::ApiError;
use crate::i18n::Locale;
use crate::sessions::{Auth, Ended};
use crate::settings::Settings;
use crate::template::TemplateRender;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use leptos::prelude::{use_context, with_context};
use leptos_axum::ResponseOptions;
use model::Refusal;
use model::sessions::EndReason;
use services::sessions::Session;
use services::{Client, Services};
use std::net::IpAddr;

/// Returns the stores. Fails only if the server was set up incorrectly.
pub fn services() -> Result<Services, ApiError> {
    use_context::<Services>().ok_or_else(|| {
        tracing::error!("no services in context");
        Refusal::Internal.into()
    })
}

pub fn settings() -> Settings {
    use_context::<Settings>().unwrap_or_else(|| Settings {
        secure: true,
        public_url: String::new(),
    })
}

/// Returns the sender of the request, if the stores could tell. A page template has no sender: a
/// call while one is rendered means that the page has a personal part outside a slot, and the
/// template is refused.
pub fn auth() -> Auth {
    let auth = with_context(|parts: &Parts| {
        if let Some(template) = parts.extensions.get::<TemplateRender>() {
            template.note_personal_read();
            return Some(Auth::Unavailable);
        }
        parts.extensions.get().cloned()
    });
    auth.flatten().unwrap_or(Auth::Anonymous)
}

/// Returns the session of a request that requires one.
pub fn session() -> Result<Session, ApiError> {
    Ok(auth().session()?)
}

/// Returns the session of a request that may have one.
pub fn optional_session() -> Option<Session> {
    match auth() {
        Auth::LoggedIn(session) => Some(session),
        Auth::Anonymous | Auth::Unavailable => None,
    }
}

/// Returns the session if it may see more of a concert than the public: that of an organiser, an
/// admin or an account of a rehearsal. Returns `None` for all other members and for visitors, who
/// see the same concerts, so a template may call it.
pub fn privileged_session() -> Option<Session> {
    match TemplateRender::current() {
        Some(_) => None,
        None => optional_session().filter(Session::is_privileged),
    }
}

pub fn header(name: HeaderName) -> Option<String> {
    with_context(|parts: &Parts| parts.headers.get(name)?.to_str().ok().map(str::to_owned))?
}

/// Returns the address of the page being answered, as its browser has it: the path, and any query
/// after a question mark.
pub fn asked_at() -> Option<String> {
    let uri = with_context(|parts: &Parts| parts.uri.clone())?;
    let arguments = uri.query().filter(|arguments| !arguments.is_empty());
    let question = arguments.map(|arguments| format!("?{arguments}"));
    Some(uri.path().to_owned() + &question.unwrap_or_default())
}

/// Returns whether the address of the page being answered has an argument of this name, with any
/// value.
pub fn asks_for(argument: &str) -> bool {
    let asks = with_context(|parts: &Parts| {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let mut names = pairs.filter_map(|pair| pair.split('=').next());
        names.any(|name| name == argument)
    });
    asks.unwrap_or_default()
}

/// Returns the local path of the page that the form being answered was posted from, or `/`.
pub fn back() -> String {
    let from = header(header::REFERER).and_then(|from| from.parse::<http::Uri>().ok());
    let path = from.as_ref().and_then(http::Uri::path_and_query);
    crate::sessions::safe_next(path.map_or("/", |path| path.as_str())).to_owned()
}

/// Returns a cookie's value, unless it is empty. Our values need no decoding.
pub fn cookie<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        // Cookies that other applications on this host have set may contain any bytes, and are
        // ignored.
        .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            std::str::from_utf8(value.strip_prefix(b"=")?).ok()
        })
        .find(|value| !value.is_empty())
}

/// Returns whether the request comes from the browser itself: for a page, or with a form that
/// JavaScript did not intercept.
pub fn accepts_html() -> bool {
    header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"))
}

/// Returns why this browser's last session ended, if it was ended elsewhere.
pub fn ended() -> Option<EndReason> {
    with_context(|parts: &Parts| parts.extensions.get::<Ended>().map(|ended| ended.0))?
}

/// Address of the client, determined behind trusted proxies. The server puts it into the request's
/// extensions before anything else runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Returns the client. Fails only if the server was set up incorrectly, so that the address is
/// missing.
pub fn client() -> Result<Client, ApiError> {
    let address = with_context(|parts: &Parts| parts.extensions.get::<ClientAddress>().copied())
        .flatten()
        .ok_or_else(|| {
            tracing::error!("a request without an address");
            ApiError::from(Refusal::Internal)
        })?;
    let device = header(header::USER_AGENT).unwrap_or_default();
    Ok(Client::new(address.0, &device))
}

/// The response that is sent with the returned value.
pub struct Response;

impl Response {
    fn options() -> Option<ResponseOptions> {
        use_context::<ResponseOptions>()
    }

    pub fn set_status(status: u16) {
        if let (Some(options), Ok(status)) = (Response::options(), StatusCode::from_u16(status)) {
            options.set_status(status);
        }
    }

    pub fn refuse(refusal: &Refusal) {
        Response::set_status(refusal.status());
        if let (Some(options), Some(seconds)) = (Response::options(), refusal.retry_after_s()) {
            options.insert_header(header::RETRY_AFTER, seconds.into());
        }
    }

    /// Redirects a page's reader permanently to its current address, with the arguments of the
    /// request.
    pub fn moved(path: &str) {
        let arguments = with_context(|parts: &Parts| parts.uri.query().map(str::to_owned));
        let to = match arguments.flatten() {
            Some(arguments) => HeaderValue::from_str(&format!("{path}?{arguments}")),
            None => HeaderValue::from_str(path),
        };
        if let (Some(options), Ok(to)) = (Response::options(), to) {
            options.set_status(StatusCode::MOVED_PERMANENTLY);
            options.insert_header(header::LOCATION, to);
        }
    }

    /// Sets the language of a page, and the request headers that its content depends on.
    pub fn say_language(locale: Locale) {
        if let Some(options) = Response::options() {
            let language = HeaderValue::from_static(locale.tag());
            options.insert_header(header::CONTENT_LANGUAGE, language);
            let deciding = HeaderValue::from_static("Accept-Language, Cookie");
            options.insert_header(header::VARY, deciding);
        }
    }

    /// Redirects a page's reader, regardless of the `Accept` header.
    pub fn redirect(path: &str) {
        if let (Some(options), Ok(path)) = (Response::options(), HeaderValue::from_str(path)) {
            options.set_status(StatusCode::FOUND);
            options.insert_header(header::LOCATION, path);
        }
    }

    pub fn set_cookie(cookie: HeaderValue) {
        if let Some(options) = Response::options() {
            options.append_header(header::SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = http::HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=b; name=ko; c=d"),
        );
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("xother=1; other=2"),
        );
        assert_eq!(cookie(&headers, "name"), Some("ko"));
        assert_eq!(cookie(&headers, "other"), Some("2"));
        assert_eq!(cookie(&headers, "ame"), None);
        // Another application on this host has set a cookie with non-ASCII letters, and one that is
        // not UTF-8.
        let strange = HeaderValue::from_bytes("이름=값; x=\u{e9}; name=en; y=".as_bytes());
        headers.insert(header::COOKIE, strange.unwrap());
        assert_eq!(cookie(&headers, "name"), Some("en"));
        let broken = HeaderValue::from_bytes(b"x=\xff\xfe; name=ko");
        headers.insert(header::COOKIE, broken.unwrap());
        assert_eq!(cookie(&headers, "name"), Some("ko"));
    }
}
