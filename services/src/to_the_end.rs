//! Work in both stores must not stop halfway.

use crate::{Error, Result};

/// Runs the work to completion, even if the caller is cancelled because its client disconnected.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}
