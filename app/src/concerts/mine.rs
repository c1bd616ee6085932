//! `/concerts/mine`: an organiser's concerts, with links to the desk and the form of each.

use super::api::list_my_concerts;
use super::sale::PhaseBadge;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::use_queue_words;
use crate::refused::Refused;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::concerts::{Concert, MyConcerts, Phase};

#[component]
pub fn MyConcertsPage() -> impl IntoView {
    let concerts = Resource::new(|| (), |()| list_my_concerts());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match concerts.await {
                    Ok(mine) => view! { <Mine mine/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Mine(mine: MyConcerts) -> impl IntoView {
    let words = use_words();
    let none = mine.concerts.is_empty();
    let concerts = mine
        .concerts
        .into_iter()
        .map(|concert| view! { <One concert now=mine.server_time/> })
        .collect_view();
    view! {
        <PageMeta title=words.my_concerts.to_owned() description=words.my_concerts.to_owned()/>
        <section class="mine">
            <div class="mine-head">
                <h1>{words.my_concerts}</h1>
                <a class="button button--main" href="/concerts/new">{words.new_concert}</a>
            </div>
            {none.then(|| view! { <p class="lead">{words.browse.none_made}</p> })}
            <ul class="mine-list">{concerts}</ul>
        </section>
    }
}

#[component]
fn One(concert: Concert, now: DateTime<Utc>) -> impl IntoView {
    let (words, said) = (use_words(), use_queue_words());
    let (id, draft, phase, path) = (
        concert.id,
        concert.draft,
        concert.phase(now),
        concert.path(),
    );
    let heading = format!("mine-{id}");
    let badge = match draft {
        true => view! { <span class="badge badge--held">{words.drafts.draft}</span> }.into_any(),
        false => view! { <PhaseBadge phase/> }.into_any(),
    };
    let stands = match draft || phase == Phase::Upcoming {
        true => (words.opens_at)(&(words.date_time)(concert.sale_opens_at)),
        false => format!(
            "{} · {}",
            (said.tickets_left)(concert.left().into()),
            (said.out_of)(concert.capacity.into())
        ),
    };
    // The label of each link includes the concert's title: in a screen reader, links that are all
    // called "Edit" are indistinguishable.
    let way = |part: &str, to: String, label: &'static str| {
        let own = format!("{heading}-{part}");
        view! { <a class="button" href=to id=own.clone() aria-labelledby=format!("{own} {heading}")>{label}</a> }
    };
    view! {
        <li class="mine-one" data-testid="my-concert">
            <div>
                <h2 id=heading.clone()><a href=path dir="auto">{concert.title}</a></h2>
                <p class="quietly"><bdi>{concert.artist}</bdi>" · "{(words.date_time)(concert.starts_at)}</p>
                <p>{badge}" "{stands}</p>
            </div>
            <p class="mine-ways">
                {(!draft).then(|| way("desk", crate::desk::path(id), words.desk.link))}
                {way("edit", format!("/concerts/{id}/edit"), words.edit)}
            </p>
        </li>
    }
}
