//! No other site may make a visitor's browser change anything here.

use super::refusals;
use app::settings::Settings;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use model::Refusal;
use url::Url;

/// Refuses a state change that a browser says comes from another site. Clients that are no browsers say nothing.
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

fn is_ours(headers: &HeaderMap, settings: &Settings) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match text(header::ORIGIN) {
        None => true,
        Some(origin) => {
            let authority = |url: &str| {
                Url::parse(url)
                    .ok()
                    .map(|url| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
            };
            let from = authority(origin);
            from.is_some()
                && (from.as_deref() == text(header::HOST)
                    || from == authority(&settings.public_url))
        }
    }
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
