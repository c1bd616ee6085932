//! The rendering itself. Takes a processor: must never run on a thread that serves requests.

use super::About;
use super::fonts::{DATABASE, FAMILY, fallback};
use crate::{Error, Result};
use krilla::Document;
use krilla::geom::Size;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontResolver, ImageHrefResolver, Options, Tree};

/// Upper bound on each side, in pixels: a picture takes four bytes of memory per pixel.
const LONGEST_SIDE: f32 = 4096.0;
/// An SVG unit is 1/96 inch, a PDF unit 1/72 inch.
const POINTS: f32 = 72.0 / 96.0;

pub(super) fn parse(svg: &str) -> Result<Tree> {
    let options = Options {
        font_family: FAMILY.to_owned(),
        fontdb: DATABASE.clone(),
        font_resolver: FontResolver {
            select_font: FontResolver::default_font_selector(),
            select_fallback: Box::new(|character, tried, fonts| fallback(character, tried, fonts)),
        },
        // Pictures are embedded (`data:`): any other address would be a file of this machine.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(broken)?;
    let size = tree.size();
    if size.width() > LONGEST_SIDE || size.height() > LONGEST_SIDE {
        return Err(broken("too large"));
    }
    Ok(tree)
}

pub fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = parse(svg)?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| broken("no size"))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(broken)
}

pub fn pdf(svg: &str, about: About) -> Result<Vec<u8>> {
    let tree = parse(svg)?;
    let (width, height) = (tree.size().width() * POINTS, tree.size().height() * POINTS);
    let size = Size::from_wh(width, height).ok_or_else(|| broken("no size"))?;
    let page = PageSettings::from_wh(width, height).ok_or_else(|| broken("no size"))?;
    let mut document = Document::new();
    let about = Metadata::new()
        .title(about.title)
        .language(about.language)
        .creator("Frontrow".to_owned());
    document.set_metadata(about);
    let mut page = document.start_page_with(page);
    let mut surface = page.surface();
    surface
        .draw_svg(&tree, size, SvgSettings::default())
        .ok_or_else(|| broken("not drawn"))?;
    surface.finish();
    page.finish();
    document
        .finish()
        .map_err(|error| broken(format!("{error:?}")))
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Broken(format!("drawing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::escaped;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn text(words: &str, weight: u32) -> String {
        let words = escaped(words);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="320" height="64" viewBox="0 0 320 64">
                <rect width="320" height="64" fill="#fff"/>
                <text x="8" y="44" font-size="32" font-weight="{weight}" font-family="Helvetica">{words}</text></svg>"##
        )
    }

    fn drawn(words: &str) -> Vec<u8> {
        png(&text(words, 400)).unwrap()
    }

    fn dark(png: &[u8]) -> usize {
        let pixels = Pixmap::decode_png(png).unwrap();
        pixels.pixels().iter().filter(|p| p.red() < 128).count()
    }

    #[test]
    fn every_letter_has_a_shape_of_its_own() {
        // A private-use character, which no font has: shows what a missing glyph looks like.
        let missing = drawn("\u{f8ff}");
        let words = "가나다힣뷁ㄱㅏAaZz09éß₩€·–—“”…→×";
        let shapes: BTreeSet<Vec<u8>> = words.chars().map(|c| drawn(&c.to_string())).collect();
        assert_eq!(shapes.len(), words.chars().count());
        assert!(!shapes.contains(&missing));
        assert!(shapes.iter().all(|shape| dark(shape) > 0));
    }

    #[test]
    fn heavy_text_is_heavier() {
        let (light, heavy) = (text("봄밤 Spring", 400), text("봄밤 Spring", 800));
        assert!(dark(&png(&heavy).unwrap()) > dark(&png(&light).unwrap()) * 5 / 4);
    }

    #[test]
    fn a_drawing_has_the_size_it_says() {
        let png = drawn("a");
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (320, 64));
        assert!(super::png("<svg").is_err());
        let huge = r#"<svg xmlns="http://www.w3.org/2000/svg" width="5000" height="10"/>"#;
        assert!(super::png(huge).is_err());
    }

    #[test]
    fn no_file_of_the_machine_gets_into_a_drawing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        let black = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"#;
        std::fs::write(&file, png(black).unwrap()).unwrap();
        let with = |href: &str| {
            png(&format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{href}" width="9" height="9"/></svg>"#
            ))
            .unwrap()
        };
        let none = with("");
        assert_eq!(with(&file.display().to_string()), none);
        assert_eq!(with(&format!("file://{}", file.display())), none);
        // Shows that the file would have been visible.
        assert_ne!(png(black).unwrap(), none);
    }

    fn count(pdf: &[u8], what: &str) -> usize {
        pdf.windows(what.len())
            .filter(|w| *w == what.as_bytes())
            .count()
    }

    #[test]
    fn a_pdf_has_one_page_and_its_fonts() {
        let about = About {
            title: "봄밤의 합주".to_owned(),
            language: "ko".to_owned(),
        };
        let pdf = pdf(&text("봄밤의 합주, Spring Night", 800), about).unwrap();
        assert!(pdf.starts_with(b"%PDF-"));
        let pages = count(&pdf, "/Type/Page") - count(&pdf, "/Type/Pages");
        assert_eq!(pages, 1);
        assert!(count(&pdf, "/FontFile") > 0 && count(&pdf, "FrontrowSans-ExtraBold") > 0);
        // Embeds only what is used of a font of 1.2 MB.
        assert!(pdf.len() < 40_000, "{}", pdf.len());
    }

    proptest! {
        #[test]
        fn no_words_break_a_drawing(words in "\\PC{0,40}|[<>&\"'\\x00-\\x1f]{0,8}") {
            prop_assert!(png(&text(&words, 400)).is_ok());
        }
    }
}
