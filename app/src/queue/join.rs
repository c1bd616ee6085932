//! The way into a queue.

use super::api::JoinQueue;
use super::use_queue_words;
use crate::clock::use_server_clock;
use crate::concerts::{Countdown, PhaseBadge};
use crate::forms::form_action;
use crate::i18n::thousands;
use crate::island;
use crate::refresh::RefreshWithoutScript;
use chrono::{DateTime, Utc};
use leptos::either::{Either, EitherOf3};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::concerts::{ConcertId, Phase, SaleStatus};
use model::queue::QueueView;
use serde::{Deserialize, Serialize};

#[cfg(feature = "hydrate")]
use crate::island::json::{Json, Read};

/// Upper bound on the seconds after which a page without JavaScript reloads, however far off the
/// opening is.
const LONGEST_REFRESH: i64 = 600;

/// Data that the box of a sale is rendered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleNow {
    pub sale: SaleStatus,
    pub server_time: DateTime<Utc>,
    /// For visitors, who have to log in before they can join: the log-in page, which leads back.
    pub log_in: Option<String>,
}

impl SaleNow {
    pub const ISLAND: &str = "sale";
}

#[cfg(feature = "hydrate")]
impl Read for SaleNow {
    fn read(json: &Json) -> Option<SaleNow> {
        Some(SaleNow {
            sale: json.get("sale")?,
            server_time: json.get("server_time")?,
            log_in: json.get("log_in"),
        })
    }
}

/// The status of a concert's sale and the way into its queue, updated live.
#[island]
pub fn SaleBox() -> impl IntoView {
    let SaleNow {
        sale,
        server_time,
        log_in,
    } = island::data(SaleNow::ISLAND);
    let now = use_server_clock(server_time, &[sale.sale_opens_at, sale.starts_at]);
    let phase = Memo::new({
        let sale = sale.clone();
        move |_| sale.phase(now.get())
    });
    let place = format!("/concerts/{}/queue", sale.concert_id);
    let joined = {
        let place = place.clone();
        move |_| drop(window().location().assign(&place))
    };
    // The account may have a place already, which only the queue's own page knows.
    let see = log_in.is_none().then(|| {
        view! { <p class="join-place" translate="no" hidden=move || phase.get() == Phase::Upcoming><a href=place>{use_queue_words().see_my_place}</a></p> }
    });
    view! {
        // Not translated, as in `Place`.
        <p class="concert-phase" translate="no"><PhaseBadge phase/></p>
        <JoinBox sale now phase log_in joined/>
        {see}
    }
}

/// The status of the sale and the join button. Before the sale there is a countdown, and the button
/// is enabled when it ends.
#[component]
pub(super) fn JoinBox(
    sale: SaleStatus,
    now: Signal<DateTime<Utc>>,
    phase: Memo<Phase>,
    log_in: Option<String>,
    /// Called with the place that was taken.
    joined: impl Fn(QueueView) + Clone + 'static,
) -> impl IntoView {
    let words = use_queue_words();
    #[cfg(feature = "hydrate")]
    Effect::new({
        let sale = sale.clone();
        move |_| super::upcoming::keep_true(&sale, now, phase)
    });
    let (opens, left, capacity) = (sale.sale_opens_at, sale.left, sale.capacity);
    let before = move || phase.get() == Phase::Upcoming;
    let over = move || phase.get() == Phase::Over;
    let figure = move || match phase.get() {
        Phase::Upcoming => EitherOf3::A(view! {
            <p class="join-label">{words.opens_in}</p>
            <Countdown now until=opens/>
        }),
        Phase::Over => EitherOf3::B(()),
        Phase::Selling | Phase::Paused | Phase::SoldOut => EitherOf3::C(view! {
            <p class="join-stock">
                <span class="figures figures--hero" data-testid="tickets-left">{thousands(left.into())}</span>
                <span>{(words.tickets_left_label)(left)}<br/>{(words.out_of)(capacity.into())}</span>
            </p>
        }),
    };
    // Without JavaScript the button is enabled by the page that is loaded just after the opening.
    let refresh = untrack(before).then(|| {
        let until = (opens - now.get_untracked()).num_seconds() + 1;
        view! { <RefreshWithoutScript seconds=until.clamp(1, LONGEST_REFRESH) as u32/> }
    });
    let soon = match log_in {
        Some(_) => words.have_account_ready,
        None => words.live_by_itself,
    };
    let way = match log_in {
        Some(address) => Either::Left(view! {
            <a class="button button--main button--wide" class:button--later=before href=address>{words.log_in_to_join}</a>
        }),
        None => Either::Right(view! { <JoinButton concert_id=sale.concert_id phase joined/> }),
    };
    // For users who do not see the button change. Empty at first, so that a screen reader announces
    // the change.
    let waited = untrack(before);
    let opened = move || match phase.get() {
        Phase::Selling if waited => words.announce_open,
        _ => "",
    };
    let hint = move || match phase.get() {
        Phase::Upcoming => soon,
        Phase::Selling => words.selling_hint,
        Phase::Paused => words.paused_hint,
        Phase::SoldOut => words.sold_out_hint,
        Phase::Over => words.over_hint,
    };
    view! {
        <div class="join" translate="no">
            {figure}
            <div class="join-way" hidden=over>{way}</div>
            <p class="join-hint">{hint}</p>
            <p class="unseen" role="status" data-testid="opened">{opened}</p>
            {refresh}
        </div>
    }
}

/// Progress of taking a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    NotYet,
    #[cfg_attr(
        not(feature = "hydrate"),
        expect(dead_code, reason = "only a browser asks")
    )]
    Asked,
    /// There was no answer, or none that helps: the request is repeated automatically.
    Again,
}

/// One press is enough: the place is requested until there is an answer. Without JavaScript the
/// form is posted as it is.
#[component]
fn JoinButton(
    concert_id: ConcertId,
    phase: Memo<Phase>,
    joined: impl Fn(QueueView) + Clone + 'static,
) -> impl IntoView {
    let words = use_queue_words();
    let taking = RwSignal::new(Taking::NotYet);
    let busy = move || taking.get() != Taking::NotYet;
    let held = move || busy() || phase.get() == Phase::Upcoming;
    // With JavaScript the submit handler blocks the button, so `disabled` is removed and the button
    // can be focused before it is enabled.
    #[cfg(feature = "hydrate")]
    Effect::new(|_| {
        if let Ok(Some(button)) = document().query_selector(".join button[disabled]") {
            let _ = button.remove_attribute("disabled");
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        #[cfg(feature = "hydrate")]
        match untrack(held) {
            true => event.prevent_default(),
            false => super::taking::take_place(&event, concert_id, taking, joined.clone()),
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (event, &joined);
    };
    let label = move || match (busy(), phase.get()) {
        (true, _) => words.joining,
        (_, Phase::SoldOut) => words.join_waiting_list,
        _ => words.join,
    };
    let again = move || (taking.get() == Taking::Again).then_some(words.still_joining);
    view! {
        <form method="post" action=form_action(JoinQueue::PATH) on:submit=submit>
            <input type="hidden" name="concert_id" value=concert_id.to_string()/>
            <button
                type="submit"
                class="button button--main button--wide"
                data-testid="join"
                disabled=cfg!(feature = "ssr") && untrack(held)
                aria-disabled=move || held().then_some("true")
            >
                {label}
            </button>
            <p class="join-hint" role="status" hidden=move || again().is_none()>{again}</p>
        </form>
    }
}
