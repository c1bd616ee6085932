//! The queue of one concert: joining, one's exact place, live, and leaving.

mod api;
mod join;
#[cfg(feature = "hydrate")]
mod live;
mod page;
#[cfg(feature = "ssr")]
mod seats;
mod sparkline;
mod standing;
#[cfg(feature = "ssr")]
mod stream;
mod waiting;

pub use api::{JoinQueue, LeaveQueue, QueueViewQuery, queue_view};
pub use join::JoinBox;
pub use page::QueuePage;
#[cfg(feature = "ssr")]
pub use seats::Seats;
#[cfg(feature = "ssr")]
pub use stream::queue_stream;

/// How the page is connected to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// As the page was rendered; nothing is known yet.
    Opening,
    Live,
    Reconnecting,
    /// The stream cannot be had: the place is asked for every few seconds.
    Polling,
    /// The queue itself is being put in order.
    OneMoment,
}

/// Some milliseconds below `most`, so that browsers do not all come at once.
#[cfg(feature = "hydrate")]
pub fn jitter(most: u32) -> u64 {
    (js_sys::Math::random() * f64::from(most)) as u64
}
