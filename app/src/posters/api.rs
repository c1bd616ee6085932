//! Server functions of posters. A file cannot be an argument of a server function: `upload.rs`
//! receives it.

use super::POSTER_FORM;
use crate::error::ApiError;
use crate::request::{services, session};
use leptos::prelude::*;
use model::concerts::ConcertId;

/// Removes the uploaded poster, so that a drawn one is shown again. The concert's organiser and
/// admins only.
#[server(name = RemovePoster, prefix = "/api", endpoint = "remove_poster")]
pub async fn remove_poster(id: ConcertId) -> Result<(), ApiError> {
    services::posters::remove(&services()?, &session()?, id).await?;
    leptos_axum::redirect(&format!("/concerts/{id}/edit#{POSTER_FORM}"));
    Ok(())
}
