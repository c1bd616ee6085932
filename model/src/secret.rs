//! Text that must not appear in logs or error messages.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A password, a token or a key, as typed or sent. Its `Debug` output does not contain it, so that
/// it cannot reach a log or an error text; serialised it is the plain text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_travels_as_a_text_and_prints_as_nothing() {
        let secret: Secret = serde_json::from_str("\"correct horse\"").unwrap();
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"correct horse\"");
        assert!(!format!("{secret:?} {secret:#?}").contains("horse"));
    }
}
