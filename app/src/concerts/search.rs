//! Search as you type: fetches the page that the form would open while the user types, and shows
//! its results in this page.
//!
//! There is no separate API or renderer: the response is home at another address, as it is without
//! JavaScript.

use leptos::prelude::*;

/// Id of the form.
pub(super) const FORM: &str = "search-form";
/// Id of the line with the number of concerts found.
pub(super) const FOUND: &str = "found";
/// Id of the element whose content is replaced.
pub(super) const RESULTS: &str = "results";

/// Watches the form and keeps the address up to date. The first letter typed and each choice add a
/// history entry, so the back button undoes them. If a search fails, the page says so, and the form
/// is then submitted as without JavaScript.
#[island]
pub fn SearchAsYouType() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    browser::watch();
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::{FORM, FOUND, RESULTS};
    use leptos::ev;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{
        Document, DomParser, Element, Event, FormData, HtmlFormElement, Response, SupportedType,
    };

    /// Attribute of the form: the address that the server rendered the page for.
    const ASKED_AT: &str = "data-asked-at";
    /// Attribute of the form: the text that is shown if a search fails.
    const FAILED: &str = "data-failed";
    /// Id and name of the text input.
    const TEXT: &str = "search";
    /// Pause in typing after which the search is sent.
    const PAUSE: Duration = Duration::from_millis(200);
    /// Names of the form's arguments, in the order that the server uses in its own addresses.
    const ARGUMENTS: [&str; 8] = [
        TEXT,
        "genre",
        "from",
        "to",
        "price_from",
        "price_to",
        "sale",
        "sort",
    ];

    struct Search {
        /// Address of the results that are shown or being fetched.
        shown: RefCell<String>,
        /// Number of requests so far; identifies late responses, which are discarded.
        asked: Cell<u32>,
        /// Whether the current history entry is for the text being typed. The next letter then
        /// replaces it.
        typing: Cell<bool>,
        pause: Cell<Option<TimeoutHandle>>,
        broken: Cell<bool>,
    }

    pub fn watch() {
        let search = Rc::new(Search {
            shown: RefCell::new(said_by_form(ASKED_AT).unwrap_or_else(here)),
            asked: Cell::new(0),
            typing: Cell::new(false),
            pause: Cell::new(None),
            broken: Cell::new(false),
        });
        let input = window_event_listener(ev::input, {
            let search = search.clone();
            move |event| {
                if is_text(&event) {
                    search.later();
                }
            }
        });
        let change = window_event_listener(ev::change, {
            let search = search.clone();
            move |event| {
                // The text input is handled by the `input` listener.
                if form_of(&event).is_some() && !is_text(&event) {
                    search.ask(false);
                }
            }
        });
        let submit = window_event_listener(ev::submit, {
            let search = search.clone();
            move |event| {
                if form_of(&event).is_some() && !search.broken.get() {
                    event.prevent_default();
                    search.ask(search.pending());
                }
            }
        });
        // Handles what happened before the listeners were installed: the form was edited, or else
        // the user went back. After a reload, going back is still a step within one document.
        match form().is_some_and(|form| is_changed(&form)) {
            true => search.later(),
            false => search.go_back(),
        }
        let popstate = window_event_listener(ev::popstate, move |_| search.go_back());
        on_cleanup(move || {
            for listener in [input, change, submit] {
                listener.remove();
            }
            popstate.remove();
        });
    }

    impl Search {
        fn later(self: &Rc<Self>) {
            self.pending();
            let search = self.clone();
            let pause = set_timeout_with_handle(move || search.ask(true), PAUSE);
            self.pause.set(pause.ok());
        }

        /// Cancels a scheduled search and returns whether there was one.
        fn pending(&self) -> bool {
            let pause = self.pause.take();
            if let Some(pause) = &pause {
                pause.clear();
            }
            pause.is_some()
        }

        /// Runs the search in the form. `typed` means that it comes from typing, so that successive
        /// ones share a history entry.
        fn ask(self: &Rc<Self>, typed: bool) {
            self.pending();
            let Some(address) = form().and_then(|form| address(&form)) else {
                return;
            };
            if *self.shown.borrow() == address {
                return;
            }
            let goes_on = self.typing.replace(typed) && typed;
            if let Ok(history) = window().history() {
                let _ = match goes_on {
                    true => history.replace_state_with_url(&JsValue::NULL, "", Some(&address)),
                    false => history.push_state_with_url(&JsValue::NULL, "", Some(&address)),
                };
            }
            self.show(address, false);
        }

        /// Shows the results for the current address.
        fn go_back(self: &Rc<Self>) {
            let address = here();
            // A link within the page also fires `popstate`.
            if *self.shown.borrow() != address {
                self.pending();
                self.typing.set(false);
                self.show(address, true);
            }
        }

        fn show(self: &Rc<Self>, address: String, with_form: bool) {
            let number = self.asked.get() + 1;
            self.asked.set(number);
            self.shown.replace(address.clone());
            busy(true);
            let search = self.clone();
            spawn_local(async move {
                let page = fetch(&address).await;
                if search.asked.get() != number {
                    return;
                }
                busy(false);
                let shown = page.as_ref().and_then(|page| take_over(page, with_form));
                search.broken.set(shown.is_none());
                if shown.is_none()
                    && let Some(found) = document().get_element_by_id(FOUND)
                {
                    found.set_text_content(said_by_form(FAILED).as_deref());
                }
            });
        }
    }

    /// Fetches a page. Returns `None` if there is no response or its status is not a success.
    async fn fetch(address: &str) -> Option<Document> {
        let answer = JsFuture::from(window().fetch_with_str(address))
            .await
            .ok()?;
        let answer = answer.dyn_into::<Response>().ok().filter(Response::ok)?;
        let page = JsFuture::from(answer.text().ok()?)
            .await
            .ok()?
            .as_string()?;
        let parser = DomParser::new().ok()?;
        parser
            .parse_from_string(&page, SupportedType::TextHtml)
            .ok()
    }

    /// Copies the results of another page into this one. Returns `None` if that page is not a list
    /// of concerts. Scripts in a page parsed this way do not run.
    fn take_over(page: &Document, with_form: bool) -> Option<()> {
        let part = |page: &Document, id| page.get_element_by_id(id);
        let (found, results) = (part(page, FOUND)?, part(page, RESULTS)?);
        if with_form && let (Some(form), Some(other)) = (form(), part(page, FORM)) {
            form.set_inner_html(&other.inner_html());
        }
        let here = document();
        part(&here, FOUND)?.set_text_content(found.text_content().as_deref());
        part(&here, RESULTS)?.set_inner_html(&results.inner_html());
        Some(())
    }

    fn busy(busy: bool) {
        if let Some(results) = document().get_element_by_id(RESULTS) {
            let _ = results.set_attribute("aria-busy", if busy { "true" } else { "false" });
        }
    }

    fn said_by_form(attribute: &str) -> Option<String> {
        form()?.get_attribute(attribute)
    }

    fn form() -> Option<HtmlFormElement> {
        document().get_element_by_id(FORM)?.dyn_into().ok()
    }

    /// Returns the address for the values in the form, without empty ones.
    fn address(form: &HtmlFormElement) -> Option<String> {
        let data = FormData::new_with_form(form).ok()?;
        let mut address = String::from("/");
        for name in ARGUMENTS {
            let value = data.get(name).as_string().unwrap_or_default();
            let value = value.trim();
            if !value.is_empty() {
                address.push(if address.len() > 1 { '&' } else { '?' });
                address.push_str(name);
                address.push('=');
                address.push_str(&String::from(js_sys::encode_uri_component(value)));
            }
        }
        Some(address)
    }

    /// Returns whether the values in the form differ from those it was rendered with.
    fn is_changed(form: &HtmlFormElement) -> bool {
        let Ok(came) = form.clone_node() else {
            return false;
        };
        let came: HtmlFormElement = came.unchecked_into();
        came.set_inner_html(&form.inner_html());
        address(form) != address(&came)
    }

    fn here() -> String {
        let location = window().location();
        location.pathname().unwrap_or_default() + &location.search().unwrap_or_default()
    }

    fn form_of(event: &Event) -> Option<Element> {
        let element = event.target()?.dyn_into::<Element>().ok()?;
        element.closest(&format!("#{FORM}")).ok()?
    }

    fn is_text(event: &Event) -> bool {
        form_of(event).is_some()
            && event
                .target()
                .and_then(|input| input.dyn_into::<Element>().ok())
                .is_some_and(|input| input.id() == TEXT)
    }
}
