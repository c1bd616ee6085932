//! Texts that must not be read where they do not belong.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A password, a token or a key, as it was typed or sent. Its `Debug` shows nothing, so that no log and no error text has
/// it; on the wire it is the text itself.
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
