//! The picture shown with a shared address: a stub with the concert's poster.

use super::words::SharingWords;
use crate::concerts::{Art, Frame, art};
use crate::i18n::Locale;
use model::concerts::Concert;
use model::posters::UploadedPoster;
use services::drawing::{Block, FAMILY, Typesetter};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub const WIDTH: u32 = 1200;
pub const HEIGHT: u32 = 630;

/// X coordinate of the perforated edge, between the poster and the words.
const EDGE: f32 = 560.0;
const MARGIN: f32 = 64.0;
/// Y coordinate at which the words begin, below the brand.
const TOP: f32 = 150.0;
/// Line height, as a multiple of the font size.
const LINE: f32 = 1.2;
/// Colour of the hall, as in `style/tokens.css`.
const HALL: &str = "#10142a";
const INK: &str = "#edeaf3";
const INK_SOFT: &str = "#a9aecb";

/// Returns a concert's picture as SVG. `poster` is the uploaded poster, as JPEG.
pub fn concert_card(concert: &Concert, poster: Option<&[u8]>, locale: Locale) -> String {
    let frame = Frame {
        x: 0.0,
        y: 0.0,
        width: EDGE,
        height: HEIGHT as f32,
    };
    let Art { style, drawn } = art(concert.id, concert.genre, poster, frame);
    let mut typesetter = Typesetter::default();
    let mut facts = Column::new(&mut typesetter);
    let when = (locale.words().date_time)(concert.starts_at);
    facts.add(&when, INK, 800, &[(30.0, 1), (27.0, 1), (24.0, 2)]);
    facts.gap(8.0);
    facts.add(&concert.venue, INK_SOFT, 400, &[(28.0, 1), (24.0, 2)]);
    let below = HEIGHT as f32 - MARGIN - facts.height;
    let bottom = facts.at(below);
    let mut words = Column::new(&mut typesetter);
    words.add(
        &concert.artist,
        INK_SOFT,
        400,
        &[(32.0, 1), (28.0, 1), (24.0, 2)],
    );
    words.gap(12.0);
    // As many lines as there is room for.
    let room = below - TOP - words.height - 24.0;
    let sizes = [76.0, 64.0, 54.0, 46.0, 38.0, 32.0];
    let sizes = sizes.map(|size| (size, (room / (size * LINE)) as usize));
    words.add(&concert.title, INK, 800, &sizes);
    let top = words.at(TOP);
    typesetter.finish();
    card(&style, &drawn, &format!("{top}{bottom}"))
}

/// Version of the drawing code; increased with every change that affects pictures.
const DRAWING: u32 = 1;

