//! Where somebody stands, for whoever asks: `GET /api/queue_view?concert_id=1` (server only).
//!
//! A handler of axum and no server function: those whose line lets no stream through ask again and again, and the way through
//! the framework was a good part of what that costs (docs/benchmarks.md).

use super::stream::Arguments;
use crate::error::ApiError;
use crate::sessions::Auth;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use model::Refusal;
use model::queue::QueueView;
use services::{Services, queue};

/// Where the account stands; for whoever has seen a tick as of that one or a newer one.
pub async fn queue_view(
    State(services): State<Services>,
    Extension(auth): Extension<Auth>,
    arguments: Result<Query<Arguments>, QueryRejection>,
) -> Result<Json<QueueView>, ApiError> {
    let session = auth.session()?;
    let Query(Arguments { concert_id, after }) = arguments.map_err(|_| Refusal::Malformed)?;
    queue::admit(&services, &session, concert_id).await?;
    let account = session.account_id;
    Ok(Json(match after {
        Some(seen) => queue::glance(&services, account, concert_id, seen).await?,
        None => queue::view(&services, account, concert_id).await?,
    }))
}
