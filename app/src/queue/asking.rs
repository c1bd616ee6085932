//! Requests to the server from the browser for what `join_queue` and `queue_view` return, without
//! the client of a server function, which would be downloaded with every page.

use super::api::JoinQueue;
use super::upcoming::Answer;
use super::{GET_CONCERT, QUEUE_VIEW};
use crate::island::json;
use leptos::prelude::window;
use leptos::server_fn::ServerFn;
use model::concerts::ConcertId;
use model::queue::{QueueView, TickId};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

/// Why there is no place to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    NotLoggedIn,
    /// The server or one of its stores is unavailable.
    Away,
    /// Too many requests: retry after this many seconds.
    TooOften(u32),
    Refused,
}

/// Takes a place.
pub(super) async fn join(concert: ConcertId) -> Result<QueueView, No> {
    let request = RequestInit::new();
    request.set_method("POST");
    let headers = Headers::new().map_err(|_| No::Refused)?;
    let kind = "application/x-www-form-urlencoded";
    let _ = headers.set("content-type", kind);
    request.set_headers(&headers);
    request.set_body(&JsValue::from_str(&format!("concert_id={concert}")));
    place(ask(&crate::forms::address(JoinQueue::PATH), &request).await)
}

/// Reads the account's standing. With `after`, as of that tick or a newer one.
pub(super) async fn view(concert: ConcertId, after: Option<TickId>) -> Result<QueueView, No> {
    let mut address = format!("{QUEUE_VIEW}?concert_id={concert}");
    if let Some(TickId(tick)) = after {
        address += &format!("&after={tick}");
    }
    place(ask(&address, &RequestInit::new()).await)
}

/// Reads the plan of a concert's sale and the server's time.
pub(super) async fn plan(concert: ConcertId) -> Option<Answer> {
    let address = format!("{GET_CONCERT}?id={concert}");
    let answer = ask(&address, &RequestInit::new()).await.ok()?;
    json::read(answer)
}

fn place(answer: Result<JsValue, No>) -> Result<QueueView, No> {
    json::read(answer?).ok_or(No::Away)
}

async fn ask(address: &str, request: &RequestInit) -> Result<JsValue, No> {
    let asked = window().fetch_with_str_and_init(address, request);
    let response: Response = JsFuture::from(asked)
        .await
        .map_err(|_| No::Away)?
        .unchecked_into();
    match response.status() {
        200 => {}
        401 => return Err(No::NotLoggedIn),
        429 => {
            let seconds = response.headers().get("retry-after").ok().flatten();
            return Err(No::TooOften(
                seconds
                    .and_then(|seconds| seconds.parse().ok())
                    .unwrap_or(1),
            ));
        }
        502..=504 => return Err(No::Away),
        _ => return Err(No::Refused),
    }
    let json = response.json().map_err(|_| No::Away)?;
    // A truncated response, or one that is not ours, such as a proxy's while the server restarts.
    JsFuture::from(json).await.map_err(|_| No::Away)
}
