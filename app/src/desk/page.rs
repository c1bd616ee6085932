//! `/concerts/:id/desk`.

use super::DESK;
use super::api::{SetCapacity, SetPace, desk_view};
use super::controls::Controls;
use super::figures::Figures;
use super::find::{FindTicket, TICKET, typed};
use super::live::KeepTrue;
use super::plot::Plots;
use crate::concerts::{SALE_CONTROL, SteerSale, get_concert, use_concert_id};
use crate::error::ApiError;
use crate::forms::{FormContext, Refusals, refusal_of};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::use_queue_words;
use crate::refused::Refused;
use crate::tickets::find_tickets;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::Refusal;
use model::concerts::{Concert, ConcertId, Phase};
use model::desk::DeskView;
use model::tickets::IssuedTicket;

/// Returns the path of a concert's dashboard.
pub(crate) fn path(id: ConcertId) -> String {
    format!("/concerts/{id}/desk")
}

#[component]
pub fn DeskPage() -> impl IntoView {
    let id = use_concert_id();
    let asked = use_query_map().with_untracked(|query| typed(query.get_str(TICKET)));
    let all = Resource::new(|| (), move |()| load(id, asked.clone()));
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match all.await {
                    Ok((concert, view, found)) => view! { <Desk concert view found/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Checks the permission first, in `desk_view`: for other callers nothing else is loaded.
async fn load(
    id: Option<ConcertId>,
    asked: Option<String>,
) -> Result<(Concert, DeskView, Option<Found>), ApiError> {
    let id = id.ok_or(ApiError(Refusal::NotFound))?;
    let view = desk_view(id).await?;
    let found = match asked {
        Some(asked) => Some((asked.clone(), find_tickets(id, asked).await?)),
        None => None,
    };
    Ok((get_concert(id).await?.concert, view, found))
}

/// What was searched for, and the tickets found.
type Found = (String, Vec<IssuedTicket>);

#[component]
fn Desk(concert: Concert, view: DeskView, found: Option<Found>) -> impl IntoView {
    let words = &use_words().desk;
    let refusal = refusal_of::<SteerSale>()
        .or_else(refusal_of::<SetPace>)
        .or_else(refusal_of::<SetCapacity>);
    provide_context(FormContext::new(refusal.clone()));
    let title = (words.title)(&concert.title);
    let (concert_path, record) = (
        format!("/concerts/{}", concert.id),
        format!("/concerts/{}#{SALE_CONTROL}", concert.id),
    );
    view! {
        <PageMeta title description=words.description.to_owned()/>
        <section class="desk" id=DESK aria-labelledby="desk-title">
            <div class="desk-head">
                <h1 id="desk-title"><bdi>{concert.title}</bdi></h1>
                <p class="desk-ways">
                    <a href=concert_path>{use_queue_words().back_to_concert}</a>
                    <a href=record>{words.record}</a>
                </p>
            </div>
            <Refusals refusal/>
            <p class="desk-stale" role="status">{words.stale}</p>
            <div class="desk-now" id="desk-now" data-testid="desk-now">
                {view! { <State view=view.clone()/> }.into_any()}
                {view! { <Figures view=view.clone()/> }.into_any()}
                {view! { <Plots course=view.course.clone()/> }.into_any()}
            </div>
            <div class="desk-controls" id="desk-controls" data-testid="desk-controls">
                <Controls view/>
            </div>
            {view! { <FindTicket id=concert.id found/> }.into_any()}
            <KeepTrue/>
        </section>
    }
}

/// The phase of the sale, its maximum pace, and the time of all figures.
#[component]
fn State(view: DeskView) -> impl IntoView {
    let words = use_words();
    let badge = match view.phase {
        Phase::Selling => "badge badge--now",
        Phase::Upcoming | Phase::SoldOut => "badge",
        Phase::Paused => "badge badge--held",
        Phase::Over => "badge badge--past",
    };
    let time = view.server_time.with_timezone(&model::time::kst());
    view! {
        <p class="desk-state">
            <span class=badge data-testid="desk-phase">{(use_queue_words().phase_name)(view.phase)}</span>
            <span>{(words.pace)(view.batch_size, view.interval_ms)}</span>
            <span class="quietly desk-time">{(words.desk.as_of)(&time.format("%H:%M:%S").to_string())}</span>
            <noscript><a href="">{words.desk.read_again}</a></noscript>
        </p>
    }
}
