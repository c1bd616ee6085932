//! Pictures and pages out of SVG, drawn with our own fonts and nothing of the machine's, so that they look the same
//! everywhere: a poster's card as PNG, a ticket as PDF.
//!
//! Typed text comes into an SVG through a [`Typesetter`], which measures them and knows which font has which character.
//! Whatever else is text is set in [`FAMILY`], 400 or 800 heavy, and goes through [`escaped`].

mod fonts;
mod line;
mod paint;
mod qr;
mod qr_mask;
mod typesetter;

pub use fonts::FAMILY;
pub use line::missing;
pub use qr::Qr;
pub use typesetter::{Block, Typesetter};

use crate::fair::FairQueue;
use crate::{Error, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use model::accounts::AccountId;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// So many may wait for a turn. A page takes some milliseconds of a processor, a large picture some hundred.
const MOST_WAITING: usize = 64;

/// For whom something is drawn. They take turns, so that none of them is kept waiting by all that another asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum For {
    /// Pictures of concerts, which are kept.
    All,
    Owner(AccountId),
}

/// The processors that are drawn with at once, half of them at most, and the places of those who wait for one.
static TURNS: LazyLock<Arc<FairQueue<For>>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    FairQueue::new((processors / 2).max(1), MOST_WAITING)
});

/// The SVG as PNG, one pixel for each of its units.
///
/// Fails with [`Error::Broken`] when it is no SVG, or larger than 4096 units on a side; with
/// [`model::Refusal::TooManyRequests`] when too many wait to have something drawn.
pub async fn png(svg: impl Into<String>) -> Result<Vec<u8>> {
    let svg = svg.into();
    aside(For::All, move || paint::png(&svg)).await
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
/// Kept for the next time, which has the same bytes. `owner`: whose it is.
///
/// Fails as [`png`] does.
pub async fn pdf(svg: impl Into<String>, about: About, owner: AccountId) -> Result<Bytes> {
    let svg = svg.into();
    let digest = digest([&svg, &about.title, &about.language]);
    if let Some(pdf) = PDFS.get(&digest) {
        return Ok(pdf);
    }
    let pdf = Bytes::from(aside(For::Owner(owner), move || paint::pdf(&svg, about)).await?);
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
async fn aside<T: Send + 'static>(
    whom: For,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = TURNS.turn(whom).await?;
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

    #[tokio::test]
    async fn what_breaks_down_is_an_error_and_takes_nothing_with_it() {
        for _ in 0..MOST_WAITING * 2 {
            let broken = aside(For::All, || -> Result<()> { panic!("as a crate may") }).await;
            assert!(matches!(broken, Err(Error::Broken(_))));
        }
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#;
        assert!(png(svg).await.unwrap().starts_with(b"\x89PNG"));
    }
}
