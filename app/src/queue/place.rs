//! The page of a place, for each standing.

use super::bell::Bell;
use super::join::JoinBox;
use super::waiting::Waiting;
use super::{Link, use_queue_words};
use crate::clock::use_server_clock;
use crate::i18n::thousands;
use crate::island;
use crate::refresh::RefreshWithoutScript;
use chrono::{DateTime, Utc};
use leptos::either::{Either, EitherOf3};
use leptos::prelude::*;
use model::concerts::SaleStatus;
use model::queue::{QueueView, Standing};
use model::tickets::TicketId;
use serde::{Deserialize, Serialize};

#[cfg(feature = "hydrate")]
use crate::island::json::{Json, Read};

/// Determines which scene is shown; within `Waiting` all changes are made by signals.
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

/// Data that the page of a place is rendered from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceNow {
    /// Path of the concert's page.
    pub path: String,
    pub title: String,
    pub artist: String,
    pub venue: String,
    /// Start of the concert, formatted in the reader's language.
    pub when: String,
    pub sale: SaleStatus,
    pub view: QueueView,
    pub server_time: DateTime<Utc>,
}

impl PlaceNow {
    pub const ISLAND: &str = "place";
}

#[cfg(feature = "hydrate")]
impl Read for PlaceNow {
    fn read(json: &Json) -> Option<PlaceNow> {
        Some(PlaceNow {
            path: json.get("path")?,
            title: json.get("title")?,
            artist: json.get("artist")?,
            venue: json.get("venue")?,
            when: json.get("when")?,
            sale: json.get("sale")?,
            view: json.get("view")?,
            server_time: json.get("server_time")?,
        })
    }
}

/// Returns the title of the page, which includes the rank.
pub(super) fn page_title(view: &QueueView, concert: &str) -> String {
    let words = use_queue_words();
    match view.standing {
        Standing::Waiting { rank, .. } => (words.ranked_title)(&thousands(rank), concert),
        Standing::Issued { .. } => (words.issued_title)(concert),
        _ => (words.queue_title)(concert),
    }
}

/// An account's place in a queue, updated live.
#[island]
pub fn Place() -> impl IntoView {
    let words = use_queue_words();
    let concert: PlaceNow = island::data(PlaceNow::ISLAND);
    let id = concert.sale.concert_id;
    let view = RwSignal::new(concert.view.clone());
    let link = RwSignal::new(Link::Opening);
    let bell = RwSignal::new(Bell::default());
    #[cfg(feature = "hydrate")]
    {
        super::live::follow(id, view, link);
        let title = concert.title.clone();
        Effect::new(move |_| {
            let title = view.with(|view| page_title(view, &title));
            document().set_title(&crate::markup::with_brand(&title));
        });
    }
    let scene = Memo::new(move |_| view.with(Scene::of));
    let now = use_server_clock(
        concert.server_time,
        &[concert.sale.sale_opens_at, concert.sale.starts_at],
    );
    let (title, artist) = (concert.title.clone(), concert.artist.clone());
    let path = concert.path.clone();
    let announced = concert.title.clone();
    let inner = move || match scene.get() {
        Scene::Waiting => EitherOf3::A(view! { <Waiting concert_id=id view link bell/> }),
        Scene::Issued(ticket) => EitherOf3::B(view! { <Issued concert=concert.clone() ticket/> }),
        Scene::Absent | Scene::Left | Scene::Expired => {
            let (heading, hint) = match scene.get() {
                Scene::Left => (words.left_heading, words.left_hint),
                Scene::Expired => (words.expired_heading, words.expired_hint),
                _ => (words.absent_heading, words.absent_hint),
            };
            let join = scene.get() != Scene::Expired;
            EitherOf3::C(
                view! { <Aside sale=concert.sale.clone() path=concert.path.clone() heading hint now view join/> },
            )
        }
    };
    view! {
        // Browsers must not translate what changes: they would replace the nodes that are updated
        // with their own.
        <div class="queue" translate="no" data-testid="standing" data-standing=move || scene.get().name()>
            <p class="queue-concert">
                <a href=path>
                    <span aria-hidden="true">"‹ "</span><strong dir="auto">{title}</strong>", "<bdi>{artist}</bdi>
                </a>
            </p>
            {inner}
            <Announcer title=announced view link bell/>
        </div>
    }
}

/// Announces changes to screen readers: an issued ticket at once, everything else with pauses. The
/// bell rings when the ticket is issued.
#[component]
fn Announcer(
    title: String,
    view: RwSignal<QueueView>,
    link: RwSignal<Link>,
    bell: RwSignal<Bell>,
) -> impl IntoView {
    let polite = RwSignal::new(String::new());
    let issued = RwSignal::new(String::new());
    // The state that the page was rendered with is not announced: it is read as part of the page.
    #[cfg(feature = "hydrate")]
    {
        super::telling::announce(view, link, polite);
        let words = use_queue_words();
        let mut was_issued = None;
        Effect::new(move |_| {
            let is_issued = view.with(|view| matches!(view.standing, Standing::Issued { .. }));
            if is_issued && was_issued == Some(false) {
                polite.set(String::new());
                let said = (words.announce_issued)(&title);
                super::bell::ring(bell.get_untracked(), &said);
                issued.set(said);
            }
            was_issued = Some(is_issued);
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (title, view, link, bell);
    view! {
        <p class="unseen" translate="no" role="status" aria-live="polite" data-testid="announce">{polite}</p>
        <p class="unseen" translate="no" role="alert" aria-live="assertive">{issued}</p>
    }
}

/// A ticket was issued: shows the stub.
#[component]
fn Issued(concert: PlaceNow, ticket: Option<TicketId>) -> impl IntoView {
    let words = use_queue_words();
    let way = match ticket {
        Some(ticket) => Either::Left(view! {
            <a class="button button--main" data-testid="see-ticket" href=format!("/tickets/{ticket}")>{words.see_ticket}</a>
        }),
        None => Either::Right(view! {
            <p class="quietly">{words.issued_fetching}</p>
            <RefreshWithoutScript seconds=3/>
        }),
    };
    view! {
        <section class="torn">
            <div class="torn-stub">
                <p class="torn-mark" aria-hidden="true">
                    <svg viewBox="0 0 24 24"><path d="M4 12.5 9.5 18 20 6.5"/></svg>
                </p>
                <h1>{words.issued_heading}</h1>
                <p class="torn-title"><bdi>{concert.title}</bdi></p>
                <p><bdi>{concert.artist}</bdi>" · "<bdi>{concert.venue}</bdi></p>
                <p>{concert.when}</p>
            </div>
            <div class="torn-foot">
                {way}
                <p class="quietly">{words.issued_hint}</p>
            </div>
        </section>
    }
}

/// The account is not in the queue, for the reason in `heading` and `hint`; `join` adds a way in.
#[component]
fn Aside(
    sale: SaleStatus,
    path: String,
    heading: &'static str,
    hint: &'static str,
    now: Signal<DateTime<Utc>>,
    view: RwSignal<QueueView>,
    join: bool,
) -> impl IntoView {
    let words = use_queue_words();
    let phase = Memo::new({
        let sale = sale.clone();
        move |_| sale.phase(now.get())
    });
    let joined = move |place| view.set(place);
    view! {
        <section class="aside-place">
            <h1>{heading}</h1>
            <p class="lead">{hint}</p>
            {join.then(|| view! { <JoinBox sale now phase log_in=None joined/> })}
            <p class="notice-ways">
                <a class="button" href=path>{words.back_to_concert}</a>
                <a class="button" href="/">{words.other_concerts}</a>
            </p>
        </section>
    }
}
