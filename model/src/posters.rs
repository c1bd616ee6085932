//! Posters that organisers upload.

use crate::ids::ConcertId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Side lengths of the squares in which a poster is served, in pixels.
pub const WIDTHS: [u32; 4] = [320, 640, 960, 1280];
/// Upper bound on the bytes of an uploaded file.
pub const MOST_BYTES: u32 = 8 * 1024 * 1024;
/// Upper bound on the pixels of a picture, independent of the size of its file.
pub const MOST_PIXELS: u32 = 40_000_000;
/// Lower bound on the shorter side of a picture, in pixels.
pub const LEAST_SIDE: u32 = WIDTHS[0];
/// Hexadecimal digits of the hash that identifies the picture.
const HASH_LENGTH: usize = 32;

/// The current uploaded poster of a concert. Each picture has its own hash, so responses addressed
/// by hash may be cached permanently.
///
/// Stored and sent as `hash-widest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadedPoster {
    hash: String,
    widest: u32,
}

impl UploadedPoster {
    /// Returns `None` if `hash` is malformed or `widest` is not one of [`WIDTHS`].
    pub fn new(hash: &str, widest: u32) -> Option<UploadedPoster> {
        let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let known = hash.len() == HASH_LENGTH && hash.bytes().all(lower_hex);
        (known && WIDTHS.contains(&widest)).then(|| UploadedPoster {
            hash: hash.to_owned(),
            widest,
        })
    }

    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns the largest of [`WIDTHS`] that the picture was large enough for.
    pub fn widest(&self) -> u32 {
        self.widest
    }

    /// Returns the widths in which it is served, smallest first.
    pub fn widths(&self) -> impl Iterator<Item = u32> {
        let widest = self.widest;
        WIDTHS.into_iter().filter(move |width| *width <= widest)
    }

    /// Returns the URL path of one of its [`widths`](UploadedPoster::widths).
    pub fn address(&self, concert: ConcertId, width: u32) -> String {
        format!("/posters/{concert}/{}-{width}.jpg", self.hash)
    }

    /// Returns all widths in the form of a `srcset` attribute.
    pub fn srcset(&self, concert: ConcertId) -> String {
        self.widths()
            .map(|width| format!("{} {width}w", self.address(concert, width)))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl fmt::Display for UploadedPoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.hash, self.widest)
    }
}

/// The text is not the name of a poster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPoster;

impl fmt::Display for NoPoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a poster")
    }
}

impl FromStr for UploadedPoster {
    type Err = NoPoster;

    fn from_str(name: &str) -> Result<UploadedPoster, NoPoster> {
        let (hash, widest) = name.split_once('-').ok_or(NoPoster)?;
        // No sign and no leading zeros, so that one picture has one name.
        let widest = WIDTHS
            .into_iter()
            .find(|width| width.to_string() == widest)
            .ok_or(NoPoster)?;
        UploadedPoster::new(hash, widest).ok_or(NoPoster)
    }
}

impl Serialize for UploadedPoster {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UploadedPoster {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UploadedPoster, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_name_is_read_as_it_is_written_and_nothing_else_is_one() {
        for widest in WIDTHS {
            let poster = UploadedPoster::new(HASH, widest).unwrap();
            assert_eq!(poster.to_string().parse(), Ok(poster.clone()));
            assert_eq!(poster.widths().last(), Some(widest));
            let json = serde_json::to_string(&poster).unwrap();
            assert_eq!(
                serde_json::from_str::<UploadedPoster>(&json).unwrap(),
                poster
            );
        }
        for name in [
            "",
            HASH,
            "0123-320",
            &format!("{HASH}-0320"),
            &format!("{HASH}-+320"),
            &format!("{HASH}-321"),
            &format!("{HASH}-320.jpg"),
            &format!("{}-320", HASH.to_uppercase()),
            &format!("../{}-320", &HASH[3..]),
        ] {
            assert_eq!(name.parse::<UploadedPoster>(), Err(NoPoster), "{name}");
        }
    }

    #[test]
    fn every_width_there_is_is_offered_and_no_other() {
        let poster = UploadedPoster::new(HASH, 640).unwrap();
        assert_eq!(
            poster.srcset(ConcertId(7)),
            format!("/posters/7/{HASH}-320.jpg 320w, /posters/7/{HASH}-640.jpg 640w")
        );
    }
}
