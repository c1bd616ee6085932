//! The language of a request.

#[cfg(feature = "ssr")]
use super::{Words, english::ENGLISH, korean::KOREAN};

/// Cookie that stores the choice made with the switch in the header.
pub const LANGUAGE_COOKIE: &str = "frontrow_language";

/// Cookie of a client that came by an address that names a language. It lasts a day, and the choice
/// made with the switch wins over it.
pub const VISIT_LANGUAGE_COOKIE: &str = "frontrow_visit_language";

/// Argument of an address that names the language of its page. It wins over the cookies and does
/// not change the user's choice: a user who follows another user's link has not chosen its language
/// for all other pages.
pub const LANGUAGE_ARGUMENT: &str = "lang";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    Korean,
    #[default]
    English,
}

impl Locale {
    pub const ALL: [Locale; 2] = [Locale::Korean, Locale::English];

    /// Returns the language tag, as in `<html lang>` and in the cookie.
    pub fn tag(self) -> &'static str {
        match self {
            Locale::Korean => "ko",
            Locale::English => "en",
        }
    }

    /// Parses a tag with or without a region: `ko`, `ko-KR`, `en_US`.
    pub fn parse(tag: &str) -> Option<Locale> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Locale::ALL
            .into_iter()
            .find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    #[cfg(feature = "ssr")]
    pub fn words(self) -> &'static Words {
        match self {
            Locale::Korean => &KOREAN,
            Locale::English => &ENGLISH,
        }
    }

    /// Returns the best of our languages for an `Accept-Language` header (RFC 9110, 12.5.4): the
    /// one with the highest quality, among equals the earlier one. Returns `None` if each of ours
    /// is refused or not named.
    pub fn negotiate(accept_language: &str) -> Option<Locale> {
        let mut best: Option<(u16, Locale)> = None;
        for range in accept_language.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let quality = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .map_or(1000, thousandths);
            let Some(locale) = (if tag == "*" {
                Some(Locale::default())
            } else {
                Locale::parse(tag)
            }) else {
                continue;
            };
            if quality > best.map_or(0, |(q, _)| q) {
                best = Some((quality, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }

    /// Returns the language of the request in context.
    #[cfg(feature = "ssr")]
    pub fn of_request() -> Locale {
        leptos::prelude::with_context(|parts: &http::request::Parts| {
            Locale::of(&parts.uri, &parts.headers)
        })
        .unwrap_or_default()
    }

    /// Returns the language named by the address of the request in context.
    #[cfg(feature = "ssr")]
    pub fn named() -> Option<Locale> {
        leptos::prelude::with_context(|parts: &http::request::Parts| {
            Locale::in_address(&parts.uri)
        })?
    }

    /// Returns the language that an address names, as in `?lang=ko`.
    #[cfg(feature = "ssr")]
    pub fn in_address(address: &http::Uri) -> Option<Locale> {
        let arguments = address.query()?.split('&');
        let mut named = arguments.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name == LANGUAGE_ARGUMENT).then_some(value)
        });
        named.find_map(Locale::parse)
    }

    /// Returns the language of a request: from its address, else from [`Locale::of_headers`].
    #[cfg(feature = "ssr")]
    pub fn of(address: &http::Uri, headers: &http::HeaderMap) -> Locale {
        Locale::in_address(address).unwrap_or_else(|| Locale::of_headers(headers))
    }

    /// Returns the language that the headers ask for: from the switch's cookie, else the visit's
    /// cookie, else `Accept-Language`, else English.
    #[cfg(feature = "ssr")]
    pub fn of_headers(headers: &http::HeaderMap) -> Locale {
        let remembered = |cookie| crate::request::cookie(headers, cookie).and_then(Locale::parse);
        remembered(LANGUAGE_COOKIE)
            .or_else(|| remembered(VISIT_LANGUAGE_COOKIE))
            .or_else(|| {
                let accepted = headers.get(http::header::ACCEPT_LANGUAGE)?;
                Locale::negotiate(accepted.to_str().ok()?)
            })
            .unwrap_or_default()
    }

    /// Returns the language of the document that the server rendered.
    #[cfg(not(feature = "ssr"))]
    pub fn of_document() -> Locale {
        leptos::prelude::document()
            .document_element()
            .and_then(|html| html.get_attribute("lang"))
            .and_then(|tag| Locale::parse(&tag))
            .unwrap_or_default()
    }

    /// Returns the language that the page is rendered in; islands read it from the document.
    pub fn in_context() -> Locale {
        leptos::prelude::use_context().unwrap_or_else(Locale::current)
    }

    /// Returns the language to render in.
    pub fn current() -> Locale {
        #[cfg(feature = "ssr")]
        return Locale::of_request();
        #[cfg(not(feature = "ssr"))]
        return Locale::of_document();
    }
}

/// Returns a local address without its language argument.
#[cfg(feature = "ssr")]
pub(super) fn without_language(address: &str) -> String {
    let Some((path, arguments)) = address.split_once('?') else {
        return address.to_owned();
    };
    let others = arguments
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(LANGUAGE_ARGUMENT));
    match others.collect::<Vec<_>>().join("&") {
        none if none.is_empty() => path.to_owned(),
        others => format!("{path}?{others}"),
    }
}

/// Parses a quality value, in thousandths. A malformed one counts as refused.
fn thousandths(q: &str) -> u16 {
    let (whole, fraction) = q.trim().split_once('.').unwrap_or((q.trim(), ""));
    let digits: String = format!("{fraction:0<3}").chars().take(3).collect();
    match (whole.parse::<u16>(), digits.parse::<u16>()) {
        (Ok(0), Ok(f)) => f,
        (Ok(1), Ok(_)) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_quality_wins() {
        assert_eq!(
            Locale::negotiate("en;q=0.5, ko-KR;q=0.9"),
            Some(Locale::Korean)
        );
        assert_eq!(
            Locale::negotiate("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"),
            Some(Locale::Korean)
        );
        assert_eq!(
            Locale::negotiate("de-DE, en-GB;q=0.7, ko;q=0.3"),
            Some(Locale::English)
        );
        assert_eq!(Locale::negotiate("en,ko"), Some(Locale::English));
    }

    #[test]
    fn what_is_refused_or_unknown_is_not_chosen() {
        assert_eq!(Locale::negotiate("ko;q=0, en;q=0.1"), Some(Locale::English));
        assert_eq!(Locale::negotiate("de, fr;q=0.5"), None);
        assert_eq!(Locale::negotiate(""), None);
        assert_eq!(Locale::negotiate("ko;q=nonsense"), None);
        assert_eq!(Locale::negotiate("de, *;q=0.1"), Some(Locale::English));
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn the_address_wins() {
        let of = |address: &str| {
            let korean = http::HeaderValue::from_static("frontrow_language=ko");
            let headers = http::HeaderMap::from_iter([(http::header::COOKIE, korean)]);
            Locale::of(&address.parse().unwrap(), &headers)
        };
        assert_eq!(of("/?lang=en"), Locale::English);
        assert_eq!(of("/concerts/1?a=b&lang=en-GB&c"), Locale::English);
        for none in ["/", "/?lang", "/?lang=de", "/?slang=en", "/en?x=lang=en"] {
            assert_eq!(of(none), Locale::Korean, "{none}");
        }
    }
}
