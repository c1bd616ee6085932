//! Follows a place in the browser: over the stream if possible, otherwise by polling.

use super::asking::{self, No};
use super::one_stream::{self, Held};
use super::{Link, jitter};
use crate::clock::monotonic_ms;
use crate::island::json;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::{PollNext, select_with_strategy};
use gloo_net::eventsource::State;
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use js_sys::Promise;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::concerts::ConcertId;
use model::queue::{Applied, QueueView, Standing, Tick};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wasm_bindgen_futures::JsFuture;
use web_sys::AddEventListenerOptions;

/// Consecutive failures of the stream after which the place is polled instead.
const PATIENCE: u32 = 3;
/// Milliseconds within which a stream must have opened.
const OPENING: f64 = 10_000.0;
/// Milliseconds of silence after which the stream is reopened: a connection that died without
/// notice looks like this.
const SILENCE: f64 = 60_000.0;
/// Number of polls before the stream is tried again.
const ROUNDS: u32 = 6;

/// Keeps `view` up to date, and `link` with the state of the connection, until the calling
/// component is disposed. Starts each time there is something to follow.
pub(super) fn follow(id: ConcertId, view: RwSignal<QueueView>, link: RwSignal<Link>) {
    // A place may be taken on the page that shows it, and taken again after it was left.
    let moves = Memo::new(move |_| {
        view.with(|view| {
            matches!(
                view.standing,
                Standing::Waiting { .. } | Standing::Issued { ticket: None }
            )
        })
    });
    Effect::new(move |_| {
        if !moves.get() {
            return;
        }
        let follower = Follower {
            id,
            view,
            link,
            gone: Arc::default(),
        };
        let offline = window_event_listener(leptos::ev::offline, {
            let (gone, link) = (follower.gone.clone(), follower.link);
            move |_| {
                if !gone.load(Ordering::Relaxed) {
                    link.try_set(Link::Offline);
                }
            }
        });
        on_cleanup({
            let gone = follower.gone.clone();
            move || {
                gone.store(true, Ordering::Relaxed);
                offline.remove();
            }
        });
        spawn_local(async move { follower.run().await });
    });
}

struct Follower {
    id: ConcertId,
    view: RwSignal<QueueView>,
    link: RwSignal<Link>,
    gone: Arc<AtomicBool>,
}

/// Why a stream ended.
enum End {
    /// There is nothing more to follow, or the component is gone.
    Over,
    /// Events were missed: reopen the stream at once.
    Gap,
    /// The server is stopping; another one is available.
    Bye,
    /// The connection was lost, after an event was received or before.
    Lost { heard: bool },
}

impl Follower {
    async fn run(&self) {
        let mut failures = 0;
        // Whether the view is complete, so that only the ticks since then are needed.
        let mut whole = true;
        while self.waiting() {
            let Some(held) = one_stream::take().await else {
                self.poll().await;
                continue;
            };
            let end = self.stream(whole, &held).await;
            drop(held);
            whole = !matches!(end, End::Gap);
            match end {
                End::Over => break,
                End::Gap => {
                    failures = 0;
                    sleep(100 + jitter(400)).await;
                    continue;
                }
                End::Bye => {
                    failures = 0;
                    sleep(100 + jitter(1900)).await;
                    continue;
                }
                End::Lost { heard } => failures = if heard { 1 } else { failures + 1 },
            }
            if failures < PATIENCE {
                self.say(Link::Reconnecting);
                sleep_or_online(backoff(failures)).await;
            } else {
                self.poll().await;
            }
        }
        self.fetch_ticket().await;
    }

    fn gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn standing(&self) -> Option<Standing> {
        self.view.try_with_untracked(|v| v.standing.clone())
    }

    fn waiting(&self) -> bool {
        !self.gone() && matches!(self.standing(), Some(Standing::Waiting { .. }))
    }

    /// Returns whether the page says that there is no network.
    fn is_offline(&self) -> bool {
        self.link.try_get_untracked() == Some(Link::Offline)
    }

    /// Returns whether the network is back since the page said that there is none. A stream from
    /// before may have missed events, or be dead without notice.
    fn is_back(&self) -> bool {
        self.is_offline() && window().navigator().on_line()
    }

    fn say(&self, link: Link) {
        let link = match link {
            Link::Reconnecting | Link::Polling if !window().navigator().on_line() => Link::Offline,
            link => link,
        };
        if !self.gone() && self.link.try_get_untracked() != Some(link) {
            self.link.try_set(link);
        }
    }

    fn take(&self, view: QueueView) {
        if !self.gone() {
            self.view.try_set(view);
        }
    }

