//! A ticket on a sheet of paper (A4), as SVG.

use crate::concerts::{Frame, art};
use crate::i18n::{Locale, thousands};
use model::concerts::Concert;
use model::tickets::Ticket;
use services::drawing::{FAMILY, Qr, Typesetter};

/// Size of the sheet in units, four to a millimetre.
const WIDTH: f32 = 840.0;
const HEIGHT: f32 = 1188.0;
const MARGIN: f32 = 48.0;
/// Geometry of the stub: its upper edge and height, where its poster ends, and where it tears.
const TOP: f32 = 104.0;
const STUB: f32 = 336.0;
const POSTER: f32 = 292.0;
const TEAR: f32 = 576.0;
const NOTCH: f32 = 12.0;
const QR: f32 = 184.0;
const PAD: f32 = 24.0;
/// Distance between lines, as a multiple of the font size.
const LINE: f32 = 1.25;

const INK: &str = "#1b1f33";
const INK_SOFT: &str = "#565b73";
const HELD: &str = "#17653f";
const HELD_WASH: &str = "#eef6ec";

/// Returns the sheet of one live ticket, with its QR code. `poster` is the concert's poster as
/// JPEG, if one was uploaded.
pub fn paper(
    ticket: &Ticket,
    concert: &Concert,
    poster: Option<&[u8]>,
    qr: &Qr,
    address: &str,
    locale: Locale,
) -> String {
    let words = locale.words();
    let bottom = TOP + STUB;
    let mut sheet = Sheet::default();
    sheet.poster(concert, poster);

    // From the top: artist and title; from the bottom: when, where and for whom.
    let (x, width) = (POSTER + PAD, TEAR - POSTER - 2.0 * PAD);
    let mut y = TOP + PAD + 4.0;
    y = sheet.lines(
        x,
        y,
        width,
        &ticket.artist,
        Ink(INK_SOFT, 400),
        &[(16.0, 1), (13.0, 2)],
    );
    let title = [(30.0, 2), (25.0, 3), (21.0, 3), (17.0, 4), (13.0, 6)];
    sheet.lines(x, y + 4.0, width, &ticket.title, Ink(INK, 800), &title);
    let mut y = bottom - 134.0;
    let when = (words.period)(concert.starts_at, concert.ends_at);
    y = sheet.lines(x, y, width, &when, Ink(INK, 800), &[(15.0, 2), (12.5, 2)]);
    y = sheet.lines(
        x,
        y,
        width,
        &ticket.venue,
        Ink(INK_SOFT, 400),
        &[(14.0, 1), (12.0, 2)],
    );
    sheet.text(x, y + 26.0, 11.0, Ink(INK_SOFT, 400), words.holder);
    sheet.lines(
        x,
        y + 28.0,
        width,
        &ticket.holder,
        Ink(INK, 800),
        &[(15.0, 1), (11.0, 1), (9.0, 1)],
    );

    let x = TEAR + (WIDTH - MARGIN - TEAR - QR) / 2.0;
    sheet.code(x, TOP + PAD - 4.0, qr);
    let serial = thousands(ticket.serial.into());
    sheet.text(x, TOP + QR + 48.0, 12.0, Ink(INK_SOFT, 400), words.serial);
    sheet.lines(
        x,
        TOP + QR + 46.0,
        QR,
        &serial,
        Ink(HELD, 800),
        &[(42.0, 1), (30.0, 1)],
    );
    sheet.text(x, TOP + QR + 120.0, 17.0, Ink(INK, 800), &ticket.code);

    let mut y = bottom + 56.0;
    for note in words.tickets.paper_notes {
        y = sheet.lines(
            MARGIN,
            y,
            WIDTH - 2.0 * MARGIN,
            note,
            Ink(INK, 400),
            &[(14.0, 2)],
        ) + 6.0;
    }
    sheet.lines(
        MARGIN,
        y + 12.0,
        WIDTH - 2.0 * MARGIN,
        address,
        Ink(INK_SOFT, 400),
        &[(14.0, 2)],
    );
    sheet.into_svg()
}

