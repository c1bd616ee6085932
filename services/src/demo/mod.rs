//! The demo: believable concerts, and a crowd that queues for them.

mod catalogue;
mod crowd;

pub use catalogue::load;
pub use crowd::run as run_crowd;
