//! `/concerts/:id`: one concert in detail, and the way into its queue.

use super::api::get_concert;
use super::poster::{ON_ITS_PAGE, Poster};
use super::steering::{Control, SaleControl};
use crate::drafts::DraftBox;
use crate::error::ApiError;
use crate::forms::{Refusals, refusal_of};
use crate::i18n::use_words;
use crate::island;
use crate::layout::PageMeta;
use crate::queue::{JoinQueue, SaleBox, SaleNow};
use crate::refused::Refused;
use crate::request::Response;
use crate::sessions::{Viewer, log_in_path, viewer};
use crate::sharing::{Shared, ascii};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::Refusal;
use model::concerts::{Concert, ConcertId, ConcertView, Phase, concert_segment, parse_segment};

/// Returns the concert that the address names; a title after its id is ignored.
pub fn use_concert_id() -> Option<ConcertId> {
    use_params_map().with_untracked(|params| parse_segment(params.get_str("id")?))
}

#[component]
pub fn ConcertPage() -> impl IntoView {
    let id = use_concert_id();
    let named = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let both = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense>
            {move || {
                let named = named.clone();
                Suspend::new(async move {
                    match both.await {
                        Ok((view, control)) => {
                            lead_on(&named, &view.concert);
                            view! { <Details view control/> }.into_any()
                        }
                        Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

/// Redirects permanently to the concert's address if the title in the current one is not, or no
/// longer, that of the concert. The id alone is accepted, since forms and scripts link to it.
fn lead_on(named: &str, concert: &Concert) {
    if named != concert.id.to_string() && named != concert_segment(concert.id, &concert.title) {
        Response::moved(&ascii(&concert.path()));
    }
}

/// Loads the concert and, if the account may edit it, the controls of its sale.
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
fn Details(view: ConcertView, control: Option<Control>) -> impl IntoView {
    let words = use_words();
    let ConcertView {
        concert,
        server_time,
        ..
    } = view;
    let phase = concert.phase(server_time);
    // `Viewer::Unknown` means that the stores are unavailable and the session cannot be checked.
    // The join button is shown, and joining checks the session again.
    let log_in = match viewer() {
        Viewer::Stranger => Some(log_in_path(&format!("/concerts/{}", concert.id))),
        Viewer::Member { .. } | Viewer::Unknown => None,
    };
    let refusal = refusal_of::<JoinQueue>();
    let holds = refusal == Some(Refusal::HoldsTicket);
    let when = (words.date_time)(concert.starts_at);
    let description =
        (words.concert_description)(&concert.title, &concert.artist, &concert.venue, &when);
    let shared = Shared::concert(&concert, phase, &description);
    let paragraphs = concert
        .description
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| view! { <p><bdi>{line.to_owned()}</bdi></p> })
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
    let now = SaleNow {
        sale: concert.sale(),
        server_time,
        log_in,
    };
    let for_control = concert.clone();
    let (id, draft) = (concert.id, concert.draft);
    view! {
        <PageMeta title=concert.title.clone() description shared/>
        <article class="concert">
            <div class="concert-poster">
                <Poster id=concert.id genre=concert.genre uploaded=concert.poster.clone() sizes=ON_ITS_PAGE>
                    <p class="poster-artist"><bdi>{artist}</bdi></p>
                    <h1 class="poster-title"><bdi>{title}</bdi></h1>
                </Poster>
            </div>
            <div class="concert-sale">
                <Refusals refusal/>
                {holds.then(|| view! { <p class="notice-ways"><a class="button" href="/tickets">{words.my_tickets}</a></p> })}
                {match draft {
                    // A draft cannot be joined.
                    true => view! { <DraftBox id/> }.into_any(),
                    false => island::with_data(SaleNow::ISLAND, now, || view! { <SaleBox/> }).into_any(),
                }}
                {(!draft && phase == Phase::Upcoming).then(|| view! {
                    <p class="join-place"><a href=format!("/concerts/{id}/sale.ics")>{words.tickets.remind_me}</a></p>
                })}
            </div>
            <div class="concert-body">
                <section class="glance">
                    {view! { <Facts concert/> }.into_any()}
                    {control.map(|control| view! { <SaleControl concert=for_control control phase/> }.into_any())}
                </section>
                {about}
            </div>
        </article>
    }
}

#[component]
pub fn Facts(concert: Concert) -> impl IntoView {
    let words = use_words();
    // A draft is not offered as a calendar event.
    let calendar = (!concert.draft).then(|| {
        let address = format!("/concerts/{}/concert.ics", concert.id);
        view! { <dd><a href=address>{words.tickets.add_to_calendar}</a></dd> }
    });
    view! {
        <h2>{words.facts}</h2>
        <dl class="facts">
            <div>
                <dt>{words.when}</dt>
                <dd>{(words.period)(concert.starts_at, concert.ends_at)}</dd>
                {calendar}
            </div>
            <div><dt>{words.venue}</dt><dd><bdi>{concert.venue}</bdi></dd></div>
            <div><dt>{words.genre}</dt><dd>{(words.genre_name)(concert.genre)}</dd></div>
            <div><dt>{words.running_time}</dt><dd>{(words.minutes)(concert.running_minutes)}</dd></div>
            <div><dt>{words.price}</dt><dd>{(words.won)(concert.price_won)}</dd></div>
            <div><dt>{words.sale_opens}</dt><dd>{(words.date_time)(concert.sale_opens_at)}</dd></div>
            <div><dt>{words.capacity}</dt><dd>{crate::i18n::thousands(concert.capacity.into())}</dd></div>
        </dl>
    }
}
