//! Line breaks and sizes of texts in a drawing, since SVG does not know lines.

use super::line::{Line, clean, level};
use moka::sync::Cache;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use unicode_bidi::Level;
use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

/// Sets the texts of one drawing, and remembers which characters no font has.
#[derive(Debug, Default)]
pub struct Typesetter {
    missing: BTreeSet<char>,
}

impl Typesetter {
    /// Sets the text as large as it fits, given sizes with a number of lines for each, and a width.
    /// A size at which no word is broken is preferred to a larger one; if the text fits at none, as
    /// much of the text as the last size holds. Cached: the tickets of a concert have most of their
    /// texts in common.
    pub fn fit(
        &mut self,
        text: &str,
        weight: u16,
        width: f32,
        sizes: &[(f32, usize)],
    ) -> Arc<Block> {
        let key = Key::new(text, weight, width, sizes);
        let (block, missing) = &*FITTED.get_with(key, || {
            let mut missing = BTreeSet::new();
            let block = fit(text, weight, width, sizes, &mut missing);
            Arc::new((Arc::new(block), missing))
        });
        self.missing.extend(missing);
        block.clone()
    }

    /// Sets the text in one line of a size, without a limit on its width.
    pub fn line(&mut self, text: &str, weight: u16, size: f32) -> Block {
        let text = clean(text);
        let level = level(&text);
        let line = Line::new(&text, weight, level, &mut self.missing);
        Block {
            size,
            width: line.width * size,
            lines: vec![line],
            to_the_left: false,
        }
    }

    /// Logs once which characters could not be set.
    pub fn finish(self) {
        if !self.missing.is_empty() {
            let characters: String = self.missing.into_iter().take(40).collect();
            tracing::info!(characters, "characters of a drawing that no font has");
        }
    }
}

/// The arguments of [`Typesetter::fit`], as a cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    text: String,
    weight: u16,
    width: u32,
    sizes: Vec<(u32, usize)>,
}

impl Key {
    fn new(text: &str, weight: u16, width: f32, sizes: &[(f32, usize)]) -> Key {
        let sizes = sizes.iter().map(|(size, most)| (size.to_bits(), *most));
        Key {
            text: text.to_owned(),
            weight,
            width: width.to_bits(),
            sizes: sizes.collect(),
        }
    }
}

/// Upper bound on bytes of cached texts.
const FITTED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A text in lines, and which of its characters no font has.
type Fitted = (Arc<Block>, BTreeSet<char>);

static FITTED: LazyLock<Cache<Key, Arc<Fitted>>> = LazyLock::new(|| {
    // In the worst case each letter is a run of its own.
    let weight = |key: &Key, _: &Arc<Fitted>| (key.text.len() * 64 + 512) as u32;
    Cache::builder()
        .weigher(weight)
        .max_capacity(FITTED_BYTES_MAX)
        .build()
});

fn fit(
    text: &str,
    weight: u16,
    width: f32,
    sizes: &[(f32, usize)],
    missing: &mut BTreeSet<char>,
) -> Block {
    let text = clean(text);
    let paragraph = Paragraph::new(&text, weight, missing);
    for breaking in [false, true] {
        for &(size, most) in sizes {
            let lines = paragraph.lines(width / size, most, breaking, missing);
            if let Some(lines) = lines {
                return paragraph.block(size, width, lines);
            }
        }
    }
    let (size, most) = sizes.last().copied().unwrap_or((1.0, 0));
    let lines = paragraph.cut(width / size, most, missing);
    paragraph.block(size, width, lines)
}

/// Lines of one size below each other.
#[derive(Debug)]
pub struct Block {
    pub size: f32,
    lines: Vec<Line>,
    /// The width that the lines fit into.
    width: f32,
    to_the_left: bool,
}

impl Block {
    /// Height of the lines; `step` is the distance between two lines, in sizes.
    pub fn height(&self, step: f32) -> f32 {
        self.lines.len() as f32 * self.size * step
    }

    /// The width of each line.
    pub fn widths(&self) -> impl Iterator<Item = f32> {
        self.lines.iter().map(|line| line.width * self.size)
    }

    /// Returns the lines as SVG elements below `y`. Text that is read from right to left begins at
    /// the right.
    pub fn svg(&self, x: f32, y: f32, step: f32, fill: &str) -> String {
        let mut svg = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            let x = match self.to_the_left {
                true => x + self.width - line.width * self.size,
                false => x,
            };
            let y = y + self.size + number as f32 * self.size * step;
            svg.push_str(&line.svg(x, y, self.size, fill));
        }
        svg
    }
}

