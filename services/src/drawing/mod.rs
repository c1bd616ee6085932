//! Renders SVG with the embedded fonts and none of the machine's, so that the result looks the same
//! everywhere: a poster's card as PNG, a ticket as PDF.
//!
//! Typed text enters an SVG through a [`Typesetter`], which measures it and knows which font has
//! which character. All other text is set in [`FAMILY`], at weight 400 or 800, and goes through
//! [`escaped`].

mod fonts;
mod line;
pub mod paint;
mod qr;
mod qr_mask;
mod typesetter;

pub use fonts::FAMILY;
pub use line::missing;
pub use qr::Qr;
pub use typesetter::{Block, Typesetter};

use crate::fair::FairQueue;
use crate::limits::Network;
use crate::{Error, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use model::accounts::AccountId;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// Callers allowed to queue for a permit. A page takes some milliseconds of processor time, a large
/// picture some hundred.
const MOST_WAITING: usize = 64;

/// For whom something is drawn. Askers take turns, so that the requests of one do not keep another
/// waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    At(Network),
    Owner(AccountId),
}

impl Asker {
    /// The asker for a client that need not be logged in.
    pub fn at(address: IpAddr) -> Asker {
        Asker::At(Network::of(address))
    }
}

/// Permits to draw, for at most half of the processors, and the queue for them.
static TURNS: LazyLock<Arc<FairQueue<Asker>>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    FairQueue::new((processors / 2).max(1), MOST_WAITING)
});

/// SHA-256 of everything that a drawing is made from.
type Made = [u8; 32];

/// Cache of recent drawings, keyed by a digest of all their inputs, so that no entry is ever stale.
struct Kept(Cache<Made, Bytes>);

impl Kept {
    fn new(bytes_max: u64) -> Kept {
        let weight = |_: &Made, drawn: &Bytes| (drawn.len() + 256) as u32;
        Kept(
            Cache::builder()
                .weigher(weight)
                .max_capacity(bytes_max)
                .build(),
        )
    }

    /// Each caller waits for a permit of its own, even for the same drawing, so that it is not
    /// delayed by everything another asker requests. A caller that may not wait gets the drawing
    /// if it is being made for another caller at that time.
    async fn find_or_draw(
        &self,
        digest: Made,
        who: Asker,
        svg: impl Future<Output = Result<String>>,
        paint: impl FnOnce(&str) -> Result<Vec<u8>> + Send + 'static,
    ) -> Result<Bytes> {
        if let Some(drawn) = self.0.get(&digest).await {
            return Ok(drawn);
        }
        // Before the permit: the poster may have to be read from PostgreSQL.
        let svg = svg.await?;
        let turn = match TURNS.turn(who).await {
            Ok(turn) => turn,
            Err(full) => {
                drop(svg);
                let drawn = self.0.try_get_with(digest, ready(Err(full)));
                return drawn.await.map_err(shared);
            }
        };
        let mut mine = Some((turn, svg, paint));
        loop {
            let drawing = async {
                let Some((turn, svg, paint)) = mine.take() else {
                    return Err(Error::Broken("a drawing without a turn".to_owned()));
                };
                let painting = tokio::task::spawn_blocking(move || {
                    // Held until the work is done, even if the caller has disconnected.
                    let _turn = turn;
                    paint(&svg)
                });
                let drawn = painting
                    .await
                    .map_err(|error| Error::Broken(format!("a drawing broke down: {error}")))?;
                drawn.map(Bytes::from)
            };
            let drawn = self.0.try_get_with(digest, drawing).await;
            // Another caller's attempt failed, perhaps because it got no permit: draw with ours.
            if drawn.is_ok() || mine.is_none() {
                return drawn.map_err(shared);
            }
        }
    }
}

/// Converts an error that several callers were waiting for.
fn shared(error: Arc<Error>) -> Error {
    match Arc::try_unwrap(error) {
        Ok(error) => error,
        Err(error) if error.is_ours() => Error::Broken(error.to_string()),
        Err(error) => Error::Refused(error.refusal()),
    }
}

/// Pictures of concerts, some hundred of them.
static PNGS: LazyLock<Kept> = LazyLock::new(|| Kept::new(32 * 1024 * 1024));
static PDFS: LazyLock<Kept> = LazyLock::new(|| Kept::new(32 * 1024 * 1024));

