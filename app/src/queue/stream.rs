//! The stream of one account's place: `GET /api/queue_stream?concert_id=1` (server only).
//!
//! Events: `view`, a complete [`QueueView`], first and after every gap; `tick`, a
//! [`model::queue::Tick`] that advances the view; `moment`, `{}`, while the queue cannot move on,
//! in effect until the next other event; `alive`, `{}`, if there was no other event for a while;
//! `bye`, `{}`, when the server stops and the client should reconnect to another one.
//!
//! A client that reconnects with the newest tick it has seen receives the ticks since then and no
//! view, if this server still has them.

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
use services::{Error, Services, admission};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Interval of `alive` events, short enough that no proxy closes the connection as idle.
const ALIVE: Duration = Duration::from_secs(15);

/// Delay before a place that could not be read is tried again, unless an event comes first.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Reconnection delay after the server has stopped, for browsers that have none of their own.
const COME_BACK: Duration = Duration::from_secs(1);

/// The concert, and the newest tick that the client has seen.
#[derive(Deserialize)]
pub struct Arguments {
    pub(super) concert_id: ConcertId,
    /// The newest tick that the client has seen, if any. For a stream it is equivalent to the
    /// header `Last-Event-ID`, which wins.
    pub(super) after: Option<TickId>,
}

/// Streams the account's place until the client disconnects, the session ends or the server stops.
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
                // The closure owns the seat, which is taken until the stream ends.
                let _ = &seat;
                Ok::<_, Infallible>(event)
            });
            let mut headers = HeaderMap::new();
            // A reverse proxy that buffers would delay events, and the rank shown would be out of
            // date.
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

/// Returns the header that a browser sends when it reconnects on its own.
fn last_event_id(headers: &HeaderMap) -> Option<TickId> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.parse().ok().map(TickId)
}

/// Ends the stream when the server stops, which an open stream would delay, and when the session
/// has ended.
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

/// Returns when the session has ended, on any server, or when its access token expires.
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
    /// The tick as of which the client knows its place. `None` if what it knows is out of date and
    /// could not be read again yet.
    seen: Option<TickId>,
    interrupted: bool,
}

impl Watcher {
    /// Returns the watcher and the events to send at once.
    async fn start(
        services: Services,
        session: Session,
        concert: ConcertId,
        seen: Option<TickId>,
    ) -> Result<(Watcher, impl Stream<Item = Bytes>), Error> {
        // The session is held already, so if it ends after this check, the stream ends too.
        if !sessions::is_open(&services, &session).await? {
            return Err(Refusal::NotLoggedIn.into());
        }
        admission::admit(&services, &session, concert).await?;
        // Subscribes to ticks before reading the view: a change in between is in both, and
        // recognised by its id.
        let (news, missed) = services.ticks.watch_from(concert, seen.unwrap_or_default());
        let (seen, first) = match missed {
            Some(missed) if seen.is_some() => {
                let newest = missed.last().map(|event| event.tick.id);
                let mut events: Vec<Bytes> = missed.into_iter().map(tick_event).collect();
                // Confirms to the client at once that the stream works.
                events.push(wordless("alive"));
                (newest.or(seen), events)
            }
            _ => {
                let view = admission::view(&services, session.account_id, concert).await?;
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

    /// Returns when the access token expires.
    fn until(&self) -> Instant {
        let left = self.session.expires_at - self.services.clock.now();
        Instant::now() + left.to_std().unwrap_or_default()
    }

    /// Returns the next event. `None` ends the stream, and the browser reconnects.
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

    /// Callers box the future: it is rarely needed, and every open stream would otherwise reserve
    /// memory for it.
    async fn read_anew(&mut self) -> Bytes {
        // Limits concurrent reads: after a build all watchers read their places again at the same
        // time.
        let _turn = self.services.ticks.reading().await;
        match admission::view(&self.services, self.session.account_id, self.concert).await {
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

/// Formats an event of `text/event-stream`. The JSON has no line breaks.
fn framed(name: &str, id: TickId, json: &str) -> Bytes {
    format!("event: {name}\nid: {}\ndata: {json}\n\n", id.0).into()
}

fn wordless(name: &str) -> Bytes {
    format!("event: {name}\ndata: {{}}\n\n").into()
}
