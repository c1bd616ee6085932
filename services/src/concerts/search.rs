//! Turns search input into patterns that PostgreSQL matches against `concerts.search_text`.
//!
//! Each word becomes one regular expression, and all of them must match. A letter matches itself;
//! an initial consonant matches itself or any syllable that begins with it (ㅋㅅㅌ finds 콘서트);
//! and the last syllable matches everything that it may become as the user types on: 코 finds
//! 콘서트, and so does 콘섵, which is how 콘서트 looks before its last vowel.
//!
//! There is no index for this. A trigram index does not know Korean in a database created without a
//! locale, as ours is (`show_trgm('한강')` is empty), and in no database does it find words of two
//! syllables, which is most of Korean.

use model::is_invisible;
use std::fmt::Write;
use unicode_normalization::UnicodeNormalization;

/// Upper bound on words: more do not narrow the result any further. PostgreSQL caches 32 compiled
/// expressions per connection, and beyond that would compile each of them again for every concert.
const MOST_WORDS: usize = 8;

/// Returns one expression per word.
pub fn patterns(typed: &str) -> Vec<String> {
    let folded = fold(typed);
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let last = words.last().copied();
    words.truncate(MOST_WORDS);
    let mut patterns: Vec<String> = words
        .into_iter()
        .map(|word| pattern(word, Some(word) == last))
        .collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// Folds text as PostgreSQL's `searched` does (migration 0017), except that spaces next to Korean
/// stay: they separate words here.
fn fold(text: &str) -> String {
    let letters: String = text
        .nfkd()
        .filter(|letter| !('\u{300}'..='\u{36f}').contains(letter) && !is_invisible(*letter))
        .flat_map(fold_letter)
        .collect();
    letters
        .nfc()
        .map(|letter| match letter {
            '\0'..=' ' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => ' ',
            other => other,
        })
        .collect()
}

/// Folds a letter for search: case as Unicode folds it, to the small letter of its capital (ς
/// becomes σ, ß becomes ss), letters with a stroke to plain ones, and typographic marks to those on
/// keyboards.
fn fold_letter(letter: char) -> impl Iterator<Item = char> {
    let plain = match letter {
        'Ø' | 'ø' => 'o',
        'Ł' | 'ł' => 'l',
        'Đ' | 'đ' => 'd',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '–' | '—' => '-',
        other => other,
    };
    plain
        .to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

fn pattern(word: &str, still_typed: bool) -> String {
    let mut pattern = String::with_capacity(word.len() * 4);
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = letters.peek().is_none();
        match (Hangul::of(letter), letter) {
            (Hangul::Syllable(syllable), _) if last && still_typed => {
                syllable.unfinished(&mut pattern)
            }
            (Hangul::Initial(initial), _) => beginning_with(&mut pattern, initial),
            (Hangul::Finals(first, second), _) => {
                let _ = write!(pattern, "(?:{letter}|");
                beginning_with(&mut pattern, first);
                if let Some(second) = second {
                    beginning_with(&mut pattern, second);
                }
                pattern.push(')');
            }
            (_, mark) if mark.is_ascii_punctuation() => {
                pattern.push('\\');
                pattern.push(mark);
            }
            (_, letter) => pattern.push(letter),
        }
    }
    pattern
}

const FIRST_SYLLABLE: u32 = 0xAC00;
const FIRST_INITIAL: u32 = 0x1100;
/// One before the first final: a syllable without a final has number 0.
const NO_FINAL: u32 = 0x11A7;
const INITIALS: u32 = 19;
const VOWELS: u32 = 21;
const FINALS: u32 = 28;

/// Initial consonants that make up each final consonant, by the numbers of Unicode's chapter 3.12;
/// the second is `None` for a simple final. Input methods turn ㄱ and ㅅ into ㄳ, also where the
/// user means two initials.
const MADE_OF: [(u32, Option<u32>); FINALS as usize - 1] = [
    (0, None),     // ㄱ
    (1, None),     // ㄲ
    (0, Some(9)),  // ㄳ
    (2, None),     // ㄴ
    (2, Some(12)), // ㄵ
    (2, Some(18)), // ㄶ
    (3, None),     // ㄷ
    (5, None),     // ㄹ
    (5, Some(0)),  // ㄺ
    (5, Some(6)),  // ㄻ
    (5, Some(7)),  // ㄼ
    (5, Some(9)),  // ㄽ
    (5, Some(16)), // ㄾ
    (5, Some(17)), // ㄿ
    (5, Some(18)), // ㅀ
    (6, None),     // ㅁ
    (7, None),     // ㅂ
    (7, Some(9)),  // ㅄ
    (9, None),     // ㅅ
    (10, None),    // ㅆ
    (11, None),    // ㅇ
    (12, None),    // ㅈ
    (14, None),    // ㅊ
    (15, None),    // ㅋ
    (16, None),    // ㅌ
    (17, None),    // ㅍ
    (18, None),    // ㅎ
];

enum Hangul {
    Syllable(Syllable),
    Initial(u32),
    /// A final consonant that stands alone, read as initials.
    Finals(u32, Option<u32>),
    None,
}

struct Syllable {
    initial: u32,
    vowel: u32,
    last: u32,
}

impl Hangul {
    fn of(letter: char) -> Hangul {
        let code = u32::from(letter);
        let within = |first: u32, number: u32| code.checked_sub(first).filter(|n| *n < number);
        if let Some(n) = within(FIRST_SYLLABLE, INITIALS * VOWELS * FINALS) {
            Hangul::Syllable(Syllable {
                initial: n / (VOWELS * FINALS),
                vowel: n / FINALS % VOWELS,
                last: n % FINALS,
            })
        } else if let Some(initial) = within(FIRST_INITIAL, INITIALS) {
            Hangul::Initial(initial)
        } else if let Some(n) = within(NO_FINAL + 1, FINALS - 1) {
            let (first, second) = MADE_OF[n as usize];
            Hangul::Finals(first, second)
        } else {
            Hangul::None
        }
    }
}

fn syllable(initial: u32, vowel: u32, last: u32) -> char {
    char::from_u32(FIRST_SYLLABLE + (initial * VOWELS + vowel) * FINALS + last).unwrap_or(' ')
}

/// Appends a pattern for the consonant itself or any syllable that begins with it.
fn beginning_with(pattern: &mut String, initial: u32) {
    let alone = char::from_u32(FIRST_INITIAL + initial).unwrap_or(' ');
    let (first, last) = (
        syllable(initial, 0, 0),
        syllable(initial, VOWELS - 1, FINALS - 1),
    );
    let _ = write!(pattern, "[{alone}{first}-{last}]");
}

impl Syllable {
    /// Appends a pattern for everything that this syllable may become, keystroke by keystroke.
    fn unfinished(&self, pattern: &mut String) {
        let Syllable {
            initial,
            vowel,
            last,
        } = *self;
        let with = |last| syllable(initial, vowel, last);
        let _ = match last {
            0 => {
                // ㅗ, ㅜ and ㅡ may become ㅘ ㅙ ㅚ, ㅝ ㅞ ㅟ and ㅢ, which follow them in Unicode.
                let most = match vowel {
                    8 => 11,
                    13 => 16,
                    18 => 19,
                    other => other,
                };
                let to = syllable(initial, most, FINALS - 1);
                write!(pattern, "[{}-{to}]", with(0))
            }
            _ => {
                // As it is, or with one more final consonant.
                let most = match last {
                    1 => 3,
                    4 => 6,
                    8 => 15,
                    17 => 18,
                    other => other,
                };
                let whole: String = (last..=most)
                    // ㄲ has a key of its own, so ㄱ does not become ㄲ.
                    .filter(|n| (last, *n) != (1, 2))
                    .map(with)
                    .collect();
                let (first, second) = MADE_OF[last as usize - 1];
                let _ = write!(pattern, "(?:[{whole}]|");
                match second {
                    // The final consonant may begin the next syllable.
                    None => {
                        pattern.push(with(0));
                        beginning_with(pattern, first);
                    }
                    // The second consonant may begin the next syllable, or both stand for initials.
                    Some(second) => {
                        let simple = MADE_OF.iter().position(|made| *made == (first, None));
                        pattern.push(with(simple.map_or(0, |n| n as u32 + 1)));
                        beginning_with(pattern, second);
                        pattern.push('|');
                        pattern.push(with(0));
                        beginning_with(pattern, first);
                        beginning_with(pattern, second);
                    }
                }
                pattern.push(')');
                Ok(())
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_expressions() {
        assert_eq!(patterns("  Café\tÑU  "), ["cafe", "nu"]);
        assert_eq!(patterns("ㅋㅅ"), ["[ᄏ카-킿][ᄉ사-싷]"]);
        // Compatibility letters and conjoining letters give the same patterns.
        assert_eq!(patterns("\u{110f}\u{1109}"), patterns("ㅋㅅ"));
        // macOS sends decomposed syllables.
        assert_eq!(
            patterns("한강".nfd().collect::<String>().as_str()),
            patterns("한강")
        );
        assert_eq!(patterns("코"), ["[코-쿃]"]);
        assert_eq!(patterns("섵"), ["(?:[섵]|서[ᄐ타-팋])"]);
        assert_eq!(patterns("콘 서"), ["[서-섷]", "콘"]);
        assert_eq!(patterns("100%"), ["100\\%"]);
        assert!(patterns(" \0\u{301} ").is_empty());
        // Case is folded in every script, and invisible characters are ignored.
        assert_eq!(patterns("ԲԱՐԵՎ"), patterns("բարեվ"));
        assert_eq!(patterns("STRASSE"), patterns("Straße"));
        assert_eq!(patterns("ab\u{200b}c\u{ad}d"), ["abcd"]);
        assert_eq!(patterns("\u{feff}콘\u{2060}서"), patterns("콘서"));
        assert_eq!(patterns("a a a b b").len(), 2);
    }

    #[test]
    fn finals_are_made_of_the_initials_that_are_written_in_them() {
        let initials: Vec<char> = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ".chars().collect();
        let finals = "ㄱ ㄲ ㄱㅅ ㄴ ㄴㅈ ㄴㅎ ㄷ ㄹ ㄹㄱ ㄹㅁ ㄹㅂ ㄹㅅ ㄹㅌ ㄹㅍ ㄹㅎ ㅁ ㅂ ㅂㅅ ㅅ ㅆ ㅇ ㅈ ㅊ ㅋ ㅌ ㅍ ㅎ";
        let written: Vec<String> = MADE_OF
            .into_iter()
            .map(|(first, second)| {
                let both = [Some(first), second].into_iter().flatten();
                both.map(|initial| initials[initial as usize]).collect()
            })
            .collect();
        assert_eq!(written.join(" "), finals);
    }
}
