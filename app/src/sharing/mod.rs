//! How pages are found and shown elsewhere: their addresses, structured data for machines, and
//! pictures.

mod address;
mod card;
mod crawlers;
mod data;
mod tags;
mod words;

pub use address::{Address, ascii};
pub use card::{HEIGHT, WIDTH, concert_card, site_card};
pub use crawlers::{CONCERTS_IN_A_FILE, robots, sitemap, sitemap_index};
pub use tags::{Shared, SharedTags};
pub use words::{ENGLISH, KOREAN, SharingWords};
