//! Parsing of text and numbers as users type them.

use crate::ProblemKind;
use unicode_normalization::UnicodeNormalization;

/// Parses a single line of `least` to `most` characters, normalised as in [`lines`].
pub(crate) fn line(raw: &str, least: u32, most: u32) -> Result<String, ProblemKind> {
    let text = lines(raw, least, most)?;
    match text.contains([
        '\n', '\t', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
    ]) {
        true => Err(ProblemKind::BadCharacters),
        false => Ok(text),
    }
}

/// Parses a text of `least` to `most` characters: composed (NFC), trimmed, and each line ending
/// replaced by one character before counting.
///
/// A text without visible characters counts as missing; one that changes the writing direction of
/// its surroundings is refused.
pub(crate) fn lines(raw: &str, least: u32, most: u32) -> Result<String, ProblemKind> {
    let text: String = raw
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .nfc()
        .collect();
    let text = text.trim();
    let length = text.chars().count() as u32;
    let nothing = text.chars().all(|c| c.is_whitespace() || is_invisible(c));
    if nothing && least > 0 {
        Err(ProblemKind::Missing)
    } else if length < least {
        Err(ProblemKind::TooShort { least })
    } else if length > most {
        Err(ProblemKind::TooLong { most })
    } else if text.chars().any(is_harmful) {
        Err(ProblemKind::BadCharacters)
    } else {
        Ok(text.to_owned())
    }
}

/// Returns whether a character is a control character or one that begins or ends a writing
/// direction (UAX 9), which would also reverse other text that follows it on the page.
fn is_harmful(c: char) -> bool {
    let controls = c.is_control() && c != '\n' && c != '\t';
    controls || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether a character shows nothing: Unicode's `Default_Ignorable_Code_Point`, which
/// includes the Hangul fillers, and the empty pattern of Braille.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Normalises a password for counting, hashing and comparison (RFC 8265, OpaqueString): composed
/// (NFC), with one kind of space. The same keys give the same password on every system, of which
/// some decompose letters.
pub fn opaque(raw: &str) -> String {
    let spaced = raw.chars().map(|c| {
        if c.is_whitespace() && !c.is_control() {
            ' '
        } else {
            c
        }
    });
    spaced.nfc().collect()
}

/// Parses an integer within `least..=most`, in ASCII digits or their full-width forms. Commas may
/// separate thousands; a comma anywhere else is malformed, because its meaning would be a guess.
pub(crate) fn number(raw: &str, least: i64, most: i64) -> Result<i64, ProblemKind> {
    let typed: String = raw.trim().nfkc().collect();
    if typed.is_empty() {
        return Err(ProblemKind::Missing);
    }
    let (sign, digits) = match typed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, typed.as_str()),
    };
    let mut groups = digits.split(',');
    let first = groups.next().unwrap_or_default();
    let others: Vec<&str> = groups.collect();
    let is_grouped = others.is_empty()
        || (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3);
    let digits = digits.replace(',', "");
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_grouped || !is_number {
        return Err(ProblemKind::Malformed);
    }
    // A number that overflows is out of every range.
    let value = digits.parse::<i64>().unwrap_or(i64::MAX);
    match sign * value {
        value if (least..=most).contains(&value) => Ok(value),
        _ => Err(ProblemKind::OutOfRange { least, most }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nothing_are_missing() {
        for nothing in [
            "",
            " ",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}\u{feff}",
            "\u{1160} \u{ffa0}",
        ] {
            assert_eq!(
                line(nothing, 1, 40),
                Err(ProblemKind::Missing),
                "{nothing:?}"
            );
        }
        assert_eq!(lines("\u{200b}", 0, 40).as_deref(), Ok("\u{200b}"));
        for something in ["김미나", "👩‍👩‍👧", "שלום", "क्षि"] {
            assert_eq!(line(something, 1, 40).as_deref(), Ok(something));
        }
    }

    #[test]
    fn what_turns_the_line_round_or_breaks_it_is_refused() {
        for harmful in ["a\u{202e}b", "a\u{2066}b", "a\u{0}b", "a\u{1b}[2Jb"] {
            assert_eq!(
                lines(harmful, 1, 40),
                Err(ProblemKind::BadCharacters),
                "{harmful:?}"
            );
        }
        for broken in ["a\nb", "a\r\nb", "a\u{2028}b", "a\tb"] {
            assert_eq!(
                line(broken, 1, 40),
                Err(ProblemKind::BadCharacters),
                "{broken:?}"
            );
            assert!(lines(broken, 1, 40).is_ok());
        }
    }

    #[test]
    fn a_line_end_of_a_browser_counts_once_and_letters_count_as_people_see_them() {
        assert_eq!(lines("a\r\nb", 1, 3).as_deref(), Ok("a\nb"));
        // Three syllables of Hangul, decomposed into their letters as macOS does.
        let apart: String = "김미나".nfd().collect();
        assert_eq!(line(&apart, 1, 3).as_deref(), Ok("김미나"));
    }

    #[test]
    fn a_comma_sets_off_thousands_and_nothing_else() {
        for (typed, number_typed) in [
            ("66,000", 66_000),
            ("1,000,000", 1_000_000),
            ("１２，０００", 12_000),
            (" 7 ", 7),
        ] {
            assert_eq!(number(typed, 0, 10_000_000), Ok(number_typed), "{typed}");
        }
        for typed in [
            "1,5", "1.5", "12,34", ",100", "1000,000", "1,,000", "1 000", "0x10", "+5", "-", "五",
        ] {
            assert_eq!(
                number(typed, 0, 10_000_000),
                Err(ProblemKind::Malformed),
                "{typed}"
            );
        }
        let refused = Err(ProblemKind::OutOfRange { least: 0, most: 9 });
        for typed in ["-1", "10", "99999999999999999999"] {
            assert_eq!(number(typed, 0, 9), refused, "{typed}");
        }
    }
}
