//! URLs of concerts: the id, and the title for readers.
//!
//! The id alone decides which concert is meant, so a URL that was shared before the title changed
//! still leads to the concert.

use super::{Concert, ConcertId};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest title in a URL, in characters.
const LONGEST: usize = 60;

impl Concert {
    /// See [`concert_path`].
    pub fn path(&self) -> String {
        concert_path(self.id, &self.title)
    }
}

/// Returns the path of a concert's page in readable form: `/concerts/12-아이유-콘서트`. Valid in a link;
/// it must be percent-encoded in a header.
pub fn concert_path(id: ConcertId, title: &str) -> String {
    format!("/concerts/{}", concert_segment(id, title))
}

/// Returns the path segment that names the concert: `12-아이유-콘서트`, or `12` if the title contains no
/// letter or digit.
pub fn concert_segment(id: ConcertId, title: &str) -> String {
    match slug(title) {
        slug if slug.is_empty() => id.to_string(),
        slug => format!("{id}-{slug}"),
    }
}

/// Parses a path segment to the id of the concert; ignores what follows the id.
pub fn parse_segment(segment: &str) -> Option<ConcertId> {
    let number = segment.split('-').next().unwrap_or_default();
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok()).flatten().map(ConcertId)
}

/// Returns the letters and digits of any script in lower case, composed (NFC), with one dash for
/// everything between them, cut at the end of a word.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    let mut between = false;
    for character in title.to_lowercase().nfc() {
        // A combining mark belongs to the letter before it.
        if is_visible(character)
            && (character.is_alphanumeric()
                || (is_combining_mark(character) && !between && !slug.is_empty()))
        {
            if between && !slug.is_empty() {
                slug.push('-');
            }
            slug.push(character);
            between = false;
        } else {
            between = true;
        }
    }
    cut(slug)
}

/// Returns false for letters and marks that only change the look of others or are invisible.
fn is_visible(character: char) -> bool {
    !matches!(
        character,
        '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{20DD}'..='\u{20E4}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}'
            | '\u{E0100}'..='\u{E01EF}'
    )
}

/// Cuts to at most [`LONGEST`] characters: after the last word that fits, or within the first word
/// if it is longer.
fn cut(mut slug: String) -> String {
    if let Some((end, next)) = slug.char_indices().nth(LONGEST) {
        let end = match (next, slug[..end].rfind('-')) {
            ('-', _) | (_, None) => end,
            (_, Some(dash)) => dash,
        };
        slug.truncate(end);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn titles_are_readable() {
        for (title, expected) in [
            ("아이유 콘서트", "아이유-콘서트"),
            ("한강, 불이 꺼지면", "한강-불이-꺼지면"),
            ("LUMEN: First Light", "lumen-first-light"),
            ("  Steel & Neon!  ", "steel-neon"),
            ("\"Quoted\" </script><b>", "quoted-script-b"),
            ("쇼팽 전곡 3: 녹턴", "쇼팽-전곡-3-녹턴"),
            ("Café Ünder", "café-ünder"),
            // Decomposed and composed give one URL.
            ("Cafe\u{301}", "café"),
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1161}\u{11bc}", "한강"),
            ("夜の東京／ライブ", "夜の東京-ライブ"),
            ("हिन्दी संगीत", "हिन्दी-संगीत"),
            ("ΟΔΟΣ", "οδος"),
            ("🎸🔥", ""),
            ("❤\u{fe0f} Love 1\u{fe0f}\u{20e3}", "love-1"),
            ("\u{3164}", ""),
            ("--- a ---", "a"),
            ("", ""),
        ] {
            assert_eq!(slug(title), expected, "{title}");
        }
        assert_eq!(
            concert_path(ConcertId(12), "아이유 콘서트"),
            "/concerts/12-아이유-콘서트"
        );
        assert_eq!(concert_path(ConcertId(12), "🎸"), "/concerts/12");
    }

    #[test]
    fn a_long_title_ends_with_a_word() {
        let long = slug(&"seven ".repeat(20));
        assert_eq!(
            long,
            "seven-seven-seven-seven-seven-seven-seven-seven-seven-seven"
        );
        assert_eq!(long.chars().count(), 59);
        // A word that ends exactly at the limit is kept.
        let exact = format!("{} {}", "a".repeat(30), "b".repeat(29));
        assert_eq!(slug(&format!("{exact} c")).chars().count(), 60);
        assert_eq!(slug(&"가".repeat(90)), "가".repeat(60));
    }

    #[test]
    fn the_number_alone_decides() {
        for (segment, id) in [
            ("12", Some(12)),
            ("12-아이유", Some(12)),
            ("12-", Some(12)),
            ("012-x", Some(12)),
            ("12-13", Some(12)),
            ("", None),
            ("-12", None),
            ("+12", None),
            ("12x", None),
            ("new", None),
            ("１２", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_segment(segment), id.map(ConcertId), "{segment}");
        }
    }

    /// Words of several scripts, combining marks, invisible characters, and arbitrary text.
    fn title() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[가-힣ㄱ-ㅎ\u{1100}-\u{11ff}a-zA-Z0-9É\u{301}İßΣ '’&<>/·❤\u{fe0f}-]{0,120}",
        ]
    }

    proptest! {
        #[test]
        fn every_title_makes_a_good_address(title in title(), id in 1..=i64::MAX) {
            let slug = slug(&title);
            prop_assert!(slug.chars().count() <= LONGEST);
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--"), "{slug:?}");
            prop_assert!(slug.chars().all(|c| c == '-' || c.is_alphanumeric() || is_combining_mark(c)), "{slug:?}");
            prop_assert_eq!(slug.nfc().collect::<String>(), slug.clone());
            // The URL leads back to the concert, and the title's composition makes no difference.
            prop_assert_eq!(parse_segment(&concert_segment(ConcertId(id), &title)), Some(ConcertId(id)));
            prop_assert_eq!(super::slug(&title.nfd().collect::<String>()), slug.clone());
            prop_assert_eq!(super::slug(&slug), slug);
        }
    }
}
