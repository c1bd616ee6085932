//! The request being answered and the response being made (server only).

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

/// The stores. Missing only if the server was put together wrongly.
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

/// Who sent the request, if the stores could tell. A page template has no sender: code that asks there has a personal part
/// outside of a slot, and the template is refused.
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

/// The session of a request that needs one.
pub fn session() -> Result<Session, ApiError> {
    Ok(auth().session()?)
}

/// The session of a request that may have one.
pub fn optional_session() -> Option<Session> {
    match auth() {
        Auth::LoggedIn(session) => Some(session),
        Auth::Anonymous | Auth::Unavailable => None,
    }
}

/// The session, if it may see more of a concert than the public: of an organiser, an admin or an account of a rehearsal.
/// None for a member like most and for strangers, who see every concert alike; so a template may ask for it.
pub fn privileged_session() -> Option<Session> {
    match TemplateRender::current() {
        Some(_) => None,
        None => optional_session().filter(Session::is_privileged),
    }
}

pub fn header(name: HeaderName) -> Option<String> {
    with_context(|parts: &Parts| parts.headers.get(name)?.to_str().ok().map(str::to_owned))?
}

/// Where the page being answered is, as its browser has it: the path, and what follows a question mark.
pub fn asked_at() -> Option<String> {
    let uri = with_context(|parts: &Parts| parts.uri.clone())?;
    let arguments = uri.query().filter(|arguments| !arguments.is_empty());
    let question = arguments.map(|arguments| format!("?{arguments}"));
    Some(uri.path().to_owned() + &question.unwrap_or_default())
}

/// Whether the address of the page being answered has an argument of this name, whatever its value.
pub fn asks_for(argument: &str) -> bool {
    let asks = with_context(|parts: &Parts| {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let mut names = pairs.filter_map(|pair| pair.split('=').next());
        names.any(|name| name == argument)
    });
    asks.unwrap_or_default()
}

/// The page that the form being answered was posted from, and nothing elsewhere.
pub fn back() -> String {
    let from = header(header::REFERER).and_then(|from| from.parse::<http::Uri>().ok());
    let path = from.as_ref().and_then(http::Uri::path_and_query);
    crate::sessions::safe_next(path.map_or("/", |path| path.as_str())).to_owned()
}

/// A cookie's value, unless it is empty; ours hold nothing that needs decoding.
pub fn cookie<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        // What others on this host have set may hold any bytes, and is nothing to us.
        .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            std::str::from_utf8(value.strip_prefix(b"=")?).ok()
        })
        .find(|value| !value.is_empty())
}

/// Whether a browser itself is asking: for a page, or with a form that no JavaScript took over.
pub fn accepts_html() -> bool {
    header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"))
}

/// Why this browser's last session ended, if somebody else ended it.
pub fn ended() -> Option<EndReason> {
    with_context(|parts: &Parts| parts.extensions.get::<Ended>().map(|ended| ended.0))?
}

/// Where the request came from, seen past the proxies that are trusted. The server puts it into the request's extensions
/// before anything else runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Who is at the other end. The address is missing only if the server was put together wrongly.
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

/// The response that goes with the value returned.
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

    /// Sends a page's reader to where it is now, for good, with the arguments that they came with.
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

    /// Says in which language a page is, and what of a request decides what is on it.
    pub fn say_language(locale: Locale) {
        if let Some(options) = Response::options() {
            let language = HeaderValue::from_static(locale.tag());
            options.insert_header(header::CONTENT_LANGUAGE, language);
            let deciding = HeaderValue::from_static("Accept-Language, Cookie");
            options.insert_header(header::VARY, deciding);
        }
    }

    /// Sends a page's reader elsewhere, whatever they say they accept.
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
        // Another page on this host has set one with letters that are no ASCII, and one that is no text at all.
        let strange = HeaderValue::from_bytes("이름=값; x=\u{e9}; name=en; y=".as_bytes());
        headers.insert(header::COOKIE, strange.unwrap());
        assert_eq!(cookie(&headers, "name"), Some("en"));
        let broken = HeaderValue::from_bytes(b"x=\xff\xfe; name=ko");
        headers.insert(header::COOKIE, broken.unwrap());
        assert_eq!(cookie(&headers, "name"), Some("ko"));
    }
}
