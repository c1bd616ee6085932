//! The language switch.

use crate::error::ApiError;
use crate::request::{Response, back, settings};
use leptos::prelude::*;

/// Remembers the language, `ko` or `en`, in a cookie. Called by a plain form, so that the whole
/// page is rendered again.
#[server(name = SetLanguage, prefix = "/api", endpoint = "set_language")]
pub async fn set_language(language: String) -> Result<(), ApiError> {
    let locale = super::Locale::parse(&language).ok_or(model::Refusal::Malformed)?;
    if let Some(cookie) = crate::sessions::cookies::language(&settings(), locale) {
        Response::set_cookie(cookie);
    }
    // The target must not name a language, which would win over the cookie.
    leptos_axum::redirect(&super::without_language(&back()));
    Ok(())
}
