//! The server function of the choice of light or dark.

use super::Theme;
use crate::error::ApiError;
use crate::request::{Response, back, settings};
use crate::sessions::cookies;
use leptos::prelude::*;
use model::Refusal;

/// Stores `light`, `dark` or `device` in a cookie, and redirects back.
#[server(name = SetTheme, prefix = "/api", endpoint = "set_theme")]
pub async fn set_theme(theme: String) -> Result<(), ApiError> {
    let theme = Theme::parse(&theme).ok_or(Refusal::Malformed)?;
    if let Some(cookie) = cookies::theme(&settings(), theme) {
        Response::set_cookie(cookie);
    }
    leptos_axum::redirect(&back());
    Ok(())
}
