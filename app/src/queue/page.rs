//! `/concerts/:id/queue`.

use super::api::{JoinQueue, LeaveQueue};
use super::place::{Place, PlaceNow, page_title};
use super::use_queue_words;
use crate::concerts::{get_concert, use_concert_id};
use crate::error::ApiError;
use crate::forms::{Refusals, refusal_of};
use crate::i18n::use_words;
use crate::island;
use crate::layout::{PageMeta, title_text};
use crate::refresh::Refresh;
use crate::refused::Refused;
use crate::request::{services, session};
use crate::sharing::Shared;
use crate::template::{FragmentContext, Reader, Slot, TemplateRender};
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::Refusal;
use model::concerts::{Concert, ConcertId, ConcertView};
use model::queue::QueueView;
use std::sync::Arc;

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

/// Returns the standing of the page's reader.
pub(crate) async fn my_view(concert: ConcertId) -> Result<QueueView, ApiError> {
    Ok(services::admission::view(&services()?, session()?.account_id, concert).await?)
}

/// Loads the concert and the reader's standing. The standing is `None` in a template, where the
/// slots hold it.
async fn load(id: Option<ConcertId>) -> Result<(ConcertView, Option<QueueView>), ApiError> {
    let id = id.ok_or(ApiError(Refusal::NotFound))?;
    if TemplateRender::current().is_some() {
        return Ok((get_concert(id).await?, None));
    }
    let (concert, view) = futures::future::try_join(get_concert(id), my_view(id)).await?;
    Ok((concert, Some(view)))
}

#[component]
fn Standing(concert: ConcertView, view: Option<QueueView>) -> impl IntoView {
    let ConcertView {
        concert,
        server_time,
        ..
    } = concert;
    let description = (use_queue_words().queue_description)(&concert.title);
    let refusal = refusal_of::<JoinQueue>().or_else(refusal_of::<LeaveQueue>);
    // A place is private to its account: sharing or saving this page refers to the concert's page.
    let shared = Shared::concert(&concert, concert.phase(server_time), &description);
    let (title, place) = match (view, TemplateRender::current()) {
        (Some(view), _) => {
            let title = page_title(&view, &concert.title);
            let place = place_of(&concert)(view, server_time);
            (title, placed(place).into_any())
        }
        (None, template) => {
            let template = template.unwrap_or_default();
            fill_slots(&template, concert);
            let place = template.slot(Slot::Body);
            (template.slot(Slot::Title), place.into_any())
        }
    };
    view! {
        <PageMeta title description shared/>
        <Refusals refusal/>
        {place}
    }
}

/// Returns a function that builds the data of the place's island.
fn place_of(
    concert: &Concert,
) -> impl Fn(QueueView, DateTime<Utc>) -> PlaceNow + Send + Sync + use<> {
    let path = concert.path();
    let when = (use_words().date_time)(concert.starts_at);
    let (title, artist) = (concert.title.clone(), concert.artist.clone());
    let (venue, sale) = (concert.venue.clone(), concert.sale());
    move |view, server_time| PlaceNow {
        view,
        server_time,
        path: path.clone(),
        sale: sale.clone(),
        when: when.clone(),
        title: title.clone(),
        artist: artist.clone(),
        venue: venue.clone(),
    }
}

fn placed(place: PlaceNow) -> impl IntoView {
    island::with_data(PlaceNow::ISLAND, place, || view! { <Place/> })
}

/// Registers the values of the page's slots: the title, which includes the rank, and the place.
fn fill_slots(template: &TemplateRender, concert: Concert) {
    let Some(context) = FragmentContext::current() else {
        return;
    };
    let place = place_of(&concert);
    let shared = Arc::new((context, concert, place));
    template.fill_with(
        move |Reader {
                  services, session, ..
              }| {
            let shared = shared.clone();
            async move {
                let (context, concert, place) = &*shared;
                let view =
                    services::admission::look(&services, session.account_id, concert.id).await?;
                let now = services.clock.now();
                Ok(context.with(session.account_id, || {
                    let title = title_text(&page_title(&view, &concert.title));
                    let place = placed(place(view, now)).to_html();
                    vec![(Slot::Title, title), (Slot::Body, place)]
                }))
            }
        },
    );
}

/// Shown while the queue cannot be read. Nothing is lost, and the page reloads automatically.
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
