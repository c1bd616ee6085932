//! The web interface: pages, components, server functions and texts.
//!
//! Each feature is a folder: `api.rs` has its server functions, the other files its pages and
//! components. Pages are rendered on the server and do not change afterwards, except for the
//! islands in them (`#[island]`). Only islands and what they are made of are compiled for the
//! browser.

// The types of Leptos views are nested as deeply as the page.
#![recursion_limit = "256"]

mod clock;
pub mod concerts;
pub mod desk;
pub mod drafts;
pub mod error;
pub mod forms;
pub mod i18n;
mod island;
mod markup;
pub mod queue;
pub mod refresh;

#[cfg(feature = "ssr")]
pub mod accounts;
#[cfg(feature = "ssr")]
mod address;
#[cfg(feature = "ssr")]
pub mod admin;
#[cfg(feature = "ssr")]
mod app;
#[cfg(feature = "ssr")]
mod layout;
#[cfg(feature = "ssr")]
mod policy;
#[cfg(feature = "ssr")]
pub mod posters;
#[cfg(feature = "ssr")]
mod refused;
#[cfg(feature = "ssr")]
pub mod rehearsals;
#[cfg(feature = "ssr")]
pub mod request;
#[cfg(feature = "ssr")]
pub mod sessions;
#[cfg(feature = "ssr")]
pub mod settings;
#[cfg(feature = "ssr")]
pub mod sharing;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
pub mod template;
#[cfg(feature = "ssr")]
pub mod theme;
#[cfg(feature = "ssr")]
pub mod tickets;

#[cfg(feature = "ssr")]
pub use app::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
