//! One line of text, measured: which of its characters are set in which font, and where, from left
//! to right.
//!
//! usvg's own choice of fonts and directions is not used (usvg shapes a whole text with every font
//! and gives up when ligatures differ): each run has one font and one direction, and is placed
//! where it was measured.

use super::escaped;
use super::fonts::{FAMILY, Family, emoji, families};
use rustybuzz::{Direction, GlyphBuffer, UnicodeBuffer};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ptr;
use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};
use unicode_bidi_mirroring::get_mirrored;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Placeholder for a character that no font has.
const MISSING: char = '□';
/// Stroke around letters of a family without a heavy font, in ems.
const THICKER: f32 = 0.036;

/// A line as it is drawn, in ems.
#[derive(Debug)]
pub struct Line {
    runs: Vec<Run>,
    pub width: f32,
    weight: u16,
}

#[derive(Debug)]
struct Run {
    x: f32,
    text: String,
    family: &'static str,
    thicker: bool,
}

impl Line {
    /// Measures a text that [`clean`] returned, with `level` as its direction. Adds characters that
    /// no font has to `missing`.
    pub fn new(text: &str, weight: u16, level: Level, missing: &mut BTreeSet<char>) -> Line {
        let mut line = Line {
            runs: Vec::new(),
            width: 0.0,
            weight,
        };
        let bidi = BidiInfo::new(text, Some(level));
        let Some(paragraph) = bidi.paragraphs.first() else {
            return line;
        };
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let to_the_left = levels[run.start].is_rtl();
            let mut parts = parts(&text[run], to_the_left, missing);
            if to_the_left {
                parts.reverse();
            }
            for part in parts.into_iter().flat_map(|part| part.in_pieces(weight)) {
                line.push(part);
            }
        }
        line
    }

    fn push(&mut self, part: Part) {
        let (x, family) = (self.width, part.family);
        self.width += part.width(self.weight);
        self.runs.push(Run {
            x,
            text: part.text,
            family: family.name,
            thicker: family.is_light_for(self.weight),
        });
    }

    /// Returns the line as an SVG element; `y` is the baseline.
    pub fn svg(&self, x: f32, y: f32, size: f32, fill: &str) -> String {
        let weight = self.weight;
        let mut svg = format!(
            "<text y=\"{y}\" font-size=\"{size}\" font-weight=\"{weight}\" fill=\"{fill}\" xml:space=\"preserve\">"
        );
        for run in &self.runs {
            // Writing to a string does not fail.
            let _ = write!(svg, "<tspan x=\"{}\"", x + run.x * size);
            if run.family != FAMILY {
                let _ = write!(svg, " font-family=\"{}\"", run.family);
            }
            if run.thicker {
                let width = THICKER * size;
                let _ = write!(
                    svg,
                    " stroke=\"{fill}\" stroke-width=\"{width}\" stroke-linejoin=\"round\""
                );
            }
            let _ = write!(svg, ">{}</tspan>", escaped(&run.text));
        }
        svg.push_str("</text>");
        svg
    }
}

/// Characters of one font and one direction.
struct Part {
    text: String,
    family: &'static Family,
    direction: Direction,
}

impl Part {
    fn shaped(&self, weight: u16) -> GlyphBuffer {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(&self.text);
        buffer.set_direction(self.direction);
        rustybuzz::shape(self.family.face(weight), &[], buffer)
    }

    /// Width in ems of the glyphs that will be drawn.
    fn width(&self, weight: u16) -> f32 {
        let shaped = self.shaped(weight);
        let units: i32 = shaped.glyph_positions().iter().map(|p| p.x_advance).sum();
        units as f32 / self.family.face(weight).units_per_em() as f32
    }

    /// Splits the part where usvg would advance wrongly: usvg assumes that a syllable of several
    /// glyphs side by side, as in Indic scripts, is as wide as its widest glyph.
    fn in_pieces(self, weight: u16) -> Vec<Part> {
        if self.direction != Direction::LeftToRight {
            return vec![self];
        }
        let shaped = self.shaped(weight);
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        let glyphs: Vec<(usize, i32)> = glyphs
            .map(|(glyph, place)| (glyph.cluster as usize, place.x_advance))
            .collect();
        let mut ends = Vec::new();
        let mut clusters = glyphs.chunk_by(|one, next| one.0 == next.0).peekable();
        while let (Some(cluster), Some(next)) = (clusters.next(), clusters.peek()) {
            let widths = || cluster.iter().map(|(_, width)| *width);
            if widths().sum::<i32>() != widths().max().unwrap_or(0) {
                ends.push(next[0].0);
            }
        }
        let mut start = 0;
        let ends = ends.into_iter().chain([self.text.len()]);
        let pieces = ends.map(|end| {
            let text = self.text[start..end].to_owned();
            start = end;
            Part { text, ..self }
        });
        pieces.collect()
    }
}

/// Adjacent graphemes of one font.
struct Group {
    family: &'static Family,
    graphemes: Vec<String>,
}

