//! The stream of one person's place: `GET /api/queue_stream?concert_id=1` (server only).
//!
//! Events: `view`, a whole [`QueueView`], first and after every gap; `tick`, a [`model::queue::Tick`] that moves it on;
//! `alive`, `{}`, when nothing else was to be told for a while.

use crate::error::ApiError;
use crate::sessions::Auth;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::header};
use futures::stream::{self, Stream};
use model::Refusal;
use model::concerts::ConcertId;
use model::queue::{QueueView, TickId};
use serde::Deserialize;
use services::queue::TickEvent;
use services::sessions::{self, Session};
use services::{Error, Services, queue};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

/// Often enough that no proxy takes the connection for dead, and that a logged-out session is not served for long.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
pub struct Arguments {
    concert_id: ConcertId,
}

/// Streams the place of whoever is logged in, until they hang up or the server stops.
pub async fn queue_stream(
    Extension(services): Extension<Services>,
    Extension(stop): Extension<CancellationToken>,
    Extension(auth): Extension<Auth>,
    arguments: Result<Query<Arguments>, QueryRejection>,
) -> Response {
    let session = match auth {
        Auth::LoggedIn(session) => session,
        Auth::Anonymous => return ApiError(Refusal::NotLoggedIn).into_response(),
        Auth::Unavailable => return ApiError(Refusal::Unavailable).into_response(),
    };
    let Ok(Query(Arguments { concert_id })) = arguments else {
        return ApiError(Refusal::Malformed).into_response();
    };
    match Watcher::start(services, session, concert_id).await {
        Ok((watcher, view)) => {
            let ended = session_ended(watcher.services.clone(), watcher.session.clone());
            let events = stream::unfold((watcher, Some(view)), async |(mut watcher, first)| {
                let event = match first {
                    Some(view) => view_event(&view),
                    None => watcher.next().await?,
                };
                Some((Ok::<_, Infallible>(event), (watcher, None)))
            });
            let events = stop_at(Box::pin(events), stop, ended);
            let mut headers = HeaderMap::new();
            // A reverse proxy that buffers would show a rank that is no longer true.
            headers.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
            (headers, Sse::new(events)).into_response()
        }
        Err(error) => {
            if error.is_ours() {
                tracing::warn!(%error, "a queue could not be watched");
            }
            ApiError(error.refusal()).into_response()
        }
    }
}

/// Ends the stream when the server stops, which it would hold up, and when the session has ended.
fn stop_at<S: Stream + Unpin>(
    events: S,
    stop: CancellationToken,
    ended: impl Future<Output = ()>,
) -> impl Stream<Item = S::Item> {
    use futures::StreamExt;
    events.take_until(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended => {}
        }
    })
}

/// Returns soon after the session was logged out, on whichever server, or its token has expired. A store that is away is no
/// log-out.
async fn session_ended(services: Services, session: Session) {
    loop {
        tokio::time::sleep(ALIVE).await;
        if matches!(sessions::is_open(&services, &session).await, Ok(false)) {
            return;
        }
    }
}

/// One open stream.
struct Watcher {
    services: Services,
    session: Session,
    concert: ConcertId,
    ticks: Receiver<TickEvent>,
    /// The tick as of which the reader knows their place.
    seen: TickId,
}

impl Watcher {
    async fn start(
        services: Services,
        session: Session,
        concert: ConcertId,
    ) -> Result<(Watcher, QueueView), Error> {
        // Ticks first, then the view: what happens in between is in both, and told apart by its id.
        let ticks = services.ticks.watch(concert);
        let view = queue::view(&services, session.account_id, concert).await?;
        Ok((
            Watcher {
                services,
                session,
                concert,
                ticks,
                seen: view.tick,
            },
            view,
        ))
    }

    /// The next thing to tell; None ends the stream, and the browser comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let Ok(heard) = tokio::time::timeout(ALIVE, self.ticks.recv()).await else {
                return Some(Event::default().event("alive").data("{}"));
            };
            match heard {
                Ok(event) if event.tick.id <= self.seen => {}
                Ok(event) if event.tick.previous == self.seen => {
                    self.seen = event.tick.id;
                    return Some(
                        Event::default()
                            .event("tick")
                            .id(self.seen.0.to_string())
                            .data(event.json),
                    );
                }
                Ok(_) | Err(RecvError::Lagged(_)) => return self.read_anew().await,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn read_anew(&mut self) -> Option<Event> {
        // A few at a time: after a rebuild everybody who watches comes here at once.
        let _turn = self.services.ticks.reading().await;
        let view = queue::view(&self.services, self.session.account_id, self.concert)
            .await
            .ok()?;
        self.seen = view.tick;
        Some(view_event(&view))
    }
}

fn view_event(view: &QueueView) -> Event {
    let event = Event::default().event("view").id(view.tick.0.to_string());
    event
        .json_data(view)
        .unwrap_or_else(|_| Event::default().comment("unreadable"))
}
