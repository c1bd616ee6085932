//! Posters that organisers upload.

mod api;
mod form;
mod picture;
mod upload;
mod words;

pub use api::RemovePoster;
pub use form::PosterForm;
pub use picture::picture;
pub use upload::upload_route;
pub use words::{ENGLISH, KOREAN, PosterWords};

/// Id of the form on its page; the browser is redirected to it.
const POSTER_FORM: &str = "poster-form";

/// Path that the form with the file is sent to.
pub const UPLOAD_POSTER: &str = "/api/upload_poster";
