//! The way into a queue.

use super::api::JoinQueue;
use crate::concerts::Countdown;
use crate::error::ApiError;
use crate::forms::{Refusals, refusal_of};
use crate::i18n::{thousands, use_words};
use crate::refused::RefreshBy;
use crate::sessions::{log_in_path, use_session};
use chrono::{DateTime, Utc};
use leptos::form::ActionForm;
use leptos::prelude::*;
use model::Refusal;
use model::concerts::{Concert, Phase};

/// Seconds after which a page without JavaScript looks again, however far off the opening is.
const LONGEST_REFRESH: i64 = 600;

/// What the sale stands at and the button. Before the sale it counts down, and the button goes live by itself.
#[component]
pub fn JoinBox(
    concert: Concert,
    now: Signal<DateTime<Utc>>,
    phase: Memo<Phase>,
    /// The action to use, where somebody else wants to know of it.
    #[prop(optional)]
    action: Option<ServerAction<JoinQueue>>,
) -> impl IntoView {
    let words = use_words();
    let session = use_session();
    // On the queue's own page the place would be shown if there were one.
    let in_queue = action.is_some();
    let action = action.unwrap_or_default();
    let refusal = refusal_of(action);
    let id = concert.id;
    let (opens, left, capacity) = (concert.sale_opens_at, concert.left(), concert.capacity);
    let before = Memo::new(move |_| phase.get() == Phase::Upcoming);
    let over = Memo::new(move |_| phase.get() == Phase::Over);
    let hint = move || match phase.get() {
        Phase::Upcoming => "",
        Phase::Selling => words.selling_hint,
        Phase::Paused => words.paused_hint,
        Phase::SoldOut => words.sold_out_hint,
        Phase::Over => words.over_hint,
    };
    let figure = move || {
        match (before.get(), phase.get() == Phase::Over) {
        (true, _) => view! {
            <p class="join-label">{words.opens_in}</p>
            <Countdown now until=opens/>
        }
        .into_any(),
        (_, true) => ().into_any(),
        _ => view! {
            <p class="join-stock">
                <span class="figures figures--hero" data-testid="tickets-left">{thousands(left.into())}</span>
                <span>{words.tickets_left_label}<br/>{(words.out_of)(capacity.into())}</span>
            </p>
        }
        .into_any(),
    }
    };
    // Without JavaScript the button goes live with the page that comes just after the opening.
    let refresh = before.get_untracked().then(|| {
        let until = (opens - now.get_untracked()).num_seconds() + 1;
        view! { <RefreshBy seconds=until.clamp(1, LONGEST_REFRESH) as u32/> }
    });
    let here = format!("/concerts/{id}");
    let way_in = {
        let here = here.clone();
        move || {
            let log_in = log_in_path(&here);
            let over = over.get();
            Suspend::new(async move {
                let visitor = session.visitor.await;
                match visitor {
                    _ if over => ().into_any(),
                    Ok(None) => view! {
                        <a class="button button--main" class:button--later=before href=log_in>{words.log_in_to_join}</a>
                        <p class="join-hint" hidden=move || !before.get()>{words.have_account_ready}</p>
                    }
                    .into_any(),
                    // Who is looking cannot be told just now: the button asks again.
                    Ok(Some(_)) | Err(ApiError(_)) => view! {
                        <JoinButton id phase action/>
                        <p class="join-hint" hidden=move || !before.get()>{words.live_by_itself}</p>
                        <p class="join-place" hidden=in_queue><a href=format!("/concerts/{id}/queue")>{words.see_my_place}</a></p>
                    }
                    .into_any(),
                }
            })
        }
    };
    let back = log_in_path(&here);
    let navigate = leptos_router::hooks::use_navigate();
    Effect::new(move |_| {
        // The session ended while the page was open.
        if refusal.with(|r| r.as_ref() == Some(&Refusal::NotLoggedIn)) {
            navigate(&back, Default::default());
        }
    });
    view! {
        <div class="join">
            {figure}
            <Refusals refusal/>
            <Transition>{way_in}</Transition>
            <p class="join-hint" hidden=before>{hint}</p>
            {refresh}
        </div>
    }
}

#[component]
fn JoinButton(
    id: model::concerts::ConcertId,
    phase: Memo<Phase>,
    action: ServerAction<JoinQueue>,
) -> impl IntoView {
    let words = use_words();
    let pending = action.pending();
    let label = move || match (pending.get(), phase.get()) {
        (true, _) => words.joining,
        (_, Phase::SoldOut) => words.join_waiting_list,
        _ => words.join,
    };
    view! {
        <ActionForm action>
            <input type="hidden" name="concert_id" value=id.to_string()/>
            <button
                type="submit"
                class="button button--main button--wide"
                data-testid="join"
                disabled=move || pending.get() || phase.get() == Phase::Upcoming
            >
                {label}
            </button>
        </ActionForm>
    }
}
