//! Concerts: the list, one concert, the organiser's form.

mod sale;
mod search;

#[cfg(feature = "ssr")]
mod api;
#[cfg(feature = "ssr")]
mod calendar;
#[cfg(feature = "ssr")]
mod card;
#[cfg(feature = "ssr")]
mod filters;
#[cfg(feature = "ssr")]
mod form;
#[cfg(feature = "ssr")]
mod list;
#[cfg(feature = "ssr")]
mod mine;
#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod poster;
#[cfg(feature = "ssr")]
mod steering;
#[cfg(feature = "ssr")]
mod words;

pub use sale::{Countdown, PhaseBadge};

#[cfg(feature = "ssr")]
pub use api::{
    CreateConcert, GetConcert, ListConcertSections, ListConcerts, ListMyConcerts, SaleChanges,
    SteerSale, UpdateConcert, get_concert,
};
#[cfg(feature = "ssr")]
pub use calendar::{calendar, opening};
#[cfg(feature = "ssr")]
pub use card::ConcertCard;
#[cfg(feature = "ssr")]
pub use form::{EditConcertPage, NewConcertPage};
#[cfg(feature = "ssr")]
pub use list::HomePage;
#[cfg(feature = "ssr")]
pub use mine::MyConcertsPage;
#[cfg(feature = "ssr")]
pub use page::{ConcertPage, Facts, use_concert_id};
#[cfg(feature = "ssr")]
pub use poster::Poster;
#[cfg(feature = "ssr")]
pub(crate) use poster::{Art, Frame, art};
#[cfg(feature = "ssr")]
pub(crate) use steering::{SALE_CONTROL, Turn};
#[cfg(feature = "ssr")]
pub use words::{BrowseWords, ENGLISH, KOREAN};

/// A concert for tests.
#[cfg(all(test, feature = "ssr"))]
pub(crate) fn example() -> model::concerts::Concert {
    let starts_at = chrono::DateTime::from_timestamp(1_795_257_000, 0).unwrap_or_default();
    model::concerts::Concert {
        id: model::concerts::ConcertId(14),
        title: "Night Boat".to_owned(),
        artist: "Low Tide".to_owned(),
        genre: model::concerts::Genre::Indie,
        venue: "노들섬 라이브하우스, 서울".to_owned(),
        starts_at,
        ends_at: starts_at + chrono::TimeDelta::hours(2),
        running_minutes: 120,
        price_won: 44_000,
        description: String::new(),
        capacity: 40,
        issued: 0,
        sale_opens_at: starts_at,
        state: model::concerts::SaleState::Open,
        batch_size: 10,
        interval_ms: 1000,
        poster: None,
        draft: false,
    }
}