    /// Follows one stream until it ends. The browser's own reconnecting is not used, since it has
    /// no jitter.
    async fn stream(&self, whole: bool, held: &Held) -> End {
        let lost = End::Lost { heard: false };
        let mut address = format!("/api/queue_stream?concert_id={}", self.id);
        if whole && let Some(tick) = self.view.try_with_untracked(|view| view.tick) {
            address += &format!("&after={}", tick.0);
        }
        let Ok(mut source) = EventSource::new(&address) else {
            return lost;
        };
        let (Ok(views), Ok(ticks), Ok(moments), Ok(alive), Ok(byes)) = (
            source.subscribe("view"),
            source.subscribe("tick"),
            source.subscribe("moment"),
            source.subscribe("alive"),
            source.subscribe("bye"),
        ) else {
            return lost;
        };
        // If several events are ready, a view comes first: the ticks before it are then known to be
        // old, and the ticks after it follow on.
        let others = select_with_strategy(alive, byes, |_: &mut ()| PollNext::Left);
        let others = select_with_strategy(moments, others, |_: &mut ()| PollNext::Left);
        let others = select_with_strategy(ticks, others, |_: &mut ()| PollNext::Left);
        let mut events = select_with_strategy(views, others, |_: &mut ()| PollNext::Left);
        let opened = monotonic_ms();
        // The network may be back, but this stream has yet to confirm it.
        if self.is_offline() {
            self.say(Link::Reconnecting);
        }
        let mut opened_offline = self.is_offline();
        let (mut heard, mut heard_at) = (false, opened);
        loop {
            match select(events.next(), TimeoutFuture::new(1000)).await {
                Either::Left((Some(Ok((name, message))), _)) => {
                    heard = true;
                    heard_at = monotonic_ms();
                    if self.gone() {
                        return End::Over;
                    }
                    let Some(data) = message.data().as_string() else {
                        continue;
                    };
                    if let Some(end) = self.hear(&name, &data) {
                        return end;
                    }
                    if name == "bye" {
                        return End::Bye;
                    }
                    if self.is_back() {
                        return End::Gap;
                    }
                    // An event that was in transit when the network failed does not show that it is
                    // back.
                    if opened_offline || !self.is_offline() {
                        opened_offline = false;
                        self.say(match name.as_str() {
                            "moment" => Link::OneMoment,
                            _ => Link::Live,
                        });
                    }
                }
                Either::Left(_) => return End::Lost { heard },
                Either::Right(_) => {
                    let now = monotonic_ms();
                    match source.state() {
                        _ if !self.waiting() => return End::Over,
                        _ if self.is_back() || held.is_over() => return End::Gap,
                        State::Open if now - heard_at > SILENCE => return End::Gap,
                        State::Open => {}
                        State::Connecting if !heard && now - opened < OPENING => {}
                        State::Connecting | State::Closed => return End::Lost { heard },
                    }
                }
            }
        }
    }

    /// Applies one event. Returns the reason if the event ends the stream.
    fn hear(&self, name: &str, data: &str) -> Option<End> {
        if name == "view" {
            self.take(json::parse(data)?);
        } else if name == "tick" {
            let tick: Tick = json::parse(data)?;
            let mut view = self.view.try_get_untracked()?;
            match view.apply(&tick) {
                Applied::Yes => self.take(view),
                Applied::Old => {}
                Applied::Gap => return Some(End::Gap),
            }
        }
        (!self.waiting()).then_some(End::Over)
    }

    /// Polls the place every 3 to 5 seconds, [`ROUNDS`] times.
    async fn poll(&self) {
        for _ in 0..ROUNDS {
            if !self.waiting() {
                return;
            }
            self.ask(Link::Polling).await;
            sleep_or_online(3000 + jitter(2000)).await;
        }
    }

    async fn ask(&self, when_answered: Link) {
        let seen = self.view.try_with_untracked(|view| view.tick);
        match asking::view(self.id, seen).await {
            Ok(view) => {
                self.take(view);
                self.say(when_answered);
            }
            Err(No::NotLoggedIn) if !self.gone() => {
                // The server redirects to the log-in page and back.
                crate::refresh::reload();
            }
            Err(No::Away) if window().navigator().on_line() => {
                self.say(Link::OneMoment);
            }
            Err(_) => self.say(Link::Reconnecting),
        }
    }

    /// Reads the ticket: a tick says that one was issued to the place, but not which one.
    async fn fetch_ticket(&self) {
        let mut pause = 0;
        while !self.gone() && self.standing() == Some(Standing::Issued { ticket: None }) {
            sleep(pause + jitter(300)).await;
            pause = (pause + 300).min(3000);
            if let Ok(view) = asking::view(self.id, None).await
                && matches!(view.standing, Standing::Issued { ticket: Some(_) })
            {
                self.take(view);
            }
        }
    }
}

/// Milliseconds before the next attempt: at least one second, more after more failures, with
/// jitter, and at most 10.5 seconds.
fn backoff(failures: u32) -> u64 {
    let most = (1000 << failures.min(4)).min(10_000);
    1000 + jitter(most - 500)
}

async fn sleep(millis: u64) {
    TimeoutFuture::new(u32::try_from(millis).unwrap_or(u32::MAX)).await;
}

/// Sleeps for `millis` milliseconds, or until the network is back.
async fn sleep_or_online(millis: u64) {
    let online = Promise::new(&mut |back, _| {
        let once = AddEventListenerOptions::new();
        once.set_once(true);
        let _ = window().add_event_listener_with_callback_and_add_event_listener_options(
            "online", &back, &once,
        );
    });
    let over = TimeoutFuture::new(u32::try_from(millis).unwrap_or(u32::MAX));
    select(over, JsFuture::from(online)).await;
}