/// Renders the SVG as PNG, one pixel per unit, and caches it. `digest` is of everything that the
/// SVG is made from; the SVG itself is built only if it must be drawn.
///
/// Fails with [`Error::Broken`] if it is not an SVG or has a side longer than 4096 units; with
/// [`model::Refusal::TooManyRequests`] if too many callers wait for a drawing.
pub async fn png(
    digest: Made,
    svg: impl Future<Output = Result<String>>,
    who: Asker,
) -> Result<Bytes> {
    PNGS.find_or_draw(digest, who, svg, paint::png).await
}

/// Renders the SVG as a PDF of one page of its size (`width="210mm"` is that wide), with searchable
/// text and embedded fonts. Cached, so that the next call returns the same bytes. `owner` is the
/// account that it is drawn for.
///
/// Fails as [`png`] does.
pub async fn pdf(svg: String, about: About, owner: AccountId) -> Result<Bytes> {
    let digest = digest([&svg, &about.title, &about.language]);
    let painting = move |svg: &str| paint::pdf(svg, about);
    PDFS.find_or_draw(digest, Asker::Owner(owner), ready(Ok(svg)), painting)
        .await
}

/// Hashes each text with its length, so that their boundaries count.
fn digest(texts: [&String; 3]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().into()
}

/// Metadata of a PDF.
#[derive(Clone, Debug)]
pub struct About {
    pub title: String,
    /// As in the `lang` attribute of HTML.
    pub language: String,
}

/// Returns a JPEG as the `href` of an SVG's `<image>`: files outside of a drawing are not rendered.
pub fn jpeg_address(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg))
}

/// Returns the text as it may stand in an element or an attribute of an SVG: markup is escaped, and
/// characters that XML does not have, such as control characters, are removed.
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

/// Returns whether XML 1.0 has the character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;

    const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#;

    fn asker(last: u8) -> Asker {
        Asker::at([192, 0, 2, last].into())
    }

    #[tokio::test]
    async fn what_breaks_down_is_an_error_and_takes_nothing_with_it() {
        let kept = Kept::new(1_000);
        for _ in 0..MOST_WAITING * 2 {
            let svg = ready(Ok(String::new()));
            let broken = kept.find_or_draw([0; 32], asker(1), svg, |_| panic!("as a crate may"));
            assert!(matches!(broken.await, Err(Error::Broken(_))));
        }
        let png = png([1; 32], ready(Ok(SVG.to_owned())), asker(1)).await;
        assert!(png.unwrap().starts_with(b"\x89PNG"));
    }

    #[tokio::test]
    async fn one_who_asks_for_very_many_pictures_has_others_wait_for_one_of_them() {
        let draw = |which: usize, who: Asker| {
            let mut digest = [9; 32];
            digest[..8].copy_from_slice(&which.to_le_bytes());
            png(digest, ready(Ok(SVG.to_owned())), who)
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let many = 2 * (MOST_WAITING + 2 * processors);
        let greedy = (0..=many).map(|which| draw(which, asker(2)));
        // They ask for a picture for which the greedy asker is refused.
        let honest = (3..=6).map(|who| draw(many, asker(who)));
        let (greedy, honest) = futures::join!(join_all(greedy), join_all(honest));
        assert!(
            greedy.iter().any(Result::is_err),
            "it has asked for too many"
        );
        for drawn in honest {
            drawn.unwrap();
        }
    }

    /// A picture that very many ask for at once, such as one that was shown in a chat.
    #[tokio::test]
    async fn who_finds_no_place_to_wait_has_what_is_being_drawn() {
        let kept = Kept::new(100_000);
        let networks =
            (0..=255_u8).flat_map(|third| (0..2_u8).map(move |last| [10, 1, third, last]));
        let asking = networks.map(|address| {
            let who = Asker::at(address.into());
            kept.find_or_draw([3; 32], who, ready(Ok(SVG.to_owned())), |svg| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                paint::png(svg)
            })
        });
        for drawn in join_all(asking).await {
            drawn.unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_drawn_is_kept() {
        let svg = || ready(Ok(SVG.to_owned()));
        let drawn = png([2; 32], svg(), asker(7)).await.unwrap();
        let never = async { panic!("drawn twice") };
        assert_eq!(png([2; 32], never, asker(8)).await.unwrap(), drawn);
    }
}
