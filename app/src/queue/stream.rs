//! The stream of one person's place: `GET /api/queue_stream?concert_id=1` (server only).
//!
//! Events: `view`, a whole [`QueueView`], first and after every gap; `tick`, a [`model::queue::Tick`] that moves it on;
//! `moment`, `{}`, when the queue cannot move on for the moment, until anything else comes; `alive`, `{}`, when nothing else was
//! to be told for a while; `bye`, `{}`, when the server stops: come back, another one is there.
//!
//! Whoever comes back and names the tick they have seen gets the ticks since, if they are still known here, and no view.

use super::Seats;
use crate::error::ApiError;
use crate::request::ClientAddress;
use crate::sessions::Auth;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use model::Refusal;
use model::concerts::ConcertId;
use model::queue::{QueueView, TickId};
use serde::Deserialize;
use services::limits::Network;
use services::queue::{News, TickEvent};
use services::sessions::{self, Hold, Session};
use services::{Error, Services, queue};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Often enough that no proxy takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// How often a place that could not be read is tried again, when nothing says that it is time.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// When to come back after the server has stopped, for browsers that have no pause of their own.
const COME_BACK: Duration = Duration::from_secs(1);

/// Whose place, and since when.
#[derive(Deserialize)]
pub struct Arguments {
    pub(super) concert_id: ConcertId,
    /// The newest tick that the reader has seen, if any; for a stream as good as the header `Last-Event-ID`.
    pub(super) after: Option<TickId>,
}

/// Streams the place of whoever is logged in, until they hang up or the server stops.
pub async fn queue_stream(
    Extension(services): Extension<Services>,
    Extension(stop): Extension<CancellationToken>,
    Extension(seats): Extension<Seats>,
    Extension(auth): Extension<Auth>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    arguments: Result<Query<Arguments>, QueryRejection>,
) -> Response {
    let session = match auth.session() {
        Ok(session) => session,
        Err(refusal) => return ApiError(refusal).into_response(),
    };
    let Ok(Query(Arguments { concert_id, after })) = arguments else {
        return ApiError(Refusal::Malformed).into_response();
    };
    let seat = match seats.take(session.account_id, Network::of(address)) {
        Ok(seat) => seat,
        Err(refusal) => return ApiError(refusal).into_response(),
    };
    let seen = last_event_id(&headers).or(after);
    let hold = sessions::hold(&services, &session);
    match Watcher::start(services, session, concert_id, seen).await {
        Ok((watcher, first)) => {
            let ended = session_ended(hold, watcher.until());
            let events = first.chain(stream::unfold(watcher, async |mut watcher| {
                let event = watcher.next().await?;
                Some((event, watcher))
            }));
            let events = stop_at(events, stop, ended).map(move |event| {
                // As long as there are events to come, the seat is taken.
                let _ = &seat;
                Ok::<_, Infallible>(event)
            });
            let mut headers = HeaderMap::new();
            // A reverse proxy that buffers would show a rank that is no longer true.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            );
            (headers, Body::from_stream(events)).into_response()
        }
        Err(error) => {
            if error.is_ours() {
                tracing::warn!(%error, "a queue could not be watched");
            }
            ApiError(error.refusal()).into_response()
        }
    }
}

/// What a browser sends when it reconnects by itself.
fn last_event_id(headers: &HeaderMap) -> Option<TickId> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.parse().ok().map(TickId)
}

/// Ends the stream when the server stops, which it would hold up, and when the session has ended.
fn stop_at(
    events: impl Stream<Item = Bytes>,
    stop: CancellationToken,
    ended: impl Future<Output = ()>,
) -> impl Stream<Item = Bytes> {
    let stopping = stop.clone();
    let bye = stream::once(async move {
        stopping.is_cancelled().then(|| {
            format!(
                "event: bye\ndata: {{}}\nretry: {}\n\n",
                COME_BACK.as_millis()
            )
            .into()
        })
    });
    let events = events.take_until(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended => {}
        }
    });
    events.chain(bye.filter_map(async |event| event))
}

/// Returns when the session was logged out, on whichever server, or its token has expired.
async fn session_ended(hold: Hold, expired: Instant) {
    tokio::select! {
        () = hold.ended() => {}
        () = tokio::time::sleep_until(expired) => {}
    }
}

