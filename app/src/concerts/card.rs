//! Card of a concert in a list, in the form of a ticket stub.

use super::poster::Poster;
use super::sale::PhaseBadge;
use crate::i18n::{thousands, use_words};
use crate::queue::use_queue_words;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::concerts::{Concert, Phase};

#[component]
pub fn ConcertCard(
    concert: Concert,
    now: DateTime<Utc>,
    /// Whether the card is below a second-level heading; its title is then a third-level one.
    within: bool,
) -> impl IntoView {
    let words = use_words();
    let (phase, path, left) = (concert.phase(now), concert.path(), concert.left());
    let foot = match phase {
        Phase::Upcoming => {
            view! { <span class="stub-opens">{(words.opens_at)(&(words.date_time)(concert.sale_opens_at))}</span> }
                .into_any()
        }
        Phase::Selling | Phase::Paused => view! {
            <span class="stub-left">
                <span class="figures">{thousands(left.into())}</span>" "{(use_queue_words().tickets_left_label)(left)}
            </span>
        }
        .into_any(),
        Phase::SoldOut => {
            view! { <span class="stub-opens">{use_queue_words().join_waiting_list}</span> }.into_any()
        }
        Phase::Over => ().into_any(),
    };
    let link = view! { <a href=path dir="auto">{concert.title}</a> };
    let title = match within {
        true => view! { <h3 class="poster-title">{link}</h3> }.into_any(),
        false => view! { <h2 class="poster-title">{link}</h2> }.into_any(),
    };
    view! {
        <li class="stub" class:stub--past=matches!(phase, Phase::SoldOut | Phase::Over)>
            <Poster id=concert.id genre=concert.genre uploaded=concert.poster>
                <p class="poster-artist"><bdi>{concert.artist}</bdi></p>
                {title}
            </Poster>
            <div class="stub-body">
                <p class="stub-when">{(words.date_time)(concert.starts_at)}</p>
                <p class="stub-where"><bdi>{concert.venue}</bdi></p>
                <p class="stub-price"><span>{(words.genre_name)(concert.genre)}</span><span>{(words.won)(concert.price_won)}</span></p>
            </div>
            <div class="stub-foot">
                <PhaseBadge phase=phase/>
                {foot}
            </div>
        </li>
    }
}
