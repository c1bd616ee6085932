//! What was typed into a form that was refused.

use std::collections::HashMap;

/// What was typed, by the names of the inputs; never a password.
///
/// The server puts it into the extensions of the request for the page that answers the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormEcho(pub HashMap<String, String>);

impl FormEcho {
    /// The echo of the request in context.
    pub fn of_request() -> FormEcho {
        leptos::prelude::with_context(|parts: &http::request::Parts| {
            parts.extensions.get::<FormEcho>().cloned()
        })
        .flatten()
        .unwrap_or_default()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
