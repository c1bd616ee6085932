//! Posters: the uploaded picture, or else a drawing made from the concert's data.
//!
//! The genre determines the composition, the id the colours and positions. All arithmetic is in
//! integers, so that server and browser draw the same. Colours are classes: the palettes are in
//! `style/poster.css`.

use leptos::prelude::*;
use model::concerts::{ConcertId, Genre};
use model::posters::UploadedPoster;
use std::fmt::Write;

/// The palettes of `style/poster.css`, for drawings without a style sheet: the ground, two bold
/// inks and the light one.
#[cfg(feature = "ssr")]
const INKS: [[&str; 4]; PALETTES as usize] = [
    ["#1f2657", "#4d5fd0", "#8f57c9", "#dfe2fb"],
    ["#3c1a40", "#a8468a", "#6b3f9e", "#f5cfe0"],
    ["#0f3940", "#2d8080", "#1f5b7a", "#c4e6df"],
    ["#482720", "#b4664f", "#7b3a55", "#f2dccb"],
    ["#232f3d", "#5c7c98", "#8c81b4", "#dde6ee"],
    ["#291e4c", "#7458c9", "#3593ad", "#ddd2fa"],
    ["#e7dac3", "#3a4679", "#9d5d74", "#fffaf0"],
    ["#d5dde8", "#2c3c70", "#6078b4", "#fff"],
];

const PALETTES: u64 = 8;
const SIDE: i64 = 400;

/// `sizes` attribute of a poster in a list: its width, which a browser needs before it has the
/// style sheet.
pub const IN_A_LIST: &str = "(min-width: 72rem) 18rem, (min-width: 36rem) 46vw, 94vw";
/// `sizes` attribute of a poster on the concert's own page.
pub const ON_ITS_PAGE: &str = "(min-width: 72rem) 38rem, (min-width: 56rem) 54vw, 94vw";

/// The poster without any text: the caller puts the title on it as `children`, so the picture has
/// an empty `alt`.
#[component]
pub fn Poster(
    id: ConcertId,
    genre: Genre,
    #[prop(default = None)] uploaded: Option<UploadedPoster>,
    /// `sizes` attribute of an uploaded picture.
    #[prop(default = IN_A_LIST)]
    sizes: &'static str,
    children: Children,
) -> impl IntoView {
    let mut dice = Dice::new(id, genre);
    // Also for an uploaded picture: the palette is visible until the picture has loaded.
    let class = format!("poster poster--{}", dice.roll(PALETTES as i64));
    let art = match uploaded {
        Some(poster) => {
            let (side, widest) = (poster.widest(), poster.address(id, poster.widest()));
            // On the concert's own page the poster is the main content, so it is not loaded lazily.
            let lazy = (sizes == IN_A_LIST).then_some("lazy");
            view! {
                <div class="poster-art" data-testid="uploaded-poster">
                    <img alt="" loading=lazy decoding="async" width=side height=side sizes=sizes srcset=poster.srcset(id) src=widest/>
                </div>
            }
            .into_any()
        }
        None => {
            view! { <div class="poster-art" aria-hidden="true" inner_html=draw(genre, &mut dice)></div> }.into_any()
        }
    };
    view! {
        <div class=class>
            {art}
            <div class="poster-words">{children()}</div>
        </div>
    }
}

/// A poster inside a drawing, where no style sheet applies.
#[cfg(feature = "ssr")]
pub(crate) struct Art {
    /// Rules for the `<style>` element of the drawing.
    pub style: String,
    /// SVG that fills its frame.
    pub drawn: String,
}

