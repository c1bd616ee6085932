//! What is done in two stores must not stop halfway.

use crate::{Error, Result};

/// Goes on when whoever asked has hung up.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}