/// Returns the version of a concert's picture, part of its address, which changes with everything
/// that is drawn: services that show a shared address cache its picture for days by the picture's
/// address. Computed from what is drawn and not from the drawing, because every page needs it.
pub(super) fn card_version(concert: &Concert, locale: Locale) -> String {
    // Stable from one run to the next, but not necessarily across compilers: then each picture is
    // fetched once more.
    let mut hasher = DefaultHasher::new();
    let when = (locale.words().date_time)(concert.starts_at);
    let drawn = (&concert.title, &concert.artist, &concert.venue, when);
    (DRAWING, concert.id.0, concert.genre, drawn).hash(&mut hasher);
    let poster = concert.poster.as_ref().map(UploadedPoster::hash);
    poster.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns the site's own picture as SVG.
pub fn site_card(locale: Locale) -> String {
    let mut typesetter = Typesetter::default();
    let mut words = Column::new(&mut typesetter);
    for line in locale.words().sharing.picture_lines {
        words.add(line, INK, 800, &[(56.0, 1)]);
    }
    let light = "<defs><linearGradient id=\"beam\" x2=\"0\" y2=\"1\">\
                 <stop stop-color=\"#ffb52e\"/><stop offset=\"1\" stop-color=\"#ffb52e\" stop-opacity=\".28\"/>\
                 </linearGradient></defs><path d=\"M270 0H310L500 520H80Z\" fill=\"url(#beam)\"/>\
                 <ellipse cx=\"290\" cy=\"520\" rx=\"210\" ry=\"46\" fill=\"#ffd98a\"/>";
    card("", light, &words.at(220.0))
}

fn card(style: &str, left: &str, words: &str) -> String {
    let (brand, x) = (SharingWords::BRAND, EDGE + MARGIN);
    let mut edge = String::new();
    for hole in 0..16 {
        let y = 9 + hole * 40;
        edge.push_str(&format!("<circle cx=\"{EDGE}\" cy=\"{y}\" r=\"11\"/>"));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\
         <style>{style}</style><rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"{HALL}\"/>{left}\
         <g fill=\"{HALL}\">{edge}</g><g font-family=\"{FAMILY}\">\
         <g transform=\"translate({x} 56)\"><path d=\"M20 0 38 36H2Z\" fill=\"#ffb52e\" opacity=\".9\"/>\
         <ellipse cx=\"20\" cy=\"36\" rx=\"18\" ry=\"5\" fill=\"#ffd98a\"/>\
         <text x=\"54\" y=\"36\" font-size=\"36\" font-weight=\"800\" fill=\"{INK}\">{brand}</text></g>\
         {words}</g></svg>"
    )
}

/// Texts placed below each other.
struct Column<'a> {
    typesetter: &'a mut Typesetter,
    /// Distance from the top, colour, text.
    blocks: Vec<(f32, &'static str, Arc<Block>)>,
    height: f32,
}

impl Column<'_> {
    const WIDTH: f32 = WIDTH as f32 - EDGE - 2.0 * MARGIN;

    fn new(typesetter: &mut Typesetter) -> Column<'_> {
        Column {
            typesetter,
            blocks: Vec::new(),
            height: 0.0,
        }
    }

    fn add(&mut self, text: &str, ink: &'static str, weight: u16, sizes: &[(f32, usize)]) {
        let block = self.typesetter.fit(text, weight, Column::WIDTH, sizes);
        let top = self.height;
        self.height += block.height(LINE);
        self.blocks.push((top, ink, block));
    }

    fn gap(&mut self, height: f32) {
        self.height += height;
    }

    fn at(&self, top: f32) -> String {
        let x = EDGE + MARGIN;
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|(below, ink, block)| block.svg(x, top + below, LINE, ink));
        blocks.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concerts::example;
    use resvg::tiny_skia::Pixmap;
    use services::drawing;

    #[tokio::test]
    async fn no_words_leave_the_card() {
        let drawn = async |title: String| {
            let concert = Concert {
                title,
                artist: "漢字 Dvořák عمر 🎸 ".repeat(4),
                venue: "WWWWWWWW".repeat(8),
                ..example()
            };
            let svg = concert_card(&concert, None, Locale::Korean);
            let png = drawing::paint::png(&svg).unwrap();
            Pixmap::decode_png(&png).unwrap()
        };
        for (name, word) in [
            ("w", "W"),
            ("han", "漢字"),
            ("arabic", "ضوء "),
            ("emoji", "🎸"),
            ("hangul", "뷁봄"),
        ] {
            let card = drawn(word.repeat(60)).await;
            let hall = card.pixel(WIDTH - 2, 2).unwrap();
            let is_margin = |x: u32, y: u32| {
                let right = x > WIDTH - MARGIN as u32 / 2;
                let below = x > EDGE as u32 + 20 && y > HEIGHT - MARGIN as u32 / 2;
                right || below
            };
            for (at, pixel) in card.pixels().iter().enumerate() {
                let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
                assert!(!is_margin(x, y) || *pixel == hall, "{name}: {x} {y}");
            }
        }
    }

    #[test]
    fn a_picture_is_called_otherwise_when_it_shows_something_else() {
        let called = |change: fn(&mut Concert), locale| {
            let mut concert = example();
            change(&mut concert);
            card_version(&concert, locale)
        };
        let plain = called(|_| (), Locale::Korean);
        assert_eq!(called(|_| (), Locale::Korean), plain);
        // Fields that are not drawn do not change the name: a sold ticket causes no new fetch.
        let sold = |concert: &mut Concert| (concert.issued, concert.price_won) = (7, 1);
        assert_eq!(called(sold, Locale::Korean), plain);
        let mut names = vec![plain, called(|_| (), Locale::English)];
        for change in [
            (|c| c.title.push('!')) as fn(&mut Concert),
            |c| c.artist.push('!'),
            |c| c.venue.push('!'),
            |c| c.starts_at += chrono::TimeDelta::minutes(30),
            |c| c.genre = model::concerts::Genre::Jazz,
            |c| c.poster = UploadedPoster::new(&"a".repeat(32), 640),
            |c| c.poster = UploadedPoster::new(&"b".repeat(32), 640),
        ] {
            names.push(called(change, Locale::Korean));
        }
        let number = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), number);
    }
}
