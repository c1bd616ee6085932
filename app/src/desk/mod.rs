//! The organiser's desk: how a sale goes while it runs, and the ways to steer it.

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

/// The parts of the page that are read again every second. A part in which somebody is busy stays as it is.
#[cfg(feature = "hydrate")]
const LIVE_PARTS: [&str; 2] = ["desk-now", "desk-controls"];

/// The whole of it; has `data-stale` while it cannot be read.
const DESK: &str = "desk";
