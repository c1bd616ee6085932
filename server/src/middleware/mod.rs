//! What every request passes through, outermost last: sessions, forms, origin.

pub mod caching;
pub mod forms;
pub mod origin;
pub mod refusals;
pub mod sessions;
