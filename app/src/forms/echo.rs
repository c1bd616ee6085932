//! What was typed into a refused form.

use model::Field;
use std::collections::HashMap;

/// Typed values by the names of their inputs; never a password.
///
/// The server puts it into the request extensions of the page that answers the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormEcho(pub HashMap<String, String>);

impl FormEcho {
    /// Returns the echo of the request in context.
    pub fn of_request() -> FormEcho {
        leptos::prelude::with_context(|parts: &http::request::Parts| {
            parts.extensions.get::<FormEcho>().cloned()
        })
        .flatten()
        .unwrap_or_default()
    }

    /// Returns whether it has typed input that would be lost.
    pub fn has_text(&self) -> bool {
        let is_field =
            |name: &String| serde_json::from_value::<Field>(name.as_str().into()).is_ok();
        self.0.keys().any(is_field)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
