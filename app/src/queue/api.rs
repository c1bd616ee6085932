//! Server functions of queues.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::concerts::ConcertId;
use model::queue::{HeldPlace, QueueView};

#[cfg(feature = "ssr")]
use crate::{
    request::{accepts_html, client, services, session},
    sessions::log_in_path,
};
#[cfg(feature = "ssr")]
use model::Refusal;

/// Takes a place, or returns the place that the account has. Responds only once the place cannot be
/// lost.
#[server(name = JoinQueue, prefix = "/api", endpoint = "join_queue")]
pub async fn join_queue(concert_id: ConcertId) -> Result<QueueView, ApiError> {
    let session = session().inspect_err(|error| {
        // A form without JavaScript: log in first, then return to the concert.
        if accepts_html() && error.0 == Refusal::NotLoggedIn {
            leptos_axum::redirect(&log_in_path(&format!("/concerts/{concert_id}")));
        }
    })?;
    let view = services::admission::join(&services()?, &client()?, &session, concert_id).await?;
    leptos_axum::redirect(&format!("/concerts/{concert_id}/queue"));
    Ok(view)
}

/// Gives the place up. Leaving a queue in which the account has no place changes nothing.
#[server(name = LeaveQueue, prefix = "/api", endpoint = "leave_queue")]
pub async fn leave_queue(concert_id: ConcertId) -> Result<QueueView, ApiError> {
    let view = services::admission::leave(&services()?, &session()?, concert_id).await?;
    leptos_axum::redirect(&format!("/concerts/{concert_id}/queue"));
    Ok(view)
}

/// Returns the places that the account has, the newest first.
#[server(name = ListPlaces, prefix = "/api", endpoint = "list_places", input = GetUrl)]
pub async fn list_places() -> Result<Vec<HeldPlace>, ApiError> {
    Ok(services::admission::held(&services()?, &session()?).await?)
}
