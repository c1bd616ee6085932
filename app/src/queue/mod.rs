//! The queue of one concert: joining, the exact place, live, and leaving.

mod api;
mod bell;
mod join;
mod place;
mod sparkline;
mod waiting;
mod words;

#[cfg(any(feature = "hydrate", test))]
mod announcing;
#[cfg(feature = "hydrate")]
mod asking;
#[cfg(feature = "ssr")]
mod held;
#[cfg(feature = "hydrate")]
mod live;
#[cfg(feature = "hydrate")]
mod one_stream;
#[cfg(feature = "ssr")]
mod outsets;
#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod polling;
#[cfg(feature = "ssr")]
mod seats;
#[cfg(feature = "ssr")]
mod stream;
#[cfg(feature = "hydrate")]
mod taking;
#[cfg(feature = "hydrate")]
mod telling;
#[cfg(feature = "hydrate")]
mod upcoming;
#[cfg(feature = "hydrate")]
mod wire;

pub use api::{JoinQueue, LeaveQueue};
pub use join::{SaleBox, SaleNow};
pub use words::{QueueWords, use_queue_words};

#[cfg(feature = "ssr")]
pub use api::{ListPlaces, list_places};
#[cfg(feature = "ssr")]
pub use held::HeldPlaces;
#[cfg(feature = "ssr")]
pub use page::QueuePage;
#[cfg(feature = "ssr")]
pub(crate) use page::my_view;
#[cfg(feature = "ssr")]
pub use polling::queue_view;
#[cfg(feature = "ssr")]
pub use seats::Seats;
#[cfg(feature = "ssr")]
pub use stream::queue_stream;

/// Path at which a place is read.
pub const QUEUE_VIEW: &str = "/api/queue_view";

/// Path at which a concert is read.
#[cfg(any(feature = "hydrate", test))]
const GET_CONCERT: &str = "/api/get_concert";

/// How the page is connected to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The page is as it was rendered; the connection is not known yet.
    Opening,
    Live,
    Reconnecting,
    /// There is no stream; the place is polled every few seconds.
    Polling,
    /// The device has no network.
    Offline,
    /// The queue cannot move on: a store is unavailable, or the queue is being built.
    OneMoment,
}

impl Link {
    fn name(self) -> &'static str {
        match self {
            Link::Opening => "opening",
            Link::Live => "live",
            Link::Reconnecting => "reconnecting",
            Link::Polling => "polling",
            Link::Offline => "offline",
            Link::OneMoment => "onemoment",
        }
    }

    /// Returns the text about what is wrong, or `None` while nothing is.
    fn trouble(self, words: &QueueWords) -> Option<&'static str> {
        match self {
            Link::Opening | Link::Live => None,
            Link::Reconnecting => Some(words.reconnecting),
            Link::Polling => Some(words.polling),
            Link::Offline => Some(words.offline),
            Link::OneMoment => Some(words.one_moment_hint),
        }
    }
}

/// Returns a random number of milliseconds below `most`, so that browsers do not all send requests
/// at once.
#[cfg(feature = "hydrate")]
pub fn jitter(most: u32) -> u64 {
    (js_sys::Math::random() * f64::from(most)) as u64
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::GET_CONCERT;
    use crate::concerts::GetConcert;
    use leptos::server_fn::ServerFn;

    #[test]
    fn the_browser_asks_where_the_server_answers() {
        assert_eq!(GetConcert::PATH, GET_CONCERT);
    }
}
