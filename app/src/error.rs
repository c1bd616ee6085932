//! The error type of all server functions.
//!
//! `?` on a [`services::Error`] inside a server function logs the cause if it is on our side, sets
//! the status of the response and keeps only the refusal: the text of a database error never
//! reaches a browser.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use model::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A [`Refusal`] sent to a browser or a script, as JSON with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiError(pub Refusal);

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for ApiError {}

impl From<Refusal> for ApiError {
    /// On the server this also sets the status of the response, so convert only to return the
    /// error.
    fn from(refusal: Refusal) -> ApiError {
        #[cfg(feature = "ssr")]
        answer_with(&refusal);
        ApiError(refusal)
    }
}

#[cfg(feature = "ssr")]
impl From<services::Error> for ApiError {
    fn from(error: services::Error) -> ApiError {
        let refusal = error.refusal();
        if error.is_ours() {
            tracing::error!(error = %error, cause = ?error, ?refusal, "a request could not be carried out");
        }
        refusal.into()
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> ApiError {
        match error {
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_) => Refusal::Malformed,
            ServerFnErrorErr::Request(_) => Refusal::Unavailable,
            // On the server: a body that was cut off or was too long. In the browser: a response
            // that is not from our server, such as a proxy's page while the server restarts.
            ServerFnErrorErr::Deserialization(_) | ServerFnErrorErr::Response(_) => {
                if cfg!(feature = "ssr") {
                    Refusal::Malformed
                } else {
                    Refusal::Unavailable
                }
            }
            other => {
                #[cfg(feature = "ssr")]
                tracing::error!(error = %other, "a server function could not be run");
                #[cfg(not(feature = "ssr"))]
                drop(other);
                Refusal::Internal
            }
        }
        .into()
    }
}

/// Sets the refusal's status on the response to a script or to our own browser code.
///
/// A form posted by a browser without JavaScript is answered with a redirect instead, which another
/// status would break. Pages set their own status when they show a refusal.
#[cfg(feature = "ssr")]
fn answer_with(refusal: &Refusal) {
    use crate::request::{Response, accepts_html};
    if !accepts_html() {
        Response::refuse(refusal);
    }
}

/// The response of a handler that is not a server function: status and JSON.
#[cfg(feature = "ssr")]
impl axum::response::IntoResponse for ApiError {
    fn into_response(self) -> axum::response::Response {
        let status = http::StatusCode::from_u16(self.0.status())
            .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        if let Some(seconds) = self.0.retry_after_s() {
            let headers = response.headers_mut();
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
