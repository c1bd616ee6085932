//! What a form has just done, said once by the page that follows. In a cookie and in no address, so that no link makes a page
//! say what did not happen.

use crate::request::{Response, accepts_html, cookie, settings};
use crate::sessions::cookies::set;
use http::request::Parts;
use leptos::prelude::with_context;

/// Seconds until the next page, at most.
const LIFE: i64 = 30;

fn cookie_name(secure: bool) -> &'static str {
    match secure {
        true => "__Host-frontrow_done",
        false => "frontrow_done",
    }
}

/// To be said by the next page that is about it. A script reads the answer.
pub fn say_done(what: &str) {
    if !accepts_html() {
        return;
    }
    let settings = settings();
    if let Some(cookie) = set(&settings, cookie_name(settings.secure), what, LIFE) {
        Response::set_cookie(cookie);
    }
}

/// Which one of `these` was just done, if any was. Once: a reload says nothing any more.
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
