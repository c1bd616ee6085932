//! Where one stands, in each of the ways one can stand.

use super::join::{JoinBox, WayIn};
use super::waiting::Waiting;
use super::{Link, use_queue_words};
use crate::clock::use_server_clock;
use crate::i18n::thousands;
use crate::refresh::RefreshWithoutScript;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use model::concerts::SaleStatus;
use model::queue::{QueueView, Standing};
use model::tickets::TicketId;
use serde::{Deserialize, Serialize};

/// What decides which picture is shown; within `Waiting` everything moves by signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Absent,
    Waiting,
    Issued(Option<TicketId>),
    Left,
    Expired,
}

impl Scene {
    fn of(view: &QueueView) -> Scene {
        match view.standing {
            Standing::Absent => Scene::Absent,
            Standing::Waiting { .. } => Scene::Waiting,
            Standing::Issued { ticket } => Scene::Issued(ticket),
            Standing::Left => Scene::Left,
            Standing::Expired => Scene::Expired,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Scene::Absent => "absent",
            Scene::Waiting => "waiting",
            Scene::Issued(_) => "issued",
            Scene::Left => "left",
            Scene::Expired => "expired",
        }
    }
}

/// What the page of a place says of the concert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceConcert {
    pub title: String,
    pub artist: String,
    pub venue: String,
    /// When it begins, in the reader's language.
    pub when: String,
    pub sale: SaleStatus,
}

/// The title of the page, which tells the rank.
pub(super) fn page_title(view: &QueueView, concert: &str) -> String {
    let words = use_queue_words();
    match view.standing {
        Standing::Waiting { rank, .. } => (words.ranked_title)(&thousands(rank), concert),
        Standing::Issued { .. } => (words.issued_title)(concert),
        _ => (words.queue_title)(concert),
    }
}

/// Somebody's place in a queue, as it goes on.
#[island]
pub fn Place(concert: PlaceConcert, view: QueueView, server_time: DateTime<Utc>) -> impl IntoView {
    let words = use_queue_words();
    let view = RwSignal::new(view);
    let link = RwSignal::new(Link::Opening);
    #[cfg(feature = "hydrate")]
    {
        super::live::follow(concert.sale.concert_id, view, link);
        let title = concert.title.clone();
        Effect::new(move |_| {
            let title = view.with(|view| page_title(view, &title));
            document().set_title(&crate::markup::with_brand(&title));
        });
    }
    let scene = Memo::new(move |_| view.with(Scene::of));
    let now = use_server_clock(
        server_time,
        &[concert.sale.sale_opens_at, concert.sale.starts_at],
    );
    let inner = {
        let concert = concert.clone();
        move || {
            let concert = concert.clone();
            match scene.get() {
                Scene::Waiting => view! { <Waiting concert_id=concert.sale.concert_id view link/> }.into_any(),
                Scene::Issued(ticket) => view! { <Issued concert ticket/> }.into_any(),
                Scene::Absent => view! {
                    <Aside sale=concert.sale heading=words.absent_heading hint=words.absent_hint now view join=true/>
                }
                .into_any(),
                Scene::Left => view! {
                    <Aside sale=concert.sale heading=words.left_heading hint=words.left_hint now view join=true/>
                }
                .into_any(),
                Scene::Expired => view! {
                    <Aside sale=concert.sale heading=words.expired_heading hint=words.expired_hint now view join=false/>
                }
                .into_any(),
            }
        }
    };
    view! {
        <div class="queue" data-testid="standing" data-standing=move || scene.get().name()>
            <p class="queue-concert">
                <a href=format!("/concerts/{}", concert.sale.concert_id)>
                    <span aria-hidden="true">"‹ "</span><strong>{concert.title.clone()}</strong>", "{concert.artist.clone()}
                </a>
            </p>
            {inner}
            <Announcer title=concert.title view/>
        </div>
    }
}

/// Tells a screen reader: the ticket at once, the rank now and then.
#[component]
fn Announcer(title: String, view: RwSignal<QueueView>) -> impl IntoView {
    let words = use_queue_words();
    let rank = RwSignal::new(String::new());
    let issued = RwSignal::new(String::new());
    // Nothing is said of the state that the page was rendered with: that is read as part of the page.
    #[cfg(feature = "hydrate")]
    Effect::new({
        const PAUSE: f64 = 15_000.0;
        let mut said_at = js_sys::Date::now();
        let mut was_issued = None;
        move |_| match view.with(|v| v.standing.clone()) {
            Standing::Waiting { rank: n, .. } => {
                was_issued = Some(false);
                let now = js_sys::Date::now();
                if now - said_at >= PAUSE {
                    said_at = now;
                    rank.set((words.announce_rank)(n, n.saturating_sub(1)));
                }
            }
            Standing::Issued { .. } => {
                if was_issued == Some(false) {
                    rank.set(String::new());
                    issued.set((words.announce_issued)(&title));
                }
                was_issued = Some(true);
            }
            _ => was_issued = Some(false),
        }
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (words, title, view);
    view! {
        <p class="unseen" role="status" aria-live="polite" data-testid="announce">{rank}</p>
        <p class="unseen" role="alert" aria-live="assertive">{issued}</p>
    }
}

/// The turn has come: the stub.
#[component]
fn Issued(concert: PlaceConcert, ticket: Option<TicketId>) -> impl IntoView {
    let words = use_queue_words();
    let way = match ticket {
        Some(ticket) => view! {
            <a class="button button--main" data-testid="see-ticket" href=format!("/tickets/{ticket}")>{words.see_ticket}</a>
        }
        .into_any(),
        None => view! { <p class="quietly">{words.issued_fetching}</p><RefreshWithoutScript seconds=3/> }.into_any(),
    };
    view! {
        <section class="torn">
            <div class="torn-stub">
                <p class="torn-mark" aria-hidden="true">
                    <svg viewBox="0 0 24 24"><path d="M4 12.5 9.5 18 20 6.5"/></svg>
                </p>
                <h1>{words.issued_heading}</h1>
                <p class="torn-title">{concert.title}</p>
                <p>{concert.artist}" · "{concert.venue}</p>
                <p>{concert.when}</p>
            </div>
            <div class="torn-foot">
                {way}
                <p class="quietly">{words.issued_hint}</p>
            </div>
        </section>
    }
}

/// Not in the queue, for one reason or another; perhaps with a way in.
#[component]
fn Aside(
    sale: SaleStatus,
    heading: &'static str,
    hint: &'static str,
    now: Signal<DateTime<Utc>>,
    view: RwSignal<QueueView>,
    join: bool,
) -> impl IntoView {
    let words = use_queue_words();
    let id = sale.concert_id;
    let phase = Memo::new({
        let sale = sale.clone();
        move |_| sale.phase(now.get())
    });
    let joined = move |place| view.set(place);
    view! {
        <section class="aside-place">
            <h1>{heading}</h1>
            <p class="lead">{hint}</p>
            {join.then(|| view! { <JoinBox sale now phase way_in=WayIn::Join joined/> })}
            <p class="notice-ways">
                <a class="button" href=format!("/concerts/{id}")>{words.back_to_concert}</a>
                <a class="button" href="/">{words.other_concerts}</a>
            </p>
        </section>
    }
}
