//! Why a form was refused.

use crate::error::ApiError;
use leptos::prelude::with_context;
use leptos::server_fn::ServerFn;
use model::Refusal;

/// The form whose submission the page answers, and why it was refused. The server puts it into the
/// request extensions. Nothing is in the address, so that no link can make a page report something
/// that did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedForm {
    /// Path of the server function that was called.
    pub path: String,
    pub refusal: Refusal,
}

impl RefusedForm {
    pub fn of_request() -> Option<RefusedForm> {
        with_context(|parts: &http::request::Parts| parts.extensions.get().cloned())?
    }
}

/// Returns why the form that calls `S` was refused, if this page answers it.
pub fn refusal_of<S: ServerFn<Error = ApiError>>() -> Option<Refusal> {
    refusal_of_path(S::PATH)
}

/// Like [`refusal_of`], for a form that is sent to `path`.
pub fn refusal_of_path(path: &str) -> Option<Refusal> {
    let refused = RefusedForm::of_request()?;
    (refused.path == path).then_some(refused.refusal)
}
