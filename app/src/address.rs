//! Addresses with arguments.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;

/// What stays as it is in an argument; the rest is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A text as the value of an argument of an address.
pub fn argument(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}
