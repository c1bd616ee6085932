//! Concerts that are being prepared: seen before they are saved, saved before they are public.

mod live;

#[cfg(feature = "ssr")]
mod api;
#[cfg(feature = "ssr")]
mod check;
#[cfg(feature = "ssr")]
mod parts;
#[cfg(feature = "ssr")]
mod words;

pub use live::{LivePreview, Looked, Wrong};

#[cfg(feature = "ssr")]
pub use api::{PreviewConcert, PublishConcert};
#[cfg(feature = "ssr")]
pub use check::{PREVIEW, Sketch, typed};
#[cfg(feature = "ssr")]
pub use parts::{DraftBox, PreviewPane};
#[cfg(feature = "ssr")]
use parts::{Preview, PreviewProps};
#[cfg(feature = "ssr")]
pub use words::{DraftWords, ENGLISH, KOREAN};

/// The concert's form, which is watched.
pub const CONCERT_FORM: &str = "concert-form";
/// Where the form is sent to be looked at.
#[cfg(any(feature = "hydrate", test))]
const LOOK: &str = "/api/preview_concert";
/// Where what buyers would see is shown.
const PREVIEW_PLACE: &str = "preview";
