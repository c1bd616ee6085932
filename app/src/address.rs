//! Addresses with query arguments.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Display;

/// Characters that are escaped in the value of an argument: all but letters, digits and these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Escapes a text as the value of an argument.
pub fn argument(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}
