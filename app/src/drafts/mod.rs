//! Drafts: concerts that are previewed before they are saved, and saved before they are public.

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

/// Id of the concert's form, which is watched.
pub const CONCERT_FORM: &str = "concert-form";
/// Path that the form is sent to for checking.
#[cfg(any(feature = "hydrate", test))]
const LOOK: &str = "/api/preview_concert";
/// Id of the element that shows the preview.
const PREVIEW_PLACE: &str = "preview";
