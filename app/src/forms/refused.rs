//! Why a form was refused.

use crate::error::ApiError;
use leptos::prelude::with_context;
use leptos::server_fn::ServerFn;
use model::Refusal;

/// The form that the page being answered was posted with, and why it was refused. The server puts it into the request's
/// extensions; nothing of it is in an address, so that no link can make a page say what did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedForm {
    /// What was called.
    pub path: String,
    pub refusal: Refusal,
}

impl RefusedForm {
    pub fn of_request() -> Option<RefusedForm> {
        with_context(|parts: &http::request::Parts| parts.extensions.get().cloned())?
    }
}

/// Why the form that calls `S` was refused, if this page is the answer to it.
pub fn refusal_of<S: ServerFn<Error = ApiError>>() -> Option<Refusal> {
    refusal_of_path(S::PATH)
}

/// The same for a form that is sent to this path.
pub fn refusal_of_path(path: &str) -> Option<Refusal> {
    let refused = RefusedForm::of_request()?;
    (refused.path == path).then_some(refused.refusal)
}
