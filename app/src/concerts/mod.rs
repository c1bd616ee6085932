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
    CreateConcert, GetConcert, ListConcertSections, ListConcerts, SaleChanges, SteerSale,
    UpdateConcert, get_concert,
};
#[cfg(feature = "ssr")]
pub use calendar::calendar;
#[cfg(feature = "ssr")]
pub use card::ConcertCard;
#[cfg(feature = "ssr")]
pub use form::{EditConcertPage, NewConcertPage};
#[cfg(feature = "ssr")]
pub use list::HomePage;
#[cfg(feature = "ssr")]
pub use page::{ConcertPage, Facts, use_concert_id};
#[cfg(feature = "ssr")]
pub use poster::Poster;
#[cfg(feature = "ssr")]
pub(crate) use poster::{Art, art};
#[cfg(feature = "ssr")]
pub(crate) use steering::SALE_CONTROL;
#[cfg(feature = "ssr")]
pub use words::{BrowseWords, ENGLISH, KOREAN};
