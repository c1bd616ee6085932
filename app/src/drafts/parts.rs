//! Components for a concert that is being prepared.

use super::check::NEW;
use super::{CONCERT_FORM, LivePreview, PREVIEW_PLACE, PreviewConcert, PublishConcert, Sketch};
use crate::concerts::{ConcertCard, Countdown, Facts, PhaseBadge, Poster};
use crate::forms::{Refusals, SecondThought, SubmitButton, form_action, refusal_of};
use crate::i18n::{thousands, use_words};
use crate::queue::use_queue_words;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::concerts::{Concert, ConcertId, Phase};

/// The notice that the draft is not public, and the control to publish it.
#[component]
pub fn DraftBox(id: ConcertId) -> impl IntoView {
    let words = &use_words().drafts;
    let refusal = refusal_of::<PublishConcert>();
    view! {
        <section class="draft-box" aria-labelledby="draft-title" data-testid="draft">
            <h2 id="draft-title"><span class="badge badge--held">{words.draft}</span></h2>
            <p>{words.hint}</p>
            <Refusals refusal/>
            <SecondThought summary=words.publish sure=words.publish_hint class="button">
                <form method="post" action=form_action(PublishConcert::PATH)>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <SubmitButton words=words.publish_confirm/>
                </form>
            </SecondThought>
        </section>
    }
}

/// The preview beside the form. It is updated while the user types, and without JavaScript by a
/// button.
#[component]
pub fn PreviewPane(sketch: Option<Sketch>) -> impl IntoView {
    let words = &use_words().drafts;
    view! {
        <aside class="prepare-preview" aria-labelledby="preview-title">
            <h2 id="preview-title">{words.preview}</h2>
            <p class="quietly">{words.preview_lead}</p>
            <div id=PREVIEW_PLACE data-testid="preview">
                {match sketch {
                    Some(sketch) => view! { <Preview sketch/> }.into_any(),
                    None => view! { <p class="quietly">{words.preview_empty}</p> }.into_any(),
                }}
            </div>
            <button type="submit" form=CONCERT_FORM formaction=form_action(PreviewConcert::PATH) class="button">{words.preview}</button>
            <LivePreview/>
        </aside>
    }
}

/// The sale as buyers see it: the countdown or the tickets left, and the join button. Here it is
/// inert and does not advance.
#[component]
fn PreviewSale(concert: Concert, now: DateTime<Utc>) -> impl IntoView {
    let said = use_queue_words();
    let (phase, left) = (concert.phase(now), concert.left());
    let (figure, hint) = match phase {
        Phase::Upcoming => {
            let now = Signal::stored(now);
            let countdown = view! {
                <p class="join-label">{said.opens_in}</p>
                <Countdown now until=concert.sale_opens_at/>
            };
            (countdown.into_any(), said.live_by_itself)
        }
        _ => {
            let stock = view! {
                <p class="join-stock">
                    <span class="figures figures--hero">{thousands(left.into())}</span>
                    <span>{(said.tickets_left_label)(left)}<br/>{(said.out_of)(concert.capacity.into())}</span>
                </p>
            };
            (stock.into_any(), said.selling_hint)
        }
    };
    view! {
        <div class="concert-sale" inert data-testid="preview-sale">
            <p class="concert-phase"><PhaseBadge phase/></p>
            <div class="join">
                {figure}
                <p class="join-way">
                    <span class="button button--main button--wide" class:button--later=phase == Phase::Upcoming>{said.join}</span>
                </p>
                <p class="join-hint">{hint}</p>
            </div>
        </div>
    }
}

/// The concert's card and the top of its page, as buyers see them.
#[component]
pub fn Preview(sketch: Sketch) -> impl IntoView {
    let words = use_words();
    let undrawable = (!sketch.undrawable.is_empty())
        .then(|| (words.drafts.undrawable)(&sketch.undrawable))
        .map(|said| view! { <p class="warning" data-testid="undrawable">{said}</p> });
    let Some(concert) = sketch.concert else {
        return view! {
            {undrawable}
            <p class="quietly">{words.drafts.preview_empty}</p>
        }
        .into_any();
    };
    let (card, now) = (concert.clone(), sketch.now);
    let new = concert.id == NEW;
    let (artist, title) = (concert.artist.clone(), concert.title.clone());
    let paragraphs = concert
        .description
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| view! { <p><bdi>{line.to_owned()}</bdi></p> })
        .collect_view();
    view! {
        {undrawable}
        // Inert, because the link leads to the saved concert, which differs.
        <ul class="stubs" inert>
            {view! { <ConcertCard concert=card now within=true/> }.into_any()}
        </ul>
        <div class="concert-poster">
            <Poster id=concert.id genre=concert.genre uploaded=concert.poster.clone()>
                <p class="poster-artist"><bdi>{artist}</bdi></p>
                <p class="poster-title"><bdi>{title}</bdi></p>
            </Poster>
        </div>
        {new.then(|| view! { <p class="quietly">{words.drafts.preview_poster}</p> })}
        {view! { <PreviewSale concert=concert.clone() now/> }.into_any()}
        {view! { <Facts concert/> }.into_any()}
        <div class="about">{paragraphs}</div>
    }
    .into_any()
}
