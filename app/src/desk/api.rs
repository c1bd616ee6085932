//! Server functions of the dashboard.

use crate::error::ApiError;
use crate::forms::parse_opened;
use crate::request::{services, session};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::concerts::{Concert, ConcertId};
use model::desk::{CapacityForm, DeskView, PaceForm};

/// Returns how a sale is going. The concert's organiser and admins only.
#[server(name = DeskViewQuery, prefix = "/api", endpoint = "desk_view", input = GetUrl)]
pub async fn desk_view(id: ConcertId) -> Result<DeskView, ApiError> {
    Ok(services::desk::view(&services()?, &session()?, id).await?)
}

/// Sets batch and interval, effective from the next batch. The concert's organiser and admins only.
#[server(name = SetPace, prefix = "/api", endpoint = "set_pace")]
pub async fn set_pace(
    id: ConcertId,
    #[server(default)] opened: String,
    #[server(flatten)] form: PaceForm,
) -> Result<Concert, ApiError> {
    let (services, session) = (services()?, session()?);
    let opened = parse_opened(&opened)?;
    let concert =
        services::concerts::set_pace(&services, &session, id, opened.as_ref(), form).await?;
    leptos_axum::redirect(&super::page::path(id));
    Ok(concert)
}

/// Sets the capacity. The concert's organiser and admins only.
#[server(name = SetCapacity, prefix = "/api", endpoint = "set_capacity")]
pub async fn set_capacity(
    id: ConcertId,
    #[server(default)] opened: String,
    #[server(flatten)] form: CapacityForm,
) -> Result<Concert, ApiError> {
    let (services, session) = (services()?, session()?);
    let opened = parse_opened(&opened)?;
    let concert =
        services::concerts::set_capacity(&services, &session, id, opened.as_ref(), form).await?;
    leptos_axum::redirect(&super::page::path(id));
    Ok(concert)
}
