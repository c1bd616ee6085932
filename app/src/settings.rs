//! What the pages need to know of the server's configuration.

/// Provided as context in every render and server function.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the public address is https: cookies are then sent over it only.
    pub secure: bool,
    /// Where the site is reached, without a slash at the end.
    pub public_url: String,
}
