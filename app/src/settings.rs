//! Configuration of the server that pages need.

/// Provided as context in every render and server function.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the public URL is HTTPS; cookies are then sent only over HTTPS.
    pub secure: bool,
    /// URL at which the site is reached, without a trailing slash.
    pub public_url: String,
}
