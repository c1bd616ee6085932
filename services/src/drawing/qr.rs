//! QR codes as SVG paths.

use super::qr_mask;
use crate::{Error, Result};
use moka::sync::Cache;
use qrcode::canvas::Canvas;
use qrcode::types::QrResult;
use qrcode::{Color, EcLevel, QrCode, bits, ec};
use std::sync::{Arc, LazyLock};

/// Bytes of codes that are cached: those of some thousand tickets (one takes 12 KB).
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Recent codes, by their texts.
static MADE: LazyLock<Cache<String, Arc<Qr>>> = LazyLock::new(|| {
    let weight = |text: &String, qr: &Arc<Qr>| (text.len() + qr.path.len() + 256) as u32;
    Cache::builder()
        .weigher(weight)
        .max_capacity(BYTES_MAX)
        .build()
});

/// White modules around a code, without which scanners do not find it (ISO/IEC 18004).
const QUIET: usize = 4;

/// A QR code, dark on light regardless of its surroundings, with its quiet zone.
#[derive(Clone, Debug)]
pub struct Qr {
    /// Modules per side, quiet zone included.
    pub side: usize,
    /// The dark modules, as the data of an SVG path; one unit is a module.
    pub path: String,
}

impl Qr {
    /// Returns the code of a text and caches it: a ticket's never changes.
    ///
    /// Fails if the text is longer than a QR code can hold.
    pub fn of(text: &str) -> Result<Arc<Qr>> {
        if let Some(qr) = MADE.get(text) {
            return Ok(qr);
        }
        let qr = Arc::new(Qr::make(text)?);
        MADE.insert(text.to_owned(), qr.clone());
        Ok(qr)
    }

    fn make(text: &str) -> Result<Qr> {
        let (colors, width) =
            modules(text).map_err(|error| Error::Broken(format!("a QR code: {error}")))?;
        let mut path = Path(String::with_capacity(width * width * 8));
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            // Adjacent dark modules are one shape: no seams between them.
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == Color::Dark {
                    let (x, y, length) = (x + QUIET, y + QUIET, run.len());
                    path.put("M", x).put(" ", y).put("h", length);
                    path.put("v1h-", length).0.push('z');
                }
                x += run.len();
            }
        }
        path.0.shrink_to_fit();
        Ok(Qr {
            side: width + 2 * QUIET,
            path: path.0,
        })
    }

    /// Returns the code alone, without a size of its own.
    pub fn svg(&self) -> String {
        let Qr { side, path } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}

/// The data of an SVG path. A code has some 4,000 numbers, too many for `write!`.
struct Path(String);

impl Path {
    fn put(&mut self, command: &str, number: usize) -> &mut Path {
        self.0.push_str(command);
        self.0.push_str(itoa::Buffer::new().format(number));
        self
    }
}

/// Returns the modules of a code, row by row, and the modules per row.
fn modules(text: &str) -> QrResult<(Vec<Color>, usize)> {
    // M: a seventh of the code may be covered or torn.
    const LEVEL: EcLevel = EcLevel::M;
    let bits = bits::encode_auto(text.as_bytes(), LEVEL)?;
    let version = bits.version();
    let width = version.width() as usize;
    if width > qr_mask::WIDTH_MAX {
        let code = QrCode::with_error_correction_level(text, LEVEL)?;
        return Ok((code.to_colors(), width));
    }
    let (data, corrections) = ec::construct_codewords(&bits.into_bytes(), version, LEVEL)?;
    let mut canvas = Canvas::new(version, LEVEL);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &corrections);
    Ok((qr_mask::masked(&canvas, width), width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_code_is_the_one_that_qrcode_makes(text in "FR1:[0-9A-F]{8}(:[0-9]{1,12}){4}:[0-9A-F]{128}|[ -~]{0,600}|\\PC{0,200}") {
            let (colors, width) = modules(&text).unwrap();
            let code = QrCode::with_error_correction_level(&text, EcLevel::M).unwrap();
            prop_assert_eq!(width, code.width());
            prop_assert!(colors == code.to_colors(), "{}", text);
        }
    }

    #[test]
    fn a_text_that_no_code_holds_is_refused() {
        assert!(Qr::of(&"x".repeat(4000)).is_err());
        assert!(Qr::of(&"x".repeat(1500)).is_ok());
    }
}
