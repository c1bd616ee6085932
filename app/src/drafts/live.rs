//! Checks the concert's form while the user types: shows each problem beside its field and keeps
//! the preview up to date.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "hydrate")]
use crate::island::json::{Json, Read};

/// The server's response about a form that has not been submitted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    pub problems: Vec<Wrong>,
    /// HTML of the preview, as the page would have it.
    pub html: String,
}

/// A problem of a field, in the user's language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Name of the input.
    pub field: String,
    pub words: String,
}

#[cfg(feature = "hydrate")]
impl Read for Looked {
    fn read(json: &Json) -> Option<Looked> {
        Some(Looked {
            problems: json.get("problems")?,
            html: json.get("html")?,
        })
    }
}

#[cfg(feature = "hydrate")]
impl Read for Wrong {
    fn read(json: &Json) -> Option<Wrong> {
        Some(Wrong {
            field: json.get("field")?,
            words: json.get("words")?,
        })
    }
}

/// Watches the form of this page. Shows problems only beside fields that the user has edited: the
/// others are not wrong, but not filled in yet.
#[island]
pub fn LivePreview() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    browser::watch();
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::super::{CONCERT_FORM, LOOK, PREVIEW_PLACE};
    use super::Looked;
    use crate::island::json;
    use leptos::ev;
    use leptos::leptos_dom::helpers::TimeoutHandle;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;
    use wasm_bindgen::JsCast;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{
        Element, EventTarget, FormData, Headers, HtmlFormElement, RequestInit, Response,
        UrlSearchParams,
    };

    /// Pause in typing after which the form is checked.
    const PAUSE: Duration = Duration::from_millis(500);

    #[derive(Default)]
    struct Watch {
        /// Names of the fields that the user has edited.
        touched: RefCell<Vec<String>>,
        timer: Cell<Option<TimeoutHandle>>,
        asking: Cell<bool>,
        again: Cell<bool>,
        /// A response that is held back until the pointer has left the button that it is on.
        held: RefCell<Option<Looked>>,
    }

    pub fn watch() {
        let watch = Rc::new(Watch::default());
        // Checks what was typed before the listeners were installed. A refused form shows its
        // problems until it is changed.
        if !there_is(".field-problem:not([hidden])") {
            look_soon(&watch);
        }
        let typed = {
            let watch = watch.clone();
            window_event_listener(ev::input, move |event| {
                if name_of(event.target()).is_some() {
                    look_soon(&watch);
                }
            })
        };
        let changed = {
            let watch = watch.clone();
            window_event_listener(ev::change, move |event| {
                if let Some(name) = name_of(event.target()) {
                    watch.touched.borrow_mut().push(name);
                    look_soon(&watch);
                }
            })
        };
        // A browser knows what the pointer is over only once it enters an element (`mouseover`).
        // Outside the window it is over nothing (`mouseout`).
        let over = {
            let watch = watch.clone();
            window_event_listener(ev::mouseover, move |_| show_held(&watch))
        };
        let out = window_event_listener(ev::mouseout, move |_| show_held(&watch));
        on_cleanup(move || {
            typed.remove();
            changed.remove();
            over.remove();
            out.remove();
        });
    }

    fn form() -> Option<HtmlFormElement> {
        let form = document().get_element_by_id(CONCERT_FORM)?;
        form.dyn_into().ok()
    }

    /// Returns the name of a field of the form, or `None` if the target is not one.
    fn name_of(target: Option<EventTarget>) -> Option<String> {
        let field: Element = target?.dyn_into().ok()?;
        // Not by the form's `id` property: the form has an input of that name, which browsers
        // return instead.
        field.closest(&format!("form#{CONCERT_FORM}")).ok()??;
        field.get_attribute("name")
    }

    fn look_soon(watch: &Rc<Watch>) {
        if let Some(timer) = watch.timer.take() {
            timer.clear();
        }
        let later = watch.clone();
        let timer = set_timeout_with_handle(move || look(&later), PAUSE);
        watch.timer.set(timer.ok());
    }

    /// Sends one request at a time. If another is needed meanwhile, it follows, so the newest
    /// response is shown last.
    fn look(watch: &Rc<Watch>) {
        if watch.asking.replace(true) {
            watch.again.set(true);
            return;
        }
        let watch = watch.clone();
        spawn_local(async move {
            // Without a response nothing changes: the form can still be sent.
            if let Some(looked) = ask().await {
                watch.held.replace(Some(looked));
                show_held(&watch);
            }
            watch.asking.set(false);
            if watch.again.replace(false) {
                look_soon(&watch);
            }
        });
    }

    /// Shows the response that is held back, unless the pointer is on a button: a message moves
    /// what is below it, so the button would move away from under the pointer that presses it.
    fn show_held(watch: &Watch) {
        if watch.held.borrow().is_none() || there_is("button:hover") {
            return;
        }
        if let Some(looked) = watch.held.take() {
            show(watch, &looked);
        }
    }

    fn there_is(selector: &str) -> bool {
        document()
            .query_selector(selector)
            .is_ok_and(|it| it.is_some())
    }

    async fn ask() -> Option<Looked> {
        let typed = FormData::new_with_form(&form()?).ok()?;
        let body = UrlSearchParams::new_with_str_sequence_sequence(&typed).ok()?;
        let headers = Headers::new().ok()?;
        headers.set("accept", "application/json").ok()?;
        let request = RequestInit::new();
        request.set_method("POST");
        request.set_headers(&headers);
        request.set_body(&body);
        let answer = JsFuture::from(window().fetch_with_str_and_init(LOOK, &request)).await;
        let answer: Response = answer.ok()?.unchecked_into();
        if !answer.ok() {
            return None;
        }
        let answer = JsFuture::from(answer.json().ok()?).await;
        json::read(answer.ok()?)
    }

    fn show(watch: &Watch, looked: &Looked) {
        if let Some(place) = document().get_element_by_id(PREVIEW_PLACE) {
            // The server has rendered and escaped this HTML. Browsers do not run scripts that are
            // set as `innerHTML`.
            place.set_inner_html(&looked.html);
        }
        let Some(form) = form() else { return };
        let Ok(problems) = form.query_selector_all(".field-problem") else {
            return;
        };
        let touched = watch.touched.borrow();
        for index in 0..problems.length() {
            let Some(problem) = problems.get(index) else {
                continue;
            };
            let Ok(problem) = problem.dyn_into::<Element>() else {
                continue;
            };
            let id = problem.id();
            let name = id.strip_suffix("-problem").unwrap_or_default();
            if touched.iter().any(|touched| touched == name) || !problem.has_attribute("hidden") {
                let wrong = looked.problems.iter().find(|wrong| wrong.field == name);
                tell(&problem, name, wrong.map(|wrong| wrong.words.as_str()));
            }
        }
    }

    /// Sets the same attributes as `forms/fields.rs` renders from the start.
    fn tell(problem: &Element, name: &str, words: Option<&str>) {
        problem.set_text_content(words);
        let _ = problem.toggle_attribute_with_force("hidden", words.is_none());
        if let Ok(Some(frame)) = problem.closest(".field") {
            let _ = frame
                .class_list()
                .toggle_with_force("field--wrong", words.is_some());
        }
        let Some(input) = document().get_element_by_id(name) else {
            return;
        };
        let _ = match words {
            Some(_) => input.set_attribute("aria-invalid", "true"),
            None => input.remove_attribute("aria-invalid"),
        };
    }
}
