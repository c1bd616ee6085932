//! `/concerts/:id/queue`.

use super::api::{JoinQueue, LeaveQueue, queue_view};
use super::standing::Place;
use crate::concerts::{get_concert, use_concert_id};
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::{RefreshBy, Refused};
use leptos::prelude::*;
use model::Refusal;
use model::concerts::ConcertView;
use model::queue::QueueView;

/// The two ways to change one's standing from this page.
#[derive(Clone, Copy)]
pub(super) struct QueueActions {
    pub join: ServerAction<JoinQueue>,
    pub leave: ServerAction<LeaveQueue>,
}

#[component]
pub fn QueuePage() -> impl IntoView {
    let id = use_concert_id();
    let actions = QueueActions {
        join: ServerAction::new(),
        leave: ServerAction::new(),
    };
    provide_context(actions);
    let both = Resource::new(
        move || {
            (
                id.get(),
                actions.join.version().get(),
                actions.leave.version().get(),
            )
        },
        |(id, ..)| load(id),
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match both.await {
                    Ok((concert, view)) => view! { <Place concert view/> }.into_any(),
                    Err(ApiError(Refusal::Unavailable)) => view! { <OneMoment/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Transition>
    }
}

async fn load(
    id: Option<model::concerts::ConcertId>,
) -> Result<(ConcertView, QueueView), ApiError> {
    let id = id.ok_or(ApiError(Refusal::NotFound))?;
    futures::future::try_join(get_concert(id), queue_view(id, None)).await
}

/// The queue cannot be read just now; nothing is lost, and the page comes back by itself.
#[component]
fn OneMoment() -> impl IntoView {
    let words = use_words();
    #[cfg(feature = "ssr")]
    crate::request::Response::refuse(&Refusal::Unavailable);
    view! {
        <PageMeta title=words.one_moment.to_owned() description=words.one_moment_hint.to_owned()/>
        <section class="notice" data-testid="standing" data-standing="one_moment">
            <h1>{words.one_moment}</h1>
            <p>{words.one_moment_hint}</p>
            <p><a class="button button--main" href="" rel="external">{words.try_again}</a></p>
            <RefreshBy seconds=3 always=true/>
        </section>
    }
}
