//! Every word of the interface, once per language.
//!
//! A missing word does not compile. The language is decided on the server and written into `<html lang>`, where the
//! browser reads it, so both render the same text.

mod api;
mod english;
mod format;
mod korean;
mod locale;
mod words;

pub use api::SetLanguage;
pub use format::{clock_digits, thousands};
pub use locale::{LANGUAGE_COOKIE, Locale};
pub use words::Words;

use leptos::prelude::use_context;

/// The words of the reader's language.
pub fn use_words() -> &'static Words {
    use_context::<Locale>().unwrap_or_default().words()
}
