//! Keeps the dashboard up to date while it is visible.

use leptos::prelude::*;

/// Fetches the page every second and replaces its live parts with the new ones.
///
/// A sale has one or two organisers, so one page per second costs almost nothing, while an event
/// stream for them would be one more thing to keep alive. Because the page itself is fetched, no
/// text, number or plot has to be rendered in the browser too, and other users' browsers do not
/// download code for it.
#[island]
pub fn KeepTrue() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    leptos::task::spawn_local(keep_true());
}

#[cfg(feature = "hydrate")]
async fn keep_true() {
    use super::{DESK, LIVE_PARTS};
    let stale = |stale: bool| {
        if let Some(desk) = document().get_element_by_id(DESK) {
            let _ = desk.toggle_attribute_with_force("data-stale", stale);
        }
    };
    loop {
        gloo_timers::future::TimeoutFuture::new(1000).await;
        // The page is not visible.
        if document().hidden() {
            continue;
        }
        match read().await {
            Read::Page(page) => {
                for part in LIVE_PARTS {
                    replace(part, &page);
                }
                stale(false);
            }
            Read::Nothing => stale(true),
            // The server's page explains better why there is nothing to show.
            Read::Refused => return crate::refresh::reload(),
        }
    }
}

#[cfg(feature = "hydrate")]
enum Read {
    Page(web_sys::Document),
    /// The server or one of its stores is unavailable.
    Nothing,
    /// Logged out, or no longer allowed to see the page.
    Refused,
}

/// Fetches the current page.
#[cfg(feature = "hydrate")]
async fn read() -> Read {
    use wasm_bindgen::JsCast;
    use wasm_bindgen_futures::JsFuture;
    let read = async {
        let asked = JsFuture::from(window().fetch_with_str(&crate::refresh::here())).await;
        let response: web_sys::Response = asked.ok()?.unchecked_into();
        match response.status() {
            200 => {}
            400..=499 => return Some(Read::Refused),
            _ => return None,
        }
        let text = JsFuture::from(response.text().ok()?)
            .await
            .ok()?
            .as_string()?;
        // Parsed into a separate document: no script in it runs, and nothing is fetched for it.
        let parser = web_sys::DomParser::new().ok()?;
        let page = parser.parse_from_string(&text, web_sys::SupportedType::TextHtml);
        page.ok().map(Read::Page)
    };
    read.await.unwrap_or(Read::Nothing)
}

#[cfg(feature = "hydrate")]
fn replace(part: &str, page: &web_sys::Document) {
    let (here, new) = (
        document().get_element_by_id(part),
        page.get_element_by_id(part),
    );
    let (Some(here), Some(new)) = (here, new) else {
        return;
    };
    // Nothing moves while a control in the part is open, has the focus or is being sent.
    let busy = here.query_selector("details[open], :focus, [data-sent]");
    let new = new.inner_html();
    if matches!(busy, Ok(None)) && here.inner_html() != new {
        here.set_inner_html(&new);
    }
}
