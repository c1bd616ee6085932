//! What a form has just done, reported once by the next page. It is stored in a cookie and not in
//! the address, so that no link can make a page report something that did not happen.

use crate::request::{Response, accepts_html, cookie, settings};
use crate::sessions::cookies::set;
use http::request::Parts;
use leptos::prelude::with_context;

/// Lifetime of the cookie in seconds: upper bound on the time until the next page.
const LIFE: i64 = 30;

fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-frontrow_done",
        false => "frontrow_done",
    }
}

/// Makes the next page that checks for `what` report it. Does nothing for a script, which reads the
/// response.
pub fn say_done(what: &str) {
    if !accepts_html() {
        return;
    }
    let settings = settings();
    if let Some(cookie) = set(&settings, cookie_name(settings.secure), what, LIFE) {
        Response::set_cookie(cookie);
    }
}

/// Returns which one of `these` was just done, or `None`. Returns it only once: a reload reports
/// nothing.
pub fn just_done(these: &[&'static str]) -> Option<&'static str> {
    let settings = settings();
    let name = cookie_name(settings.secure);
    let said = with_context(|parts: &Parts| {
        let said = cookie(&parts.headers, name)?;
        these.iter().copied().find(|what| *what == said)
    })??;
    if let Some(gone) = set(&settings, name, "", 0) {
        Response::set_cookie(gone);
    }
    Some(said)
}
