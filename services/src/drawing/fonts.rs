//! The fonts, in the order in which they are searched for a character (`services/fonts/`).

use resvg::usvg::fontdb;
use rustybuzz::Face;
use std::sync::{Arc, LazyLock};

/// Family of all texts that it covers: Latin, Greek, Cyrillic, Hangul and Kana, light and heavy.
pub const FAMILY: &str = "Frontrow Sans";

/// A font family that a drawing can name.
pub struct Family {
    pub name: &'static str,
    regular: Font,
    heavy: Option<Font>,
}

struct Font {
    data: &'static [u8],
    face: Face<'static>,
}

impl Family {
    /// Returns whether each of the characters has a glyph here.
    pub fn covers(&self, mut characters: impl Iterator<Item = char>) -> bool {
        characters.all(|c| self.has(c))
    }

    pub fn has(&self, character: char) -> bool {
        let glyph = self.regular.face.glyph_index(character);
        glyph.is_some_and(|glyph| glyph.0 != 0)
    }

    /// Returns the font nearest to a weight, as in `font-weight`.
    pub fn face(&self, weight: u16) -> &Face<'static> {
        match &self.heavy {
            Some(heavy) if is_heavy(weight) => &heavy.face,
            _ => &self.regular.face,
        }
    }

    /// Returns whether a weight calls for a heavy font and the family has none.
    pub fn is_light_for(&self, weight: u16) -> bool {
        is_heavy(weight) && self.heavy.is_none()
    }
}

/// Separates the weights in use, 400 and 800.
fn is_heavy(weight: u16) -> bool {
    weight >= 600
}

macro_rules! font {
    ($file:literal) => {
        include_bytes!(concat!("../../fonts/", $file))
    };
}

/// A family's name, its font, and a heavy font if there is one.
type File = (&'static str, &'static [u8], Option<&'static [u8]>);

/// Part of the executable: fonts that no drawing needs are never read from disk.
#[rustfmt::skip]
const FILES: &[File] = &[
    (FAMILY, font!("FrontrowSans-Regular.otf"), Some(font!("FrontrowSans-ExtraBold.otf"))),
    ("Noto Sans", font!("noto/NotoSans-Regular.ttf"), None),
    ("Noto Sans CJK KR", font!("noto/NotoSansCJKkr-Regular.otf"), None),
    ("Noto Sans Arabic", font!("noto/NotoSansArabic-Regular.ttf"), None),
    ("Noto Sans Hebrew", font!("noto/NotoSansHebrew-Regular.ttf"), None),
    ("Noto Sans Thai", font!("noto/NotoSansThai-Regular.ttf"), None),
    ("Noto Sans Devanagari", font!("noto/NotoSansDevanagari-Regular.ttf"), None),
    ("Noto Sans Armenian", font!("noto/NotoSansArmenian-Regular.ttf"), None),
    ("Noto Sans Bengali", font!("noto/NotoSansBengali-Regular.ttf"), None),
    ("Noto Sans Ethiopic", font!("noto/NotoSansEthiopic-Regular.ttf"), None),
    ("Noto Sans Georgian", font!("noto/NotoSansGeorgian-Regular.ttf"), None),
    ("Noto Sans Gujarati", font!("noto/NotoSansGujarati-Regular.ttf"), None),
    ("Noto Sans Gurmukhi", font!("noto/NotoSansGurmukhi-Regular.ttf"), None),
    ("Noto Sans Kannada", font!("noto/NotoSansKannada-Regular.ttf"), None),
    ("Noto Sans Khmer", font!("noto/NotoSansKhmer-Regular.ttf"), None),
    ("Noto Sans Lao", font!("noto/NotoSansLao-Regular.ttf"), None),
    ("Noto Sans Malayalam", font!("noto/NotoSansMalayalam-Regular.ttf"), None),
    ("Noto Sans Mongolian", font!("noto/NotoSansMongolian-Regular.ttf"), None),
    ("Noto Sans Myanmar", font!("noto/NotoSansMyanmar-Regular.ttf"), None),
    ("Noto Sans Oriya", font!("noto/NotoSansOriya-Regular.ttf"), None),
    ("Noto Sans Sinhala", font!("noto/NotoSansSinhala-Regular.ttf"), None),
    ("Noto Sans Tamil", font!("noto/NotoSansTamil-Regular.ttf"), None),
    ("Noto Sans Telugu", font!("noto/NotoSansTelugu-Regular.ttf"), None),
    ("Noto Sans Thaana", font!("noto/NotoSansThaana-Regular.ttf"), None),
    (EMOJI, font!("noto/NotoEmoji-Regular.ttf"), None),
    ("Noto Sans Symbols", font!("noto/NotoSansSymbols-Regular.ttf"), None),
    ("Noto Sans Symbols2", font!("noto/NotoSansSymbols2-Regular.ttf"), None),
    ("Noto Sans Math", font!("noto/NotoSansMath-Regular.ttf"), None),
];

const EMOJI: &str = "Noto Emoji";

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let font = |data| {
        let face = Face::from_slice(data, 0)?;
        Some(Font { data, face })
    };
    let family = |&(name, regular, heavy): &File| {
        Some(Family {
            name,
            regular: font(regular)?,
            heavy: heavy.and_then(font),
        })
    };
    FILES.iter().filter_map(family).collect()
});

/// Returns the families in order of preference, for characters that several of them have.
pub fn families() -> &'static [Family] {
    &FAMILIES
}

/// Returns the family of emoji.
pub fn emoji() -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == EMOJI)
}

/// The fonts, as usvg needs them.
pub static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for family in families() {
        for font in [Some(&family.regular), family.heavy.as_ref()] {
            let Some(font) = font else { continue };
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(font.data)));
        }
    }
    // Every generic family that a drawing may name.
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_serif_family(FAMILY);
    fonts.set_monospace_family(FAMILY);
    fonts.set_cursive_family(FAMILY);
    fonts.set_fantasy_family(FAMILY);
    Arc::new(fonts)
});

/// Returns the first font in order of preference that has the character and was not tried yet.
pub fn fallback(
    character: char,
    tried: &[fontdb::ID],
    fonts: &fontdb::Database,
) -> Option<fontdb::ID> {
    let families = families().iter().filter(|family| family.has(character));
    let weight = fonts.face(*tried.first()?)?.weight;
    let mut ids = families.filter_map(|family| {
        fonts.query(&fontdb::Query {
            families: &[fontdb::Family::Name(family.name)],
            weight,
            ..fontdb::Query::default()
        })
    });
    ids.find(|id| !tried.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_font_of_the_name_it_is_asked_by() {
        assert_eq!(families().len(), FILES.len());
        for (name, _, heavy) in FILES {
            for weight in [400, 800] {
                let query = fontdb::Query {
                    families: &[fontdb::Family::Name(name)],
                    weight: fontdb::Weight(weight),
                    ..fontdb::Query::default()
                };
                let id = DATABASE.query(&query).expect(name);
                let face = DATABASE.face(id).unwrap();
                let expected = if heavy.is_some() { weight } else { 400 };
                assert_eq!(face.weight.0, expected, "{name}");
            }
        }
    }
}
