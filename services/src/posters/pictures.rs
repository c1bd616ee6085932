//! Converts an uploaded file into the pictures that we serve.
//!
//! Only the image itself is kept, and nothing else that may be in the file: no location, no
//! preview, no profile, no text. It is rotated as the camera was held, converted to sRGB, and
//! transparency becomes white.

use fast_image_resize::images::Image;
use fast_image_resize::{PixelType, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    RgbImage,
};
use model::ProblemKind;
use model::posters::{LEAST_SIDE, MOST_PIXELS, UploadedPoster, WIDTHS};
use moxcms::{ColorProfile, Layout, TransformOptions};
use sha2::{Digest, Sha256};
use std::io::Cursor;

/// Upper bound on pixels per side: a longer picture is no poster, regardless of the other side.
const LONGEST_SIDE: u32 = 16_384;
/// Upper bound on bytes of the decoded picture: 40 million pixels of 8 bytes, as a PNG may have.
const MOST_MEMORY: u64 = 320 * 1024 * 1024;
/// JPEG quality.
const QUALITY: u8 = 82;
/// Share of the cut-off rows that is cut at the top: faces and names are high in a picture, and our
/// text covers its foot.
const CUT_ABOVE: f64 = 1.0 / 3.0;
const TOO_MANY_PIXELS: ProblemKind = ProblemKind::TooManyPixels { most: MOST_PIXELS };

/// A poster in all its widths.
pub struct Pictures {
    pub poster: UploadedPoster,
    /// Width and JPEG.
    pub jpegs: Vec<(u32, Vec<u8>)>,
}

/// Detects the format by the content, and makes a square for every width of [`WIDTHS`] that the
/// picture is large enough for.
pub fn draw(file: &[u8]) -> Result<Pictures, ProblemKind> {
    let mut decoder = decoder(file)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > u64::from(MOST_PIXELS) {
        return Err(TOO_MANY_PIXELS);
    }
    let side = width.min(height);
    let widths = WIDTHS.into_iter().filter(|width| *width <= side);
    let Some(widest) = widths.clone().next_back() else {
        return Err(ProblemKind::TooFewPixels { least: LEAST_SIDE });
    };
    // Metadata that cannot be read is treated as missing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let mut limits = limits();
    limits
        .reserve(decoder.total_bytes())
        .map_err(|error| problem(&error))?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(|error| problem(&error))?;
    let square = shown(decoded, widest, orientation, profile.as_deref())?;
    let jpegs = widths
        .map(|width| Ok((width, encode(&square, width)?)))
        .collect::<Result<Vec<_>, ProblemKind>>()?;
    let widest_jpeg = jpegs.last().map(|(_, jpeg)| jpeg.as_slice());
    let digest = Sha256::digest(widest_jpeg.unwrap_or_default());
    let hash: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    let poster = UploadedPoster::new(&hash, widest).ok_or(ProblemKind::NotAPicture)?;
    Ok(Pictures { poster, jpegs })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    limits
}

fn decoder(file: &[u8]) -> Result<impl ImageDecoder + '_, ProblemKind> {
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|_| ProblemKind::NotAPicture)?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if is_whole_jpeg(file) => {}
        Some(ImageFormat::Png | ImageFormat::WebP) => {}
        _ => return Err(ProblemKind::NotAPicture),
    }
    reader.limits(limits());
    reader.into_decoder().map_err(|error| problem(&error))
}

fn problem(error: &ImageError) -> ProblemKind {
    match error {
        ImageError::Limits(_) => TOO_MANY_PIXELS,
        _ => ProblemKind::NotAPicture,
    }
}

