//! Keeps the desk true while it is looked at.

use leptos::prelude::*;

/// Reads the page again every second and puts its parts in the place of the old ones.
///
/// There is an organiser or two to a sale, so a page a second costs next to nothing, while a stream for them would be one more
/// thing to keep alive. And it is the page itself that is read: no word, number or plot has to be made in the browser as well,
/// and nobody else's browser fetches what would make them.
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
        // Nobody looks.
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
            // The server says better than this why there is nothing to see here any more.
            Read::Refused => return crate::refresh::reload(),
        }
    }
}

#[cfg(feature = "hydrate")]
enum Read {
    Page(web_sys::Document),
    /// The server is away, or a store behind it.
    Nothing,
    /// Logged out, or no longer somebody who may.
    Refused,
}

/// The page as it is now.
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
        // Parsed apart from the page: nothing in it runs, and nothing is fetched for it.
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
    // Something is open or has the focus: nothing moves under a hand.
    let busy = here.query_selector("details[open], :focus, [data-sent]");
    let new = new.inner_html();
    if matches!(busy, Ok(None)) && here.inner_html() != new {
        here.set_inner_html(&new);
    }
}
