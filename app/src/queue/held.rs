//! Links to the places that the account has.

use super::use_queue_words;
use crate::i18n::use_words;
use leptos::prelude::*;
use model::queue::HeldPlace;

#[component]
pub fn HeldPlaces(places: Vec<HeldPlace>) -> impl IntoView {
    let words = use_words();
    let places = places
        .into_iter()
        .map(|HeldPlace { concert, arrival }| {
            let joined = arrival.instant().map(|at| (words.joined_at)(&(words.date_time)(at)));
            let (to, id) = (format!("/concerts/{}/queue", concert.id), format!("place-{}", concert.id));
            let label = format!("{id}-see {id}");
            view! {
                <li class="held">
                    <h3 id=id.clone()><bdi>{concert.title}</bdi></h3>
                    <p><bdi>{concert.artist}</bdi>" · "<bdi>{concert.venue}</bdi></p>
                    <p class="quietly">{joined}</p>
                    <a class="button button--main" href=to id=format!("{id}-see") aria-labelledby=label>
                        {use_queue_words().see_my_place}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="held-places" aria-labelledby="places-title" data-testid="places">
            <h2 id="places-title">{words.in_line}</h2>
            <ul>{places}</ul>
        </section>
    }
}