/// Shares of a line's width to try for its words: words side by side are not always as wide as the
/// sum of their widths.
const SHARES: [f32; 5] = [1.0, 0.97, 0.92, 0.85, 0.7];

/// Text that is never split, and the width of the space behind it.
#[derive(Clone, Debug)]
struct Word {
    text: Range<usize>,
    width: f32,
    space: f32,
}

/// A text with the widths of its words, in ems: measured once for all sizes.
struct Paragraph<'a> {
    text: &'a str,
    weight: u16,
    level: Level,
    words: Vec<Word>,
    /// Widths of graphemes, once words were broken into them.
    widths: RefCell<HashMap<&'a str, f32>>,
}

impl<'a> Paragraph<'a> {
    fn new(text: &'a str, weight: u16, missing: &mut BTreeSet<char>) -> Paragraph<'a> {
        let mut paragraph = Paragraph {
            text,
            weight,
            level: level(text),
            words: Vec::new(),
            widths: RefCell::default(),
        };
        let space = paragraph.measure(" ", missing);
        let mut start = 0;
        for (end, _) in linebreaks(text) {
            if is_inside_a_word(text, end) {
                continue;
            }
            let word = text[start..end].trim_end();
            paragraph.words.push(Word {
                text: start..start + word.len(),
                width: paragraph.measure(word, missing),
                space: if start + word.len() < end { space } else { 0.0 },
            });
            start = end;
        }
        paragraph
    }

    fn measure(&self, text: &str, missing: &mut BTreeSet<char>) -> f32 {
        Line::new(text, self.weight, self.level, missing).width
    }

    fn set(&self, text: Range<usize>, missing: &mut BTreeSet<char>) -> Line {
        Line::new(&self.text[text], self.weight, self.level, missing)
    }

    fn block(&self, size: f32, width: f32, lines: Vec<Line>) -> Block {
        Block {
            size,
            lines,
            width,
            to_the_left: self.level.is_rtl(),
        }
    }

    /// Breaks the text into at most `most` lines, none wider than `width`, as even as possible,
    /// without a single word on the last one. Returns `None` if that is not possible, or if a word
    /// would have to be broken and `breaking` is false.
    fn lines(
        &self,
        width: f32,
        most: usize,
        breaking: bool,
        missing: &mut BTreeSet<char>,
    ) -> Option<Vec<Line>> {
        SHARES.into_iter().find_map(|share| {
            let limit = width * share;
            if !breaking && self.words.iter().any(|word| word.width > limit) {
                return None;
            }
            let lines = balanced(&self.broken(limit, missing), limit);
            if lines.len() > most {
                return None;
            }
            let lines = lines.into_iter().map(|line| self.set(line, missing));
            let lines: Vec<Line> = lines.collect();
            lines
                .iter()
                .all(|line| line.width <= width)
                .then_some(lines)
        })
    }

    /// Returns the words, with those that are too wide split into graphemes.
    fn broken(&self, width: f32, missing: &mut BTreeSet<char>) -> Vec<Word> {
        let mut words = Vec::new();
        for word in &self.words {
            if word.width <= width {
                words.push(word.clone());
                continue;
            }
            for (at, grapheme) in self.text[word.text.clone()].grapheme_indices(true) {
                let start = word.text.start + at;
                let known = self.widths.borrow().get(grapheme).copied();
                let letter = known.unwrap_or_else(|| self.measure(grapheme, missing));
                self.widths.borrow_mut().insert(grapheme, letter);
                words.push(Word {
                    text: start..start + grapheme.len(),
                    width: letter.min(width),
                    space: 0.0,
                });
            }
            if let Some(last) = words.last_mut() {
                last.space = word.space;
            }
        }
        words
    }

    /// Returns at most `most` lines, the last of which shows that the text continues.
    fn cut(&self, width: f32, most: usize, missing: &mut BTreeSet<char>) -> Vec<Line> {
        let limit = width * SHARES[1];
        let mut ranges = wrap(&self.broken(limit, missing), limit);
        ranges.truncate(most);
        let last = ranges.len().saturating_sub(1);
        let lines = ranges.into_iter().enumerate();
        let lines = lines
            .map(|(number, line)| self.shortened(&self.text[line], number == last, width, missing));
        lines.collect()
    }

    /// Returns as much of a line as fits, with an ellipsis if it is the last one.
    fn shortened(&self, line: &str, last: bool, width: f32, missing: &mut BTreeSet<char>) -> Line {
        let mut ends: Vec<usize> = line.grapheme_indices(true).map(|(at, _)| at).collect();
        let mut end = line.len();
        loop {
            let text = line[..end].trim_end();
            let text = if last {
                format!("{text}…")
            } else {
                text.to_owned()
            };
            let line = Line::new(&text, self.weight, self.level, missing);
            match ends.pop() {
                Some(shorter) if line.width > width => end = shorter,
                _ => return line,
            }
        }
    }
}

/// Returns whether Unicode would break a line where Korean is not broken: between two letters, at
/// least one of which is Hangul.
fn is_inside_a_word(text: &str, at: usize) -> bool {
    let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let is_hangul = |c| matches!(c, '가'..='힣' | '\u{1100}'..='\u{11ff}' | 'ㄱ'..='ㆎ');
    before.is_alphanumeric() && after.is_alphanumeric() && (is_hangul(before) || is_hangul(after))
}

/// Fills each line with as many words as fit.
fn wrap(words: &[Word], width: f32) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let (mut filled, mut space) = (0.0, 0.0);
    for word in words {
        match lines.last_mut() {
            Some(line) if filled + space + word.width <= width => {
                line.end = word.text.end;
                filled += space + word.width;
            }
            _ => {
                lines.push(word.text.clone());
                filled = word.width;
            }
        }
        space = word.space;
    }
    lines
}

