//! Pictures and pages out of SVG, drawn with our own fonts and nothing of the machine's, so that they look the same
//! everywhere: a poster's card as PNG, a ticket as PDF.
//!
//! Texts are set in [`FAMILY`], 400 or 800 heavy, whatever family the SVG names. Whoever puts somebody's words into an SVG
//! puts them through [`escaped`].

mod paint;
mod qr;
mod qr_mask;

pub use qr::Qr;

use crate::{Error, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use model::Refusal;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::LazyLock;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The one family there is (`services/fonts/`): Latin and Hangul.
pub const FAMILY: &str = "Frontrow Sans";

/// So many may wait for a turn. A page takes some milliseconds of a processor, a large picture some hundred.
const MOST_WAITING: usize = 64;

/// The processors that are drawn with at once, half of them at most, and the places of those who wait for one.
struct Turns {
    processors: Semaphore,
    places: Semaphore,
}

static TURNS: LazyLock<Turns> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Turns::new((processors / 2).max(1), MOST_WAITING)
});

impl Turns {
    fn new(processors: usize, places: usize) -> Turns {
        Turns {
            processors: Semaphore::new(processors),
            places: Semaphore::new(places),
        }
    }

    async fn take(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(turn) = self.processors.try_acquire() {
            return Ok(turn);
        }
        let full = Refusal::TooManyRequests { retry_after_s: 2 };
        let _place = self.places.try_acquire().map_err(|_| full)?;
        let turn = self.processors.acquire().await;
        turn.map_err(|error| Error::Broken(error.to_string()))
    }
}

/// The SVG as PNG, one pixel for each of its units.
///
/// Fails with [`Error::Broken`] when it is no SVG, or larger than 4096 units on a side; with
/// [`Refusal::TooManyRequests`] when too many wait to have something drawn.
pub async fn png(svg: impl Into<String>) -> Result<Vec<u8>> {
    let svg = svg.into();
    aside(move || paint::png(&svg)).await
}

/// Bytes of PDFs that are kept.
const PDF_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The PDFs made lately, by a digest of all that they were made of.
static PDFS: LazyLock<Cache<[u8; 32], Bytes>> = LazyLock::new(|| {
    let weight = |_: &[u8; 32], pdf: &Bytes| (pdf.len() + 256) as u32;
    Cache::builder()
        .weigher(weight)
        .max_capacity(PDF_BYTES_MAX)
        .build()
});

/// The SVG as PDF of one page of its size (`width="210mm"` is that wide), with texts that can be searched and the fonts in it.
/// Kept for the next time, which has the same bytes.
///
/// Fails as [`png`] does.
pub async fn pdf(svg: impl Into<String>, about: About) -> Result<Bytes> {
    let svg = svg.into();
    let digest = digest([&svg, &about.title, &about.language]);
    if let Some(pdf) = PDFS.get(&digest) {
        return Ok(pdf);
    }
    let pdf = Bytes::from(aside(move || paint::pdf(&svg, about)).await?);
    PDFS.insert(digest, pdf.clone());
    Ok(pdf)
}

/// Of each text with its length, so that none runs into the next.
fn digest(texts: [&String; 3]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().into()
}

/// What a PDF says of itself.
#[derive(Clone, Debug)]
pub struct About {
    pub title: String,
    /// As in `lang` of HTML.
    pub language: String,
}

/// A JPEG as the `href` of an SVG's `<image>`: what is not inside of a drawing is not in its picture.
pub fn jpeg_address(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))
}

/// The text as it may stand in an element or an attribute of an SVG: markup is escaped, and what XML has no character for,
/// such as a control character, is left out.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && is_xml(c);
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars().filter(|c| is_xml(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// The characters of XML 1.0.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
}

/// Does the work on a thread where it keeps nobody waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = TURNS.take().await?;
    let working = tokio::task::spawn_blocking(move || {
        // Kept to the end of the work, also when whoever asked has hung up.
        let _turn = turn;
        work()
    });
    working
        .await
        .map_err(|error| Error::Broken(format!("a drawing broke down: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn whoever_finds_no_place_to_wait_is_refused_at_once() {
        let turns = Turns::new(1, 1);
        let first = turns.take().await.unwrap();
        let mut second = Box::pin(turns.take());
        assert!(second.as_mut().now_or_never().is_none());
        let third = turns.take().now_or_never().and_then(Result::err).unwrap();
        let refused = third.refusal();
        assert!(matches!(refused, Refusal::TooManyRequests { .. }));
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn what_breaks_down_is_an_error_and_takes_nothing_with_it() {
        for _ in 0..MOST_WAITING * 2 {
            let broken = aside(|| -> Result<()> { panic!("as a crate may") }).await;
            assert!(matches!(broken, Err(Error::Broken(_))));
        }
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#;
        assert!(png(svg).await.unwrap().starts_with(b"\x89PNG"));
    }
}