/// One open stream.
struct Watcher {
    services: Services,
    session: Session,
    concert: ConcertId,
    news: Receiver<News>,
    /// The tick as of which the reader knows their place; None: what they know is old, and could not be read anew yet.
    seen: Option<TickId>,
    interrupted: bool,
}

impl Watcher {
    /// The watcher, and what there is to tell at once.
    async fn start(
        services: Services,
        session: Session,
        concert: ConcertId,
        seen: Option<TickId>,
    ) -> Result<(Watcher, impl Stream<Item = Bytes>), Error> {
        // Held already: what ends from here on ends the stream.
        if !sessions::is_open(&services, &session).await? {
            return Err(Refusal::NotLoggedIn.into());
        }
        queue::admit(&services, &session, concert).await?;
        // Ticks first, then the view: what happens in between is in both, and told apart by its id.
        let (news, missed) = services.ticks.watch_from(concert, seen.unwrap_or_default());
        let (seen, first) = match missed {
            Some(missed) if seen.is_some() => {
                let newest = missed.last().map(|event| event.tick.id);
                let mut events: Vec<Bytes> = missed.into_iter().map(tick_event).collect();
                // So that they know at once that somebody is there.
                events.push(wordless("alive"));
                (newest.or(seen), events)
            }
            _ => {
                let view = queue::view(&services, session.account_id, concert).await?;
                (Some(view.tick), vec![view_event(&view)])
            }
        };
        let watcher = Watcher {
            services,
            session,
            concert,
            news,
            seen,
            interrupted: false,
        };
        Ok((watcher, stream::iter(first)))
    }

    /// When the access token expires.
    fn until(&self) -> Instant {
        let left = self.session.expires_at - self.services.clock.now();
        Instant::now() + left.to_std().unwrap_or_default()
    }

    /// The next thing to tell; None ends the stream, and the browser comes back.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let patience = if self.seen.is_some() {
                ALIVE
            } else {
                TRY_AGAIN
            };
            let Ok(heard) = tokio::time::timeout(patience, self.news.recv()).await else {
                return Some(match self.seen {
                    Some(_) if self.interrupted => wordless("moment"),
                    Some(_) => wordless("alive"),
                    None => Box::pin(self.read_anew()).await,
                });
            };
            match heard {
                Ok(News::Tick(event)) if self.seen >= Some(event.tick.id) => {}
                Ok(News::Tick(event)) if self.seen == Some(event.tick.previous) => {
                    self.seen = Some(event.tick.id);
                    self.interrupted = false;
                    return Some(tick_event(event));
                }
                Ok(News::Interrupted) => {
                    self.interrupted = true;
                    return Some(wordless("moment"));
                }
                Ok(News::Tick(_) | News::Resumed) | Err(RecvError::Lagged(_)) => {
                    return Some(Box::pin(self.read_anew()).await);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// To be boxed: it is rare, and each open stream would keep room for it.
    async fn read_anew(&mut self) -> Bytes {
        // A few at a time: after a rebuild everybody who watches comes here at once.
        let _turn = self.services.ticks.reading().await;
        match queue::view(&self.services, self.session.account_id, self.concert).await {
            Ok(view) => {
                self.seen = Some(view.tick);
                self.interrupted = false;
                view_event(&view)
            }
            Err(_) => {
                self.seen = None;
                wordless("moment")
            }
        }
    }
}

fn tick_event(event: TickEvent) -> Bytes {
    event.framed(|event| framed("tick", event.tick.id, &event.json))
}

fn view_event(view: &QueueView) -> Bytes {
    let json = serde_json::to_string(view).unwrap_or_else(|_| "{}".to_owned());
    framed("view", view.tick, &json)
}

/// An event in the format of `text/event-stream`. JSON has no line breaks.
fn framed(name: &str, id: TickId, json: &str) -> Bytes {
    format!("event: {name}\nid: {}\ndata: {json}\n\n", id.0).into()
}

fn wordless(name: &str) -> Bytes {
    format!("event: {name}\ndata: {{}}\n\n").into()
}
