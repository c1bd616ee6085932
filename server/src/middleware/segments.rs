//! Compression of pages that share most of their pieces: the shared pieces are compressed once, and
//! each answer only concatenates them.
//!
//! gzip (RFC 1952) allows this. Compressed data is a sequence of blocks (RFC 1951), and a block
//! that ends on a byte boundary can be followed by any other block that has no back-references
//! beyond its own beginning. Every browser accepts gzip; brotli and zstd have no such boundaries.

use app::template::{PageTemplate, Piece};
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::cell::RefCell;
use std::sync::OnceLock;

/// gzip header without name and time, for an unknown operating system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty final block.
const LAST: [u8; 2] = [0x03, 0x00];
/// Below this number of bytes, compression costs more than it saves.
const WORTH_IT: usize = 128;
/// The end of a full flush (RFC 1951, 3.2.4): an empty stored block.
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];
/// Maximum bytes of a stored (uncompressed) block.
const STORED_MAX: usize = u16::MAX as usize;
/// Compression level of pieces that are compressed once.
const THOROUGH: u32 = 6;
/// Compression level of pieces that are compressed for one answer.
const QUICK: u32 = 1;

/// The shared pieces of a template, compressed when the first answer needs them.
pub struct Segments {
    bytes: usize,
    packed: OnceLock<Vec<Vec<u8>>>,
}

impl Segments {
    pub fn of(page: &PageTemplate) -> Segments {
        let bytes = page.pieces().iter().map(|piece| match piece {
            Piece::Shared(text) => text.len(),
            Piece::Nonce | Piece::Slot(_) => 0,
        });
        Segments {
            bytes: bytes.sum(),
            packed: OnceLock::new(),
        }
    }

    /// Returns the uncompressed bytes of the shared pieces.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the whole page as gzip. `texts` contains the text of each piece.
    pub fn pack(&self, page: &PageTemplate, texts: &[&str]) -> Vec<u8> {
        let packed = self.packed.get_or_init(|| {
            let pieces = page.pieces().iter().map(|piece| match piece {
                Piece::Shared(text) => thorough_blocks(text.as_bytes()),
                Piece::Nonce | Piece::Slot(_) => Vec::new(),
            });
            pieces.collect()
        });
        let shared: usize = packed.iter().map(Vec::len).sum();
        let mut gzip = Vec::with_capacity(shared + 4096);
        gzip.extend_from_slice(&HEAD);
        let mut check = Crc::new();
        for (blocks_of_it, text) in packed.iter().zip(texts) {
            check.update(text.as_bytes());
            match blocks_of_it.is_empty() {
                true => gzip.append(&mut quick_blocks(text.as_bytes())),
                false => gzip.extend_from_slice(blocks_of_it),
            }
        }
        gzip.extend_from_slice(&LAST);
        gzip.extend_from_slice(&check.sum().to_le_bytes());
        gzip.extend_from_slice(&check.amount().to_le_bytes());
        gzip
    }
}

/// Concatenates the pieces.
pub fn join(texts: &[&str]) -> Vec<u8> {
    let mut page = Vec::with_capacity(texts.iter().map(|text| text.len()).sum());
    for text in texts {
        page.extend_from_slice(text.as_bytes());
    }
    page
}

thread_local! {
    /// Compressor for one answer, reused: it has a quarter of a megabyte, which takes longer to
    /// allocate or to clear than a piece takes to compress.
    static QUICK_COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(QUICK), false));
}

/// Compresses for one answer. None of the blocks is final, and the last ends on a byte boundary.
fn quick_blocks(bytes: &[u8]) -> Vec<u8> {
    QUICK_COMPRESS.with_borrow_mut(|compress| blocks(bytes, compress))
}

/// Compresses for many answers.
fn thorough_blocks(bytes: &[u8]) -> Vec<u8> {
    blocks(bytes, &mut Compress::new(Compression::new(THOROUGH), false))
}

fn blocks(bytes: &[u8], compress: &mut Compress) -> Vec<u8> {
    if bytes.len() < WORTH_IT {
        return stored(bytes);
    }
    let mut blocks = Vec::with_capacity(bytes.len() / 2 + 64);
    let begun = compress.total_in();
    loop {
        let from = (compress.total_in() - begun) as usize;
        // A full flush clears the window: later data has no back-references beyond this point.
        let flushing = compress.compress_vec(&bytes[from..], &mut blocks, FlushCompress::Full);
        let all = (compress.total_in() - begun) as usize == bytes.len();
        let room = blocks.len() < blocks.capacity();
        match flushing {
            Err(_) => {
                compress.reset();
                return stored(bytes);
            }
            // The input may be consumed before all output is written: the rest would go into the
            // next answer.
            Ok(_) if all && room && blocks.ends_with(&FLUSHED) => return blocks,
            Ok(_) => blocks.reserve(bytes.len() / 4 + 64),
        }
    }
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(bytes.len() + 5);
    for chunk in bytes.chunks(STORED_MAX) {
        let length = chunk.len() as u16;
        blocks.push(0);
        blocks.extend_from_slice(&length.to_le_bytes());
        blocks.extend_from_slice(&(!length).to_le_bytes());
        blocks.extend_from_slice(chunk);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn blocks_of_any_length_are_one_gzip() {
        let long = "한강 <p>Low Tide</p> ".repeat(5000);
        let noise = noise(40_000);
        for texts in [
            vec![""],
            vec!["a"],
            vec![&long[..], "x", &long[..9], "", &noise[..], &long[..2_300]],
            vec![&noise[..], &noise[..127], &noise[..128], &noise[..129]],
        ] {
            let packs = [quick_blocks, thorough_blocks].into_iter().cycle();
            let pieces = texts.iter().zip(packs);
            let blocks = pieces.map(|(text, pack)| pack(text.as_bytes())).collect();
            assert_eq!(unpacked(blocks, &texts.concat()), texts.concat());
        }
    }

    /// One compressor serves many answers, each preceded by other pieces.
    #[test]
    fn a_piece_looks_back_into_no_other() {
        let texts = [
            "Mina is number 12,345 of 20,000",
            "Joon is number 12,346 of 20,000",
        ];
        // As long as the output that the compressor holds back when its buffer is full.
        let long = noise(60_000);
        let texts = [&texts[0].repeat(30), &long, &texts[1].repeat(30), &long];
        for text in texts {
            assert!(unpacked(vec![quick_blocks(text.as_bytes())], text) == *text);
        }
        for length in (57_000..60_000).step_by(97) {
            let text = &long[..length];
            assert!(unpacked(vec![quick_blocks(text.as_bytes())], text) == text);
        }
    }

    fn noise(length: u32) -> String {
        let letters = (0..length).map(|n| {
            let number = n.wrapping_mul(2_654_435_761).rotate_left(n % 32) ^ n.wrapping_mul(40_503);
            char::from(33 + (number >> 24) as u8 % 90)
        });
        letters.collect()
    }

    /// Decompresses the blocks as a browser does.
    fn unpacked(blocks: Vec<Vec<u8>>, text: &str) -> String {
        let mut check = Crc::new();
        check.update(text.as_bytes());
        let gzip = [
            &HEAD[..],
            &blocks.concat(),
            &LAST,
            &check.sum().to_le_bytes(),
            &check.amount().to_le_bytes(),
        ];
        let mut read = String::new();
        let gzip = gzip.concat();
        let mut reader = flate2::read::GzDecoder::new(&gzip[..]);
        reader.read_to_string(&mut read).unwrap();
        read
    }
}
