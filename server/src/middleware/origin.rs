//! Cross-site request forgery: other sites cannot change state through a visitor's browser.

use super::refusals;
use app::settings::Settings;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use model::Refusal;
use url::Url;

/// Refuses a state change that a browser reports to come from another site. Clients other than
/// browsers send no such headers.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub fn check(settings: &Settings, request: &Request) -> Result<(), Response> {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if reads || is_ours(request.headers(), settings) {
        return Ok(());
    }
    tracing::warn!(
        path = request.uri().path(),
        "a state change from another site was refused"
    );
    Err(refusals::answer(request.headers(), Refusal::Forbidden))
}

/// Removes a `Referer` that names another site. A form submitted without JavaScript is redirected
/// to its `Referer`, so a link from elsewhere to a server function would redirect there through
/// this site (open redirect).
pub fn forget_strangers(settings: &Settings, request: &mut Request) {
    let headers = request.headers_mut();
    let strange = headers.get(header::REFERER).is_some_and(|referer| {
        let referer = referer.to_str().ok();
        !referer.is_some_and(|referer| names_us(headers, settings, referer))
    });
    if strange {
        headers.remove(header::REFERER);
    }
}

fn is_ours(headers: &HeaderMap, settings: &Settings) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, Some("same-origin" | "none"));
    }
    match text(header::ORIGIN) {
        None => true,
        Some(origin) => origin.is_some_and(|origin| names_us(headers, settings, origin)),
    }
}

/// Returns whether an address belongs to this site: to the host of the request, or to the public
/// URL.
fn names_us(headers: &HeaderMap, settings: &Settings, address: &str) -> bool {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let from = authority(address);
    from.is_some() && (from.as_deref() == host || from == authority(&settings.public_url))
}

/// Returns host and port, or `None` if it is not an http or https address.
fn authority(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    matches!(url.scheme(), "http" | "https")
        .then(|| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(headers: &[(&str, &str)]) -> bool {
        let settings = Settings {
            secure: true,
            public_url: "https://frontrow.example".into(),
        };
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<header::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect();
        is_ours(&headers, &settings)
    }

    #[test]
    fn other_sites_are_refused_and_clients_that_are_no_browsers_are_not() {
        assert!(ours(&[]));
        assert!(ours(&[("sec-fetch-site", "same-origin")]));
        assert!(ours(&[
            ("host", "127.0.0.1:3000"),
            ("origin", "http://127.0.0.1:3000")
        ]));
        assert!(ours(&[
            ("host", "internal:3000"),
            ("origin", "https://frontrow.example")
        ]));
        assert!(!ours(&[("sec-fetch-site", "cross-site")]));
        assert!(!ours(&[
            ("sec-fetch-site", "same-site"),
            ("host", "a.b"),
            ("origin", "http://a.b")
        ]));
        assert!(!ours(&[
            ("host", "127.0.0.1:3000"),
            ("origin", "https://evil.example")
        ]));
        assert!(!ours(&[("host", "127.0.0.1:3000"), ("origin", "null")]));
    }
}