/// Returns the same number of lines, as even as possible.
fn balanced(words: &[Word], width: f32) -> Vec<Range<usize>> {
    let lines = wrap(words, width);
    let widest = words.iter().map(|word| word.width).fold(0.0, f32::max);
    let narrower = (1..=16).map(|step| width * (1.0 - 0.03 * step as f32));
    let narrower = narrower.take_while(|narrow| narrow.total_cmp(&widest) != Ordering::Less);
    let even = narrower.map(|narrow| wrap(words, narrow));
    let even = even.take_while(|narrow| narrow.len() == lines.len());
    even.last().unwrap_or(lines)
}

#[cfg(test)]
mod tests {
    use super::super::{About, FAMILY, missing, paint};
    use super::*;
    use proptest::prelude::*;
    use resvg::usvg::{Group, Node, Text, Tree};

    const WIDTH: f32 = 236.0;
    const LEFT: f32 = 40.0;

    /// Words of many scripts, and how a search in the PDF finds them: whole, or (where letters are
    /// joined or reordered) character by character.
    const WORDS: [(&str, bool); 36] = [
        ("한강, 불이 꺼지면", true),
        ("Antonín Dvořák", true),
        ("Łódź Şehir Őr", true),
        ("Nguyễn Đặng Thị Ươm", true),
        ("Чайковский Їжак", true),
        ("Ιάννης Ξενάκης", true),
        ("漢字國樂 李白", true),
        ("さくらサクラ", true),
        ("请问龙马精神", true),
        ("가나漢字サクラAbc", true),
        ("عمر خيرت", false),
        ("می\u{200c}خواهم (زنده)", false),
        ("הופעה (חיה) 2026", false),
        ("ภาษาไทยที่นี่", false),
        ("हिन्दी क्षत्रिय", false),
        ("বাংলা গান", false),
        ("தமிழ் இசை", false),
        ("తెలుగు పాట", false),
        ("ગુજરાતી", false),
        ("ਪੰਜਾਬੀ", false),
        ("ಕನ್ನಡ", false),
        ("മലയാളം", false),
        ("ଓଡ଼ିଆ", false),
        ("සිංහල", false),
        ("ქართული", true),
        ("Հայերեն", true),
        ("አማርኛ", true),
        ("ភាសាខ្មែរ", false),
        ("ພາສາລາວ", false),
        ("မြန်မာ", false),
        ("ދިވެހި", false),
        ("ᠮᠣᠩᠭᠣᠯ", false),
        ("B♭ C♯ ♪ ✓ ★ ①", true),
        ("𝓡𝓸𝓬𝓴 № 5", true),
        (
            "Rock 🎸 ❤\u{fe0f} 👩\u{200d}🎤 🇰🇷 1\u{fe0f}\u{20e3} 👍🏽",
            false,
        ),
        // Decomposed, as macOS types it.
        ("\u{1112}\u{1161}\u{11ab}강 e\u{301}", false),
    ];

