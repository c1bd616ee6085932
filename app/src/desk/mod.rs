//! The organiser's dashboard: how a sale is going, and the controls to steer it.

mod live;

#[cfg(feature = "ssr")]
mod api;
#[cfg(feature = "ssr")]
mod controls;
#[cfg(feature = "ssr")]
mod figures;
#[cfg(feature = "ssr")]
mod find;
#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod plot;
#[cfg(feature = "ssr")]
mod words;

#[cfg(feature = "ssr")]
pub use api::{DeskViewQuery, SetCapacity, SetPace};
#[cfg(feature = "ssr")]
pub use page::DeskPage;
#[cfg(feature = "ssr")]
pub(crate) use page::path;
#[cfg(feature = "ssr")]
pub(crate) use words::{DeskWords, ENGLISH, KOREAN};

/// Ids of the parts of the page that are refreshed every second. A part that is in use is left
/// unchanged.
#[cfg(feature = "hydrate")]
const LIVE_PARTS: [&str; 2] = ["desk-now", "desk-controls"];

/// Id of the whole dashboard, which has the attribute `data-stale` while it cannot be refreshed.
const DESK: &str = "desk";
