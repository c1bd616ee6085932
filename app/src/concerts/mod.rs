//! Concerts: the list, one concert, the organiser's form.

mod api;
mod card;
mod form;
mod list;
mod page;
mod poster;
mod sale;
mod steering;

pub use api::{
    CreateConcert, GetConcert, ListConcerts, SaleChanges, SteerSale, UpdateConcert, get_concert,
};
pub use form::{EditConcertPage, NewConcertPage};
pub use list::HomePage;
pub use page::{ConcertPage, use_concert_id};
pub use poster::Poster;
pub use sale::Countdown;