    fn drawn(block: &Block) -> String {
        let text = block.svg(LEFT, 40.0, 1.25, "#000");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"420\" height=\"400\">\
             <rect width=\"420\" height=\"400\" fill=\"#fff\"/><g font-family=\"{FAMILY}\">{text}</g></svg>"
        )
    }

    fn texts(group: &Group) -> Vec<&Text> {
        let mut found = Vec::new();
        for node in group.children() {
            match node {
                Node::Text(text) => found.push(&**text),
                Node::Group(group) => found.extend(texts(group)),
                _ => {}
            }
        }
        found
    }

    fn tree(block: &Block) -> Tree {
        paint::parse(&drawn(block)).unwrap()
    }

    fn fitted(text: &str, weight: u16) -> Arc<Block> {
        let sizes = [(30.0, 2), (17.0, 4), (13.0, 6)];
        Typesetter::default().fit(text, weight, WIDTH, &sizes)
    }

    /// Returns the text of each glyph number of a font, from the PDF's `ToUnicode` map.
    fn meanings(document: &lopdf::Document, font: &lopdf::Dictionary) -> HashMap<u16, String> {
        let map = font.get(b"ToUnicode").unwrap().as_reference().unwrap();
        let map = document.get_object(map).unwrap().as_stream().unwrap();
        let map = String::from_utf8(map.decompressed_content().unwrap()).unwrap();
        let sections = map.split("beginbfchar").skip(1);
        let lines = sections.flat_map(|section| section.split("endbfchar").next().unwrap().lines());
        let meaning = |line: &str| {
            let (number, text) = line.split_once("> <")?;
            let hex = |text: &str| -> Vec<u16> {
                let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
                let units = digits.chunks(4).map(|unit| unit.iter().collect::<String>());
                units
                    .map(|unit| u16::from_str_radix(&unit, 16).unwrap())
                    .collect()
            };
            Some((hex(number)[0], String::from_utf16(&hex(text)).unwrap()))
        };
        lines.filter_map(meaning).collect()
    }

    /// Returns the text of the only page, as a search in it finds it.
    fn read(pdf: &[u8]) -> String {
        let document = lopdf::Document::load_mem(pdf).unwrap();
        let page = document.get_pages()[&1];
        let fonts = document.get_page_fonts(page).unwrap();
        let content = document.get_and_decode_page_content(page).unwrap();
        let (mut read, mut meant, mut instead) = (String::new(), HashMap::new(), false);
        for operation in content.operations {
            let operands = &operation.operands;
            match operation.operator.as_str() {
                "Tf" => meant = meanings(&document, fonts[operands[0].as_name().unwrap()]),
                "BDC" => {
                    let tag = operands[1].as_dict().ok();
                    if let Some(text) = tag.and_then(|tag| tag.get(b"ActualText").ok()) {
                        read.push_str(&lopdf::decode_text_string(text).unwrap());
                        instead = true;
                    }
                }
                "EMC" => instead = false,
                "Tj" | "TJ" if !instead => {
                    let shown = match &operands[0] {
                        lopdf::Object::Array(parts) => parts.clone(),
                        one => vec![one.clone()],
                    };
                    for bytes in shown.iter().filter_map(|part| part.as_str().ok()) {
                        for number in bytes.chunks(2) {
                            let number = u16::from_be_bytes([number[0], number[1]]);
                            read.push_str(meant.get(&number).map_or("", String::as_str));
                        }
                    }
                }
                _ => {}
            }
        }
        read
    }

    fn look(name: &str, block: &Block) {
        if let Ok(folder) = std::env::var("FRONTROW_LOOK") {
            let png = paint::png(&drawn(block)).unwrap();
            std::fs::write(format!("{folder}/{name}.png"), png).unwrap();
        }
    }

    #[test]
    fn words_of_any_script_have_their_shapes_and_stay_in_their_box() {
        for (number, (words, _)) in WORDS.into_iter().enumerate() {
            assert!(missing(words).is_empty(), "{words}");
            for weight in [400, 800] {
                let block = fitted(words, weight);
                look(&format!("words-{number}-{weight}"), &block);
                let tree = tree(&block);
                let texts = texts(tree.root());
                assert_eq!(texts.len(), block.lines.len());
                for (text, width) in texts.into_iter().zip(block.widths()) {
                    for span in text.layouted() {
                        let ids = span.positioned_glyphs.iter().map(|glyph| glyph.id.0);
                        assert!(ids.into_iter().all(|id| id != 0), "{words}");
                    }
                    let ink = text.abs_stroke_bounding_box();
                    let (size, seen) = (block.size, format!("{words}: {ink:?}, {width}"));
                    assert!((ink.width() - width).abs() < 0.4 * size, "{seen}");
                    assert!(ink.left() > LEFT - 0.1 * size, "{seen}");
                    assert!(ink.right() < LEFT + WIDTH + 0.1 * size, "{seen}");
                }
            }
        }
    }

    #[test]
    fn the_words_of_a_pdf_can_be_searched() {
        for (words, whole) in WORDS {
            for weight in [400, 800] {
                let about = About {
                    title: "a".to_owned(),
                    language: "ko".to_owned(),
                };
                let pdf = paint::pdf(&drawn(&fitted(words, weight)), about).unwrap();
                let read = read(&pdf);
                let letters = |text: &str| -> String {
                    let is_seen = |c: &char| !c.is_whitespace();
                    clean(text).chars().filter(is_seen).collect()
                };
                let (read, words) = (letters(&read), letters(words));
                if whole {
                    assert_eq!(read, words);
                } else {
                    let set = |text: &str| text.chars().collect::<BTreeSet<char>>();
                    let lost: Vec<char> = set(&words).difference(&set(&read)).copied().collect();
                    assert!(lost.is_empty(), "{words} {read} {lost:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_read_to_the_left_begins_at_the_right() {
        let block = fitted("هذا (عمر)!", 400);
        assert!(block.to_the_left);
        let place = |text: &str| {
            let svg = block.svg(LEFT, 0.0, 1.0, "#000");
            let run = svg.split("<tspan x=\"").find(|run| run.contains(text));
            let x = run
                .and_then(|run| run.split('"').next())
                .unwrap()
                .to_owned();
            x.parse::<f32>().unwrap()
        };
        // The exclamation mark, which ends the text, is leftmost, and the closing bracket is
        // mirrored.
        assert!(place(">!<") < place(">(<"));
        assert!(place(">(<") < place("عمر"));
        let right = place("عمر") + block.widths().next().unwrap();
        assert!(right > LEFT + WIDTH);
    }

    #[test]
    fn what_no_font_has_is_named_once_and_drawn_as_a_box() {
        let text = "Ab \u{13000}\u{13001}\u{13000} \u{f8ff}";
        assert_eq!(missing(text), ['\u{f8ff}', '\u{13000}', '\u{13001}']);
        assert!(missing("Rock\u{202e} \u{7}록").is_empty());
        let mut typesetter = Typesetter::default();
        let block = typesetter.fit(text, 400, WIDTH, &[(20.0, 1)]);
        assert_eq!(typesetter.missing.len(), 3);
        assert_eq!(drawn(&block).matches('□').count(), 4);
    }

    #[test]
    fn a_title_is_as_large_as_it_fits_with_whole_words() {
        let fit = |text: &str| {
            let sizes = [(80.0, 2), (40.0, 3)];
            Typesetter::default().fit(text, 800, 512.0, &sizes)
        };
        assert_eq!((fit("봄밤").size, fit("봄밤").lines.len()), (80.0, 1));
        assert_eq!(fit("브람스, 겨울의 끝").lines.len(), 2);
        // No Korean word is broken while it fits at a smaller size.
        assert_eq!(fit("가나다라마바사아자차").size, 40.0);
        assert_eq!(fit(&"가".repeat(20)).size, 40.0);
        let long = fit(&"가나 다라".repeat(30));
        assert_eq!((long.size, long.lines.len()), (40.0, 3));
        assert!(drawn(&long).contains('…'));
        // Japanese is broken between its letters.
        assert_eq!(fit("桜の季節の演奏会").size, 80.0);
    }

    #[test]
    fn a_space_between_emoji_is_no_wider_than_another() {
        let width = |text: &str| fitted(text, 400).widths().next().unwrap();
        let (apart, together) = (width("🎸 🎸"), width("🎸🎸"));
        assert!(apart - together < 0.4 * 30.0, "{apart} {together}");
    }

    #[test]
    fn lines_are_as_even_as_they_get() {
        let block = fitted("Symphony of a Thousand", 800);
        let widths: Vec<f32> = block.widths().collect();
        assert_eq!(widths.len(), 2);
        assert!(widths[1] > widths[0] / 2.0, "{widths:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_line_is_too_wide(text in "\\PC{0,80}|[A-Z]{0,60}|[가-힣ㄱ-ㅎ]{0,60}|[ء-ي ]{0,80}|[अ-ह\u{93e}-\u{94d}]{0,60}|[WM—＠]{0,99}", heavy: bool) {
            let block = fitted(&text, if heavy { 800 } else { 400 });
            prop_assert!(block.lines.len() <= 6);
            for width in block.widths() {
                prop_assert!(width <= WIDTH + 0.01, "{width}");
            }
        }
    }
}
