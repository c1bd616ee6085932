//! Public addresses of pages.

use crate::i18n::{LANGUAGE_ARGUMENT, Locale};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that are not valid in an address. All others are left alone: what is there already
/// has its meaning.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Escapes letters that are not ASCII in a path of ours, as headers and strict parsers require.
/// Idempotent.
pub fn ascii(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// The public addresses of a page: one for the language that its reader's browser asks for, and one
/// for each language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    public_url: String,
    path: String,
}

impl Address {
    /// `path` may have arguments, but names no language.
    pub fn new(public_url: &str, path: &str) -> Address {
        Address {
            public_url: public_url.to_owned(),
            path: ascii(path),
        }
    }

    /// Returns the full address, with the language if one is named.
    pub fn whole(&self, named: Option<Locale>) -> String {
        let Address { public_url, path } = self;
        match named {
            None => format!("{public_url}{path}"),
            Some(locale) => {
                let and = if path.contains('?') { '&' } else { '?' };
                let tag = locale.tag();
                format!("{public_url}{path}{and}{LANGUAGE_ARGUMENT}={tag}")
            }
        }
    }

    /// Returns all addresses, with their names among a page's alternates: each page lists all,
    /// including itself.
    pub fn alternates(&self) -> impl Iterator<Item = (&'static str, String)> {
        let named = Locale::ALL.map(|locale| (locale.tag(), self.whole(Some(locale))));
        named.into_iter().chain([("x-default", self.whole(None))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ascii_and_names_its_language() {
        let page = Address::new("https://a.example", "/concerts/12-한강");
        let path = "https://a.example/concerts/12-%ED%95%9C%EA%B0%95";
        assert_eq!(page.whole(None), path);
        assert_eq!(page.whole(Some(Locale::Korean)), format!("{path}?lang=ko"));
        assert_eq!(ascii(&ascii("/12-한강?a=%20 b")), ascii("/12-한강?a=%20 b"));
        let second = Address::new("https://a.example", "/?page=2");
        assert_eq!(
            second.whole(Some(Locale::English)),
            "https://a.example/?page=2&lang=en"
        );
        let alternates: Vec<_> = page.alternates().map(|(name, _)| name).collect();
        assert_eq!(alternates, ["ko", "en", "x-default"]);
    }
}