/// Returns the parts of a run of one direction, in reading order.
fn parts(run: &str, to_the_left: bool, missing: &mut BTreeSet<char>) -> Vec<Part> {
    let mut groups: Vec<Group> = Vec::new();
    for grapheme in run.graphemes(true) {
        let last = groups.last_mut();
        // A space looks the same in any font, and does not split what one font can shape. The space
        // of the emoji font is as wide as an emoji.
        let is_writing = |family: &Family| !emoji().is_some_and(|emoji| ptr::eq(emoji, family));
        let joins = |family: &Family| grapheme == " " && family.has(' ') && is_writing(family);
        if let Some(last) = last.filter(|last| joins(last.family)) {
            last.graphemes.push(grapheme.to_owned());
            continue;
        }
        let (family, text) = set_in(grapheme, missing);
        match groups.last_mut() {
            Some(last) if ptr::eq(last.family, family) => last.graphemes.push(text),
            _ => groups.push(Group {
                family,
                graphemes: vec![text],
            }),
        }
    }
    let parts = groups.into_iter().map(|group| match to_the_left {
        true => group.into_parts_to_the_left(),
        false => vec![group.part(Direction::LeftToRight)],
    });
    parts.flatten().collect()
}

impl Group {
    fn part(&self, direction: Direction) -> Part {
        Part {
            text: self.graphemes.concat(),
            family: self.family,
            direction,
        }
    }

    /// usvg derives the direction of a text from its letters: right to left from the first such
    /// letter to the last one. Characters before and after those would get the other direction, so
    /// each is set on its own.
    fn into_parts_to_the_left(mut self) -> Vec<Part> {
        let is_letter = |grapheme: &String| grapheme.chars().any(is_read_to_the_left);
        let first = self.graphemes.iter().position(is_letter);
        let first = first.unwrap_or(self.graphemes.len());
        let after = self.graphemes.iter().rposition(is_letter);
        let after = after.map_or(first, |last| last + 1);
        let end = self.graphemes.split_off(after);
        let letters = self.graphemes.split_off(first);
        let alone = |grapheme: String| Part {
            text: mirrored(&grapheme),
            family: self.family,
            direction: Direction::LeftToRight,
        };
        let mut parts: Vec<Part> = self.graphemes.into_iter().map(alone).collect();
        if !letters.is_empty() {
            let letters = Group {
                family: self.family,
                graphemes: letters,
            };
            parts.push(letters.part(Direction::RightToLeft));
        }
        parts.extend(end.into_iter().map(alone));
        parts
    }
}

fn is_read_to_the_left(character: char) -> bool {
    matches!(bidi_class(character), BidiClass::R | BidiClass::AL)
}

fn mirrored(text: &str) -> String {
    text.chars().map(|c| get_mirrored(c).unwrap_or(c)).collect()
}

/// Returns the family that has all of a grapheme, or else its first character; and the grapheme as
/// far as that family can set it.
fn set_in(grapheme: &str, missing: &mut BTreeSet<char>) -> (&'static Family, String) {
    let letters = || grapheme.chars().filter(|c| !is_selector(*c));
    let picture = emoji().filter(|emoji| is_picture(grapheme) && emoji.covers(letters()));
    if let Some(family) = picture {
        return (family, grapheme.to_owned());
    }
    let families = families();
    let of_all = families.iter().find(|family| family.covers(letters()));
    let of_first = || {
        let first = letters().next()?;
        families.iter().find(|family| family.has(first))
    };
    let Some(family) = of_all.or_else(of_first) else {
        missing.extend(letters().filter(|c| !has_any(*c)));
        return (&families[0], MISSING.to_string());
    };
    missing.extend(letters().filter(|c| !family.has(*c)));
    let set = grapheme
        .chars()
        .filter(|c| family.has(*c) && !is_variation(*c));
    (family, set.collect())
}

fn has_any(character: char) -> bool {
    families().iter().any(|family| family.has(character))
}

/// Returns whether a character selects, joins or separates glyphs and has none itself.
fn is_selector(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}') || is_variation(character)
}

fn is_variation(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Returns whether the grapheme asks to be a picture (U+FE0F), or is never anything else.
fn is_picture(grapheme: &str) -> bool {
    let picture = |c| matches!(c, '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{20e3}');
    grapheme.chars().any(picture)
}

/// Returns the text as it is set: composed, each run of white space as one space, without invisible
/// characters.
pub fn clean(text: &str) -> String {
    let seen = text.nfc().filter(|c| !is_unseen(*c));
    let seen: String = seen.collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that would change the direction within a line. Joiners are kept:
/// they shape words.
fn is_unseen(character: char) -> bool {
    (character.is_control() && !character.is_whitespace())
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Returns the reading direction of a text: that of its first letter that has one.
pub fn level(text: &str) -> Level {
    let info = BidiInfo::new(text, None);
    info.paragraphs
        .first()
        .map_or(Level::ltr(), |paragraph| paragraph.level)
}

/// Returns the characters of a text that no font has: unique, sorted by code point.
pub fn missing(text: &str) -> Vec<char> {
    let mut missing = BTreeSet::new();
    let text = clean(text);
    for grapheme in text.graphemes(true) {
        set_in(grapheme, &mut missing);
    }
    missing.into_iter().collect()
}
