//! QR codes as shapes.

use crate::{Error, Result};
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Modules of white around a code, without which it is not found (ISO/IEC 18004).
const QUIET: usize = 4;

/// A QR code, dark on light whatever is around it, with its quiet zone.
#[derive(Clone, Debug)]
pub struct Qr {
    /// Modules on a side, quiet zone included.
    pub side: usize,
    /// The dark modules, as the data of an SVG path of which a unit is a module.
    pub path: String,
}

impl Qr {
    /// Fails when the text is longer than any QR code holds.
    pub fn of(text: &str) -> Result<Qr> {
        // M: a seventh of it may be covered or torn.
        let code = QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|error| Error::Broken(format!("a QR code: {error}")))?;
        let width = code.width();
        let mut path = String::with_capacity(width * width * 3);
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            // What is dark side by side is one shape: no seams between modules.
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == Color::Dark {
                    let (x, y, length) = (x + QUIET, y + QUIET, run.len());
                    let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
                }
                x += run.len();
            }
        }
        Ok(Qr {
            side: width + 2 * QUIET,
            path,
        })
    }

    /// The code alone, of no size of its own.
    pub fn svg(&self) -> String {
        let Qr { side, path } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}
