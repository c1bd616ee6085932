//! `/concerts/:id`: everything about one concert, and the way into its queue.

use super::api::{SteerSale, get_concert};
use super::poster::Poster;
use super::sale::PhaseBadge;
use super::steering::{Control, SaleControl};
use crate::clock::use_server_clock;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::JoinBox;
use crate::refused::Refused;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::Refusal;
use model::concerts::{ConcertId, ConcertView};

/// The concert that the address names, if it is a number at all.
pub fn use_concert_id() -> Memo<Option<ConcertId>> {
    let params = use_params_map();
    Memo::new(move |_| {
        params.with(|p| {
            p.get_str("id")
                .and_then(|id| id.parse().ok())
                .map(ConcertId)
        })
    })
}

#[component]
pub fn ConcertPage() -> impl IntoView {
    let id = use_concert_id();
    let steer = ServerAction::<SteerSale>::new();
    let both = Resource::new(
        move || (id.get(), steer.version().get()),
        |(id, _)| load(id),
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match both.await {
                    Ok((view, control)) => view! { <Details view control steer/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// The concert, and the controls of its sale for whoever may edit it.
async fn load(id: Option<ConcertId>) -> Result<(ConcertView, Option<Control>), ApiError> {
    let id = id.ok_or(ApiError(Refusal::NotFound))?;
    let view = get_concert(id).await?;
    let control = match view.editable {
        true => Some(Control::load(&view).await?),
        false => None,
    };
    Ok((view, control))
}

#[component]
fn Details(
    view: ConcertView,
    control: Option<Control>,
    steer: ServerAction<SteerSale>,
) -> impl IntoView {
    let words = use_words();
    let ConcertView {
        concert,
        server_time,
        ..
    } = view;
    let now = use_server_clock(server_time);
    let phase = Memo::new({
        let concert = concert.clone();
        move |_| concert.phase(now.get())
    });
    let when = (words.date_time)(concert.starts_at);
    let description =
        (words.concert_description)(&concert.title, &concert.artist, &concert.venue, &when);
    let paragraphs = concert
        .description
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| view! { <p>{line.to_owned()}</p> })
        .collect_view();
    let about = (!concert.description.trim().is_empty()).then(|| {
        view! {
            <section class="about">
                <h2>{words.about_concert}</h2>
                {paragraphs}
            </section>
        }
    });
    let (artist, title) = (concert.artist.clone(), concert.title.clone());
    let (for_queue, for_control) = (concert.clone(), concert.clone());
    view! {
        <PageMeta title=concert.title.clone() description/>
        <article class="concert">
            <div class="concert-poster">
                <Poster id=concert.id genre=concert.genre>
                    <p class="poster-artist">{artist}</p>
                    <h1 class="poster-title">{title}</h1>
                </Poster>
            </div>
            <div class="concert-sale">
                <p class="concert-phase"><PhaseBadge phase=phase/></p>
                <JoinBox concert=for_queue now phase/>
            </div>
            <div class="concert-body">
                <section class="glance">
                    <h2>{words.facts}</h2>
                    <dl class="facts">
                        <div><dt>{words.when}</dt><dd>{(words.period)(concert.starts_at, concert.ends_at)}</dd></div>
                        <div><dt>{words.venue}</dt><dd>{concert.venue}</dd></div>
                        <div><dt>{words.genre}</dt><dd>{(words.genre_name)(concert.genre)}</dd></div>
                        <div><dt>{words.running_time}</dt><dd>{(words.minutes)(concert.running_minutes)}</dd></div>
                        <div><dt>{words.price}</dt><dd>{(words.won)(concert.price_won)}</dd></div>
                        <div><dt>{words.sale_opens}</dt><dd>{(words.date_time)(concert.sale_opens_at)}</dd></div>
                        <div><dt>{words.capacity}</dt><dd>{crate::i18n::thousands(concert.capacity.into())}</dd></div>
                    </dl>
                    {control.map(|control| view! { <SaleControl concert=for_control control phase steer/> }.into_any())}
                </section>
                {about}
            </div>
        </article>
    }
}