/// A colour and a font weight.
#[derive(Clone, Copy)]
struct Ink(&'static str, u16);

#[derive(Default)]
struct Sheet {
    style: String,
    drawn: String,
    typesetter: Typesetter,
}

impl Sheet {
    /// Draws the text on one line at `y`. Its length is known to fit.
    fn text(&mut self, x: f32, y: f32, size: f32, Ink(colour, weight): Ink, text: &str) {
        let line = self.typesetter.line(text, weight, size);
        self.drawn.push_str(&line.svg(x, y - size, LINE, colour));
    }

    /// Draws the text below `y`, in the largest of `sizes` that fits, and returns its lower edge.
    fn lines(
        &mut self,
        x: f32,
        y: f32,
        width: f32,
        text: &str,
        Ink(colour, weight): Ink,
        sizes: &[(f32, usize)],
    ) -> f32 {
        let block = self.typesetter.fit(text, weight, width, sizes);
        self.drawn.push_str(&block.svg(x, y, LINE, colour));
        y + block.height(LINE)
    }

    fn poster(&mut self, concert: &Concert, uploaded: Option<&[u8]>) {
        let frame = Frame {
            x: MARGIN,
            y: TOP,
            width: POSTER - MARGIN,
            height: STUB,
        };
        let art = art(concert.id, concert.genre, uploaded, frame);
        self.style = art.style;
        self.drawn.push_str(&format!(
            "<g clip-path=\"url(#stub)\">{}\
             <rect x=\"{TEAR}\" y=\"{TOP}\" width=\"{TEAR}\" height=\"{STUB}\" fill=\"{HELD_WASH}\"/></g>",
            art.drawn
        ));
    }

    fn code(&mut self, x: f32, y: f32, qr: &Qr) {
        let code = qr.svg();
        let frame = format!("<svg x=\"{x}\" y=\"{y}\" width=\"{QR}\" height=\"{QR}\" ");
        self.drawn.push_str(&code.replacen("<svg ", &frame, 1));
    }

    fn into_svg(self) -> String {
        let Sheet {
            style,
            drawn,
            typesetter,
        } = self;
        typesetter.finish();
        let (width, bottom) = (WIDTH - 2.0 * MARGIN, TOP + STUB);
        let stub =
            format!("x=\"{MARGIN}\" y=\"{TOP}\" width=\"{width}\" height=\"{STUB}\" rx=\"14\"");
        // A half hole: the half outside of the stub is painted over.
        let hole = |y: f32, over: f32| {
            let (x, size) = (TEAR - NOTCH - 2.0, 2.0 * NOTCH + 4.0);
            format!(
                "<circle cx=\"{TEAR}\" cy=\"{y}\" r=\"{NOTCH}\" fill=\"#fff\" stroke=\"{HELD}\" stroke-width=\"1.5\"/>\
                 <rect x=\"{x}\" y=\"{over}\" width=\"{size}\" height=\"{}\" fill=\"#fff\"/>",
                NOTCH + 1.25
            )
        };
        let holes = hole(TOP, TOP - NOTCH - 2.0) + &hole(bottom, bottom + 0.75);
        let (from, to) = (TOP + NOTCH, bottom - NOTCH);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"210mm\" height=\"297mm\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\
             <style>{style}</style><clipPath id=\"stub\"><rect {stub}/></clipPath>\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/><g font-family=\"{FAMILY}\">\
             <text x=\"{MARGIN}\" y=\"76\" font-size=\"26\" font-weight=\"800\" fill=\"{INK}\">Frontrow</text>{drawn}</g>\
             <rect {stub} fill=\"none\" stroke=\"{HELD}\" stroke-width=\"1.5\"/>{holes}\
             <path d=\"M{TEAR} {from}V{to}\" stroke=\"{HELD}\" stroke-width=\"1.5\" stroke-dasharray=\"6 6\"/></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concerts::example;
    use model::accounts::AccountId;
    use model::concerts::Genre;
    use model::tickets::TicketId;
    use proptest::prelude::*;
    use resvg::tiny_skia::Pixmap;
    use services::drawing;

    fn made(
        title: &str,
        holder: &str,
        genre: Genre,
        poster: Option<&[u8]>,
        locale: Locale,
    ) -> String {
        let concert = Concert {
            title: title.to_owned(),
            genre,
            ..example()
        };
        let starts_at = concert.starts_at;
        let ticket = Ticket {
            id: TicketId(804),
            concert_id: concert.id,
            title: concert.title.clone(),
            artist: concert.artist.clone(),
            venue: concert.venue.clone(),
            genre,
            poster: None,
            starts_at,
            serial: 1_123,
            code: "KNA7G-7W6CW".to_owned(),
            signed: Some(signed()),
            holder: holder.to_owned(),
            issued_at: starts_at,
            cancelled_at: None,
            revoked: None,
        };
        let qr = Qr::of(&signed()).unwrap();
        paper(
            &ticket,
            &concert,
            poster,
            &qr,
            "https://tickets.example/tickets/804",
            locale,
        )
    }

    /// As long as a code with numbers of many digits.
    fn signed() -> String {
        format!(
            "FR1:7F3A91C2:1234804:1014:11123:1795231930:{}",
            "0123456789ABCDEF".repeat(8)
        )
    }

    /// Returns the QR codes in a picture, read by an independent decoder.
    fn read(png: &[u8]) -> Vec<String> {
        let pixels = Pixmap::decode_png(png).unwrap();
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let light = |x: usize, y: usize| pixels.pixels()[y * width + x].green();
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, light);
        let codes = image.detect_grids();
        codes
            .iter()
            .filter_map(|code| Some(code.decode().ok()?.1))
            .collect()
    }

    #[tokio::test]
    async fn the_code_on_paper_can_be_read() {
        for (genre, locale) in Genre::ALL
            .into_iter()
            .zip([Locale::Korean, Locale::English].into_iter().cycle())
        {
            let svg = made("한강, 불이 꺼지면", "mina", genre, None, locale);
            // At the resolution of a printer, finer than a screen.
            let fine = svg
                .replacen("210mm", "420mm", 1)
                .replacen("297mm", "594mm", 1);
            let png = drawing::paint::png(&fine).unwrap();
            if let Ok(folder) = std::env::var("FRONTROW_LOOK") {
                let about = drawing::About {
                    title: "a".to_owned(),
                    language: "ko".to_owned(),
                };
                std::fs::write(format!("{folder}/{}.png", genre.as_str()), &png).unwrap();
                let pdf = drawing::pdf(svg, about, AccountId(1)).await.unwrap();
                std::fs::write(format!("{folder}/{}.pdf", genre.as_str()), pdf).unwrap();
            }
            assert_eq!(read(&png), [signed()]);
        }
    }

    #[tokio::test]
    async fn an_uploaded_poster_fills_its_place_and_leaves_the_code_to_be_read() {
        let violet = image::RgbImage::from_pixel(640, 640, image::Rgb([130, 40, 200]));
        let mut jpeg = Vec::new();
        violet
            .write_with_encoder(image::codecs::jpeg::JpegEncoder::new(&mut jpeg))
            .unwrap();
        let svg = made("Night", "mina", Genre::Jazz, Some(&jpeg), Locale::English);
        let fine = svg
            .replacen("210mm", "420mm", 1)
            .replacen("297mm", "594mm", 1);
        let png = drawing::paint::png(&fine).unwrap();
        assert_eq!(read(&png), [signed()]);
        let pixels = Pixmap::decode_png(&png).unwrap();
        let unit = pixels.width() as f32 / WIDTH;
        for (x, y) in [
            (MARGIN + 4.0, TOP + 30.0),
            (POSTER - 4.0, TOP + STUB - 30.0),
        ] {
            let seen = pixels.pixel((x * unit) as u32, (y * unit) as u32).unwrap();
            let off = |seen: u8, sent: u8| seen.abs_diff(sent) > 6;
            assert!(
                !off(seen.red(), 130) && !off(seen.green(), 40) && !off(seen.blue(), 200),
                "{seen:?}"
            );
        }
    }

    /// Returns the bounds within which the pixels of two pictures differ: left, top, right, bottom.
    fn differing(one: &[u8], other: &[u8]) -> Option<[usize; 4]> {
        let (one, other) = (Pixmap::decode_png(one), Pixmap::decode_png(other));
        let (one, other) = (one.unwrap(), other.unwrap());
        let width = one.width() as usize;
        let pixels = one.pixels().iter().zip(other.pixels()).enumerate();
        let differing = pixels.filter(|(_, (one, other))| one != other);
        let places = differing.map(|(at, _)| (at % width, at / width));
        places.fold(None, |all: Option<[usize; 4]>, (x, y)| {
            let [left, top, right, bottom] = all.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        })
    }

    #[tokio::test]
    async fn no_words_leave_their_place_beside_the_code() {
        let drawn = async |title: &str, holder: &str| {
            let svg = made(title, holder, Genre::Rock, None, Locale::English);
            drawing::paint::png(&svg).unwrap()
        };
        let short = drawn("a", "a").await;
        for word in [
            "W",
            "@",
            "—",
            "＠",
            "뷁",
            "漢",
            "ض",
            "क्षि",
            "𝓦",
            "🎸",
            "ﷺ",
            "Ǆ",
            "ꙮ",
            "\u{13000}",
        ] {
            for title in [word.repeat(60), format!("{word}{word} ").repeat(30)] {
                let long = drawn(&title, &word.repeat(20)).await;
                let [left, top, right, bottom] = differing(&short, &long).unwrap();
                let unit = Pixmap::decode_png(&short).unwrap().width() as f32 / WIDTH;
                let at = |place: usize| place as f32 / unit;
                assert!(at(left) > POSTER + PAD / 2.0, "{word}: {left}");
                assert!(at(right) < TEAR - PAD / 2.0, "{word}: {right}");
                assert!(
                    at(top) > TOP && at(bottom) < TOP + STUB,
                    "{word}: {top} {bottom}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_people_type_is_drawn(title in "\\PC{1,120}", holder in "[<>&\"'가-힣a-z ]{1,20}") {
            let svg = made(&title, &holder, Genre::Rock, None, Locale::English);
            prop_assert!(drawing::paint::png(&svg).is_ok());
        }
    }
}
