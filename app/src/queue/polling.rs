//! The account's standing on request: `GET /api/queue_view?concert_id=1` (server only).
//!
//! An axum handler and not a server function: clients whose network does not let a stream through
//! poll repeatedly, and the framework was a large part of the cost (docs/benchmarks.md).

use super::stream::Arguments;
use crate::error::ApiError;
use crate::sessions::Auth;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use model::Refusal;
use model::queue::QueueView;
use services::{Services, admission, queue};

/// Returns the account's standing. With `after`, as of that tick or a newer one.
pub async fn queue_view(
    State(services): State<Services>,
    Extension(auth): Extension<Auth>,
    arguments: Result<Query<Arguments>, QueryRejection>,
) -> Result<Json<QueueView>, ApiError> {
    let session = auth.session()?;
    let Query(Arguments { concert_id, after }) = arguments.map_err(|_| Refusal::Malformed)?;
    admission::admit(&services, &session, concert_id).await?;
    let account = session.account_id;
    Ok(Json(match after {
        Some(seen) => queue::glance(&services, account, concert_id, seen).await?,
        None => admission::view(&services, account, concert_id).await?,
    }))
}