/// Returns whether the image data is complete. The decoder would accept a truncated file, and leave
/// the missing part grey. Previews that cameras put into the header have end markers too, so this
/// looks behind the header.
fn is_whole_jpeg(file: &[u8]) -> bool {
    let mut rest = file.get(2..).unwrap_or_default();
    while let [0xFF, marker, high, low, ..] = *rest {
        if marker == 0xDA {
            return rest.windows(2).any(|pair| pair == [0xFF, 0xD9]);
        }
        // Any number of fill bytes may precede a marker.
        let length = match marker {
            0xFF => 1,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Returns the square that is shown, upright, opaque and in sRGB.
fn shown(
    picture: DynamicImage,
    side: u32,
    orientation: Orientation,
    profile: Option<&[u8]>,
) -> Result<RgbImage, ProblemKind> {
    let (width, height) = (picture.width(), picture.height());
    let (kind, pixels) = match picture.color().has_alpha() {
        true => (PixelType::U8x4, picture.into_rgba8().into_raw()),
        false => (PixelType::U8x3, picture.into_rgb8().into_raw()),
    };
    let whole = Image::from_vec_u8(width, height, pixels, kind);
    let whole = whole.map_err(|_| ProblemKind::NotAPicture)?;
    let square = resized(&whole, side, upper_part(orientation))?;
    drop(whole);
    let pixels = match kind {
        PixelType::U8x4 => on_white(square.buffer()),
        _ => square.into_vec(),
    };
    let pixels = match profile {
        Some(profile) => in_srgb(profile, &pixels).unwrap_or(pixels),
        None => pixels,
    };
    let square = RgbImage::from_raw(side, side, pixels).ok_or(ProblemKind::NotAPicture)?;
    let mut square = DynamicImage::from(square);
    square.apply_orientation(orientation);
    Ok(square.into_rgb8())
}

/// Returns where the square is cut out of a picture that is not rotated yet, from 0 (left, top) to
/// 1.
fn upper_part(orientation: Orientation) -> (f64, f64) {
    match orientation {
        Orientation::NoTransforms | Orientation::FlipHorizontal => (0.5, CUT_ABOVE),
        Orientation::Rotate180 | Orientation::FlipVertical => (0.5, 1.0 - CUT_ABOVE),
        Orientation::Rotate90 | Orientation::Rotate90FlipH => (CUT_ABOVE, 0.5),
        Orientation::Rotate270 | Orientation::Rotate270FlipH => (1.0 - CUT_ABOVE, 0.5),
    }
}

fn resized(
    picture: &Image<'_>,
    side: u32,
    centre: (f64, f64),
) -> Result<Image<'static>, ProblemKind> {
    let mut square = Image::new(side, side, picture.pixel_type());
    let options = ResizeOptions::new().fit_into_destination(Some(centre));
    Resizer::new()
        .resize(picture, &mut square, &options)
        .map_err(|_| ProblemKind::NotAPicture)?;
    Ok(square)
}

fn on_white(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        let mixed =
            |colour: u8| ((u32::from(colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        rgb.extend([mixed(pixel[0]), mixed(pixel[1]), mixed(pixel[2])]);
    }
    rgb
}

/// Returns `None` if the profile is not valid or does not fit the picture.
fn in_srgb(profile: &[u8], rgb: &[u8]) -> Option<Vec<u8>> {
    let from = ColorProfile::new_from_slice(profile).ok()?;
    let to = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = from
        .create_transform_8bit(Layout::Rgb, &to, Layout::Rgb, options)
        .ok()?;
    let mut converted = vec![0; rgb.len()];
    transform.transform(rgb, &mut converted).ok()?;
    Some(converted)
}

fn encode(square: &RgbImage, width: u32) -> Result<Vec<u8>, ProblemKind> {
    let broken = |_| ProblemKind::NotAPicture;
    let (side, pixels) = (square.width(), square.as_raw().clone());
    let smaller = match side == width {
        true => pixels,
        false => {
            let square = Image::from_vec_u8(side, side, pixels, PixelType::U8x3).map_err(broken)?;
            resized(&square, width, (0.5, 0.5))?.into_vec()
        }
    };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&smaller, width, width, ExtendedColorType::Rgb8)
        .map_err(|error| problem(&error))?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::webp::WebPEncoder;
    use proptest::prelude::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x as u8, y as u8, (x ^ y) as u8])
        })
    }

    fn files(width: u32, height: u32) -> [Vec<u8>; 3] {
        let picture = picture(width, height);
        let mut files = [Vec::new(), Vec::new(), Vec::new()];
        let [png, jpeg, webp] = &mut files;
        picture
            .write_to(&mut Cursor::new(png), ImageFormat::Png)
            .unwrap();
        picture
            .write_to(&mut Cursor::new(jpeg), ImageFormat::Jpeg)
            .unwrap();
        picture
            .write_with_encoder(WebPEncoder::new_lossless(webp))
            .unwrap();
        files
    }

    /// Asserts that the pictures are what `drawn` says.
    fn check(drawn: &Pictures) {
        let widths: Vec<u32> = drawn.jpegs.iter().map(|(width, _)| *width).collect();
        assert_eq!(widths, drawn.poster.widths().collect::<Vec<_>>());
        for (width, jpeg) in &drawn.jpegs {
            assert_eq!(image::guess_format(jpeg).unwrap(), ImageFormat::Jpeg);
            let shown = image::load_from_memory(jpeg).unwrap();
            assert_eq!((shown.width(), shown.height()), (*width, *width));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        #[test]
        fn every_size_gives_squares_of_the_widths_it_is_large_enough_for(
            width in 300_u32..1500, height in 300_u32..1500, kind in 0_usize..3,
        ) {
            let side = width.min(height);
            match draw(&files(width, height)[kind]) {
                Ok(drawn) => {
                    check(&drawn);
                    let next = WIDTHS.into_iter().find(|width| *width > drawn.poster.widest());
                    prop_assert!(drawn.poster.widest() <= side && next.is_none_or(|next| next > side));
                }
                Err(kind) => {
                    prop_assert_eq!(kind, ProblemKind::TooFewPixels { least: LEAST_SIDE });
                    prop_assert!(side < LEAST_SIDE);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_damaged_file_is_refused_or_drawn_and_nothing_breaks_down(
            kind in 0_usize..3, damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut file = files(330, 340)[kind].clone();
            for (at, byte) in damages {
                let at = at.index(file.len());
                file[at] = byte;
            }
            if let Ok(drawn) = draw(&file) {
                check(&drawn);
            }
        }
    }

    #[test]
    fn half_a_file_is_no_picture() {
        for file in files(400, 500) {
            assert!(draw(&file).is_ok());
            for eighths in 0..8 {
                let half = &file[..file.len() * eighths / 8];
                assert_eq!(draw(half).err(), Some(ProblemKind::NotAPicture));
            }
        }
    }
}
