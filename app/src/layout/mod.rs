//! The frame around every page.

mod footer;
mod header;
mod meta;

pub use footer::Footer;
pub use header::Header;
pub use meta::{PageMeta, title_text};
