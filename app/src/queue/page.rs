//! `/concerts/:id/queue`.

use super::api::{JoinQueue, LeaveQueue};
use super::place::{Place, PlaceNow, page_title};
use super::use_queue_words;
use crate::concerts::{get_concert, use_concert_id};
use crate::error::ApiError;
use crate::forms::{Refusals, refusal_of};
use crate::i18n::use_words;
use crate::island;
use crate::layout::PageMeta;
use crate::refresh::Refresh;
use crate::refused::Refused;
use crate::request::{services, session};
use crate::sharing::Shared;
use leptos::prelude::*;
use model::Refusal;
use model::concerts::{ConcertId, ConcertView};
use model::queue::QueueView;

#[component]
pub fn QueuePage() -> impl IntoView {
    let id = use_concert_id();
    let both = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match both.await {
                    Ok((concert, view)) => view! { <Standing concert view/> }.into_any(),
                    Err(ApiError(Refusal::Unavailable)) => view! { <OneMoment/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Where the reader of the page stands.
pub(crate) async fn my_view(concert: ConcertId) -> Result<QueueView, ApiError> {
    Ok(services::queue::view(&services()?, session()?.account_id, concert).await?)
}

async fn load(id: Option<ConcertId>) -> Result<(ConcertView, QueueView), ApiError> {
    let id = id.ok_or(ApiError(Refusal::NotFound))?;
    futures::future::try_join(get_concert(id), my_view(id)).await
}

#[component]
fn Standing(concert: ConcertView, view: QueueView) -> impl IntoView {
    let ConcertView {
        concert,
        server_time,
        ..
    } = concert;
    let title = page_title(&view, &concert.title);
    let description = (use_queue_words().queue_description)(&concert.title);
    let refusal = refusal_of::<JoinQueue>().or_else(refusal_of::<LeaveQueue>);
    // A place is its owner's alone: whoever shares this page, or keeps it, has the concert's.
    let shared = Shared::concert(&concert, concert.phase(server_time), &description);
    let now = PlaceNow {
        view,
        server_time,
        path: concert.path(),
        sale: concert.sale(),
        when: (use_words().date_time)(concert.starts_at),
        title: concert.title,
        artist: concert.artist,
        venue: concert.venue,
    };
    view! {
        <PageMeta title description shared/>
        <Refusals refusal/>
        {island::with_data(PlaceNow::ISLAND, now, || view! { <Place/> })}
    }
}

/// The queue cannot be read just now; nothing is lost, and the page comes back by itself.
#[component]
fn OneMoment() -> impl IntoView {
    let words = use_queue_words();
    crate::request::Response::refuse(&Refusal::Unavailable);
    view! {
        <PageMeta title=words.one_moment description=words.one_moment_hint/>
        <section class="notice" data-testid="standing" data-standing="one_moment">
            <h1>{words.one_moment}</h1>
            <p>{words.one_moment_hint}</p>
            <p><a class="button button--main" href="">{use_words().try_again}</a></p>
            <Refresh/>
        </section>
    }
}
