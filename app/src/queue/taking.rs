//! Takes a place, however long it takes (in the browser only).

use super::asking::{No, join};
use super::jitter;
use super::join::Taking;
use gloo_timers::future::TimeoutFuture;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::concerts::ConcertId;
use model::queue::QueueView;
use wasm_bindgen::JsCast;
use web_sys::HtmlFormElement;

/// Upper bound on the seconds that a retry is delayed silently. If the server asks for more, the
/// form is submitted, so that its page tells the user.
const LONGEST_PAUSE: u32 = 30;

/// Takes over the form that was just submitted: requests the place until there is an answer, which
/// is safe because a repeated request returns the same place. A permanent refusal is left to the
/// form itself, and the server's page says why.
pub(super) fn take_place(
    event: &SubmitEvent,
    concert_id: ConcertId,
    taking: RwSignal<Taking>,
    joined: impl Fn(QueueView) + 'static,
) {
    event.prevent_default();
    let form = event
        .target()
        .and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
    taking.set(Taking::Asked);
    spawn_local(async move {
        let mut failures = 0;
        loop {
            let pause = match join(concert_id).await {
                Ok(place) => return joined(place),
                Err(No::Away) => (1000 << failures.min(3)) / 2,
                Err(No::TooOften(seconds)) if seconds <= LONGEST_PAUSE => seconds * 1000,
                Err(_) => {
                    if let Some(form) = form {
                        let _ = form.submit();
                    }
                    return;
                }
            };
            failures += 1;
            taking.set(Taking::Again);
            TimeoutFuture::new(pause + jitter(1000) as u32).await;
        }
    });
}