/// Position and size within a drawing, in its units.
#[cfg(feature = "ssr")]
pub(crate) struct Frame {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

/// Returns the same poster that the concert has on every page: the `uploaded` JPEG, or else the
/// drawing made from its data.
#[cfg(feature = "ssr")]
pub(crate) fn art(id: ConcertId, genre: Genre, uploaded: Option<&[u8]>, frame: Frame) -> Art {
    let Frame {
        x,
        y,
        width,
        height,
    } = frame;
    let frame = format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
    let fills = "preserveAspectRatio=\"xMidYMid slice\"";
    if let Some(jpeg) = uploaded {
        let address = services::drawing::jpeg_address(jpeg);
        return Art {
            style: String::new(),
            drawn: format!("<image {frame} {fills} href=\"{address}\"/>"),
        };
    }
    let mut dice = Dice::new(id, genre);
    let [a, b, c, d] = INKS[dice.roll(PALETTES as i64) as usize];
    let shapes = shapes(genre, &mut dice);
    // The darker colour is computed. A filter would rasterise the shape.
    let deep = darker(b);
    Art {
        style: format!(
            ".ground{{fill:{a}}}.b{{fill:{b}}}.c{{fill:{c}}}.d{{fill:{d}}}.none{{fill:none}}\
             .mix{{opacity:.82}}.thin{{opacity:.6}}.b.deep{{fill:{deep}}}"
        ),
        drawn: format!(
            "<rect {frame} fill=\"{a}\"/><svg {frame} viewBox=\"0 0 400 400\" {fills}>{shapes}</svg>"
        ),
    }
}

/// Returns the colour that `filter: brightness(0.72)` makes of `colour`.
#[cfg(feature = "ssr")]
fn darker(colour: &str) -> String {
    let digits = colour.trim_start_matches('#');
    let channel = |n: usize| {
        let value = digits
            .get(n * 2..n * 2 + 2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (f32::from(value.unwrap_or_default()) * 0.72) as u8
    };
    format!("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2))
}

/// A small deterministic random number generator (xorshift64*, Marsaglia 2003, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn new(id: ConcertId, genre: Genre) -> Dice {
        let seed = (id.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((genre as u64 + 1) << 40);
        let mut dice = Dice(seed | 1);
        // The first numbers are discarded: those of neighbouring seeds are similar.
        for _ in 0..8 {
            dice.roll(2);
        }
        dice
    }

    /// Returns a number in `0..below`.
    fn roll(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let n = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        (n % below.max(1) as u64) as i64
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.roll(most - least + 1)
    }
}

fn draw(genre: Genre, dice: &mut Dice) -> String {
    let shapes = shapes(genre, dice);
    format!(r#"<svg viewBox="0 0 400 400" preserveAspectRatio="xMidYMid slice">{shapes}</svg>"#)
}

fn shapes(genre: Genre, dice: &mut Dice) -> String {
    let mut svg = String::with_capacity(1500);
    match genre {
        Genre::Pop => pop(&mut svg, dice),
        Genre::Indie => indie(&mut svg, dice),
        Genre::Rock => rock(&mut svg, dice),
        Genre::HipHop => hip_hop(&mut svg, dice),
        Genre::Electronic => electronic(&mut svg, dice),
        Genre::Jazz => jazz(&mut svg, dice),
        Genre::Classical => classical(&mut svg, dice),
        Genre::Traditional => traditional(&mut svg, dice),
    }
    svg
}

/// `write!` to a string, which cannot fail.
macro_rules! put {
    ($svg:expr, $($arg:tt)*) => { let _ = write!($svg, $($arg)*); };
}

fn circle(svg: &mut String, class: &str, x: i64, y: i64, r: i64) {
    put!(
        svg,
        r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}"/>"#
    );
}

/// Two balloons and their shadow.
fn pop(svg: &mut String, dice: &mut Dice) {
    let (x, y) = (dice.between(90, 180), dice.between(90, 170));
    circle(svg, "b", x, y, dice.between(110, 150));
    circle(
        svg,
        "c mix",
        x + dice.between(90, 160),
        y + dice.between(20, 90),
        dice.between(90, 130),
    );
    circle(
        svg,
        "d",
        dice.between(280, 350),
        dice.between(40, 110),
        dice.between(18, 40),
    );
}

/// A moon over hills.
fn indie(svg: &mut String, dice: &mut Dice) {
    circle(
        svg,
        "d",
        dice.between(80, 320),
        dice.between(70, 130),
        dice.between(40, 66),
    );
    for (i, class) in ["b", "c", "b deep"].into_iter().enumerate() {
        let y = 190 + 60 * i as i64 + dice.between(-14, 14);
        let (a, b) = (dice.between(-70, 10), dice.between(-10, 70));
        put!(
            svg,
            r#"<path class="{class}" d="M0 {y}Q100 {} 200 {}T400 {}V400H0Z"/>"#,
            y + a,
            y + b / 2,
            y + b
        );
    }
}

/// Shards.
fn rock(svg: &mut String, dice: &mut Dice) {
    let (x, y) = (dice.between(120, 280), dice.between(110, 190));
    for class in ["b", "c", "b deep", "d"] {
        let (p, q) = (dice.between(-80, 480), dice.between(-80, 480));
        let width = dice.between(60, 150);
        if class == "d" {
            put!(
                svg,
                r#"<path class="d" d="M{x} {y}L{} -20L{} -20Z"/>"#,
                p,
                p + width / 2
            );
        } else {
            put!(
                svg,
                r#"<path class="{class}" d="M{x} {y}L{p} 420L{} 420Z"/>"#,
                p + width * 2
            );
            put!(
                svg,
                r#"<path class="{class} thin" d="M{x} {y}L-20 {q}L-20 {}Z"/>"#,
                q + width / 2
            );
        }
    }
}

/// Stacked blocks.
fn hip_hop(svg: &mut String, dice: &mut Dice) {
    let step = SIDE / 5;
    for column in 0..5 {
        let height = dice.between(1, 4);
        let class = ["b", "c", "b deep"][dice.roll(3) as usize];
        let y = SIDE - height * step;
        put!(
            svg,
            r#"<rect class="{class}" x="{}" y="{y}" width="{step}" height="{}"/>"#,
            column * step,
            height * step
        );
    }
    let (column, row) = (dice.roll(5), dice.roll(2));
    put!(
        svg,
        r#"<rect class="d" x="{}" y="{}" width="{step}" height="{step}"/>"#,
        column * step,
        row * step
    );
}

/// Rings around a source, and a level meter.
fn electronic(svg: &mut String, dice: &mut Dice) {
    let (x, y) = (dice.between(120, 280), dice.between(90, 180));
    let step = dice.between(26, 40);
    for ring in (1..=5).rev() {
        circle(
            svg,
            if ring % 2 == 0 { "b" } else { "c" },
            x,
            y,
            ring * step,
        );
    }
    circle(svg, "d", x, y, step / 2);
    for bar in 0..10 {
        let height = dice.between(20, 120);
        put!(
            svg,
            r#"<rect class="ground" x="{}" y="{}" width="22" height="{height}"/>"#,
            9 + bar * 40,
            SIDE - height
        );
    }
}

/// Quarter circles, laid like tiles.
fn jazz(svg: &mut String, dice: &mut Dice) {
    let tile = SIDE / 3;
    for row in 0..3 {
        for column in 0..3 {
            let (x, y) = (column * tile, row * tile);
            let (x2, y2) = (x + tile + 1, y + tile + 1);
            let class = ["b", "c", "b deep", "none", "d"][dice.roll(5) as usize];
            let corner = match dice.roll(4) {
                0 => format!("M{x} {y}H{x2}A{tile} {tile} 0 0 1 {x} {y2}Z"),
                1 => format!("M{x2} {y}V{y2}A{tile} {tile} 0 0 1 {x} {y}Z"),
                2 => format!("M{x2} {y2}H{x}A{tile} {tile} 0 0 1 {x2} {y}Z"),
                _ => format!("M{x} {y2}V{y}A{tile} {tile} 0 0 1 {x2} {y2}Z"),
            };
            put!(svg, r#"<path class="{class}" d="{corner}"/>"#);
        }
    }
}

/// One large disc behind strings.
fn classical(svg: &mut String, dice: &mut Dice) {
    circle(
        svg,
        "b",
        dice.between(130, 270),
        dice.between(130, 210),
        dice.between(100, 140),
    );
    circle(
        svg,
        "c mix",
        dice.between(60, 340),
        dice.between(240, 340),
        dice.between(50, 90),
    );
    let (first, gap) = (dice.between(40, 120), dice.between(22, 36));
    for string in 0..5 {
        let x = first + string * gap;
        put!(
            svg,
            r#"<rect class="d" x="{x}" y="-10" width="{}" height="420"/>"#,
            5 - string
        );
    }
}

/// Peaks in rows under a full moon, as on a folding screen.
fn traditional(svg: &mut String, dice: &mut Dice) {
    circle(svg, "d", dice.between(70, 150), dice.between(70, 110), 44);
    circle(svg, "b", dice.between(250, 330), dice.between(70, 110), 44);
    for (row, class) in ["b deep", "c", "b"].into_iter().enumerate() {
        let y = 200 + 75 * row as i64;
        let start = dice.between(-90, -20);
        for peak in 0..5 {
            let x = start + peak * 115;
            let height = dice.between(70, 130);
            put!(
                svg,
                r#"<path class="{class}" d="M{x} {}Q{} {} {} {}V420H{x}Z"/>"#,
                y + 60,
                x + 65,
                y - height,
                x + 130,
                y + 60
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poster(id: i64, genre: Genre) -> String {
        draw(genre, &mut Dice::new(ConcertId(id), genre))
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn the_style_sheet_has_the_same_inks() {
        let css = include_str!("../../../style/poster.css");
        for (n, inks) in INKS.iter().enumerate() {
            let selector = match n {
                0 => ".poster {".to_owned(),
                n => format!(".poster--{n} {{"),
            };
            let (_, rule) = css.split_once(&selector).expect("a rule for the palette");
            let rule = rule.split('}').next().expect("its end");
            for (name, ink) in ["--a", "--b", "--c", "--d"].iter().zip(inks) {
                assert!(rule.contains(&format!("{name}: {ink};")), "{n}: {name}");
            }
        }
    }

    #[test]
    fn the_same_concert_has_the_same_poster_and_no_two_are_alike() {
        let mut seen = std::collections::BTreeSet::new();
        for genre in Genre::ALL {
            for id in 1..40 {
                assert_eq!(poster(id, genre), poster(id, genre));
                assert!(seen.insert(poster(id, genre)), "{genre:?} {id}");
            }
        }
    }
}
