//! What visitors meet: pages, components, server functions and words. Rendered on the server, taken over in the browser.
//!
//! A feature is a folder: `api.rs` holds its server functions, the rest its pages and components.

// The views of Leptos are types as deep as the page is.
#![recursion_limit = "256"]

pub mod accounts;
mod address;
pub mod admin;
mod app;
mod clock;
pub mod concerts;
pub mod error;
pub mod forms;
pub mod i18n;
mod layout;
mod markup;
#[cfg(feature = "ssr")]
mod policy;
pub mod queue;
mod refused;
pub mod rehearsals;
#[cfg(feature = "ssr")]
pub mod request;
pub mod sessions;
pub mod settings;
#[cfg(feature = "ssr")]
mod shell;
pub mod tickets;

pub use app::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
