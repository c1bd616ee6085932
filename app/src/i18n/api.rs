//! The language switch.

use crate::error::ApiError;
use leptos::prelude::*;

/// Remembers the language, `ko` or `en`, in a cookie. Posted by a plain form, so that the whole page is rendered anew.
#[server(name = SetLanguage, prefix = "/api", endpoint = "set_language")]
pub async fn set_language(language: String) -> Result<(), ApiError> {
    use crate::request::{Response, settings};
    let locale = super::Locale::parse(&language).ok_or(model::Refusal::Malformed)?;
    if let Some(cookie) = crate::sessions::cookies::language(&settings(), locale) {
        Response::set_cookie(cookie);
    }
    // Back to the page it was posted from, and to nowhere else.
    let back = crate::request::header(http::header::REFERER)
        .and_then(|from| from.parse::<http::Uri>().ok());
    let back = back
        .as_ref()
        .and_then(http::Uri::path_and_query)
        .map_or("/", |path| path.as_str());
    leptos_axum::redirect(crate::sessions::safe_next(back));
    Ok(())
}
