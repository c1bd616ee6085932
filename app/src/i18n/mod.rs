//! All texts of the interface, once per language.
//!
//! A missing text is a compile error. The server chooses the language and writes it into `<html
//! lang>`, where islands read it, so both render the same text. Pages and their texts exist only on
//! the server; texts of islands are in `queue::words`.

#[cfg(feature = "ssr")]
mod api;
#[cfg(feature = "ssr")]
mod english;
mod format;
#[cfg(feature = "ssr")]
mod korean;
mod locale;
#[cfg(feature = "ssr")]
mod words;

#[cfg(feature = "ssr")]
pub use api::SetLanguage;
pub(crate) use format::{WaitUnit, wait_range};
pub use format::{clock_digits, thousands};
#[cfg(feature = "ssr")]
use locale::without_language;
pub use locale::{LANGUAGE_ARGUMENT, LANGUAGE_COOKIE, Locale, VISIT_LANGUAGE_COOKIE};
#[cfg(feature = "ssr")]
pub use words::{Words, use_words};
