//! The concert's form while it is being typed: what is wrong is said beside its field, and the preview keeps up.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "hydrate")]
use crate::island::json::{Json, Read};

/// What the server says of a form that nobody has sent yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    pub problems: Vec<Wrong>,
    /// The preview, as the page would have it.
    pub html: String,
}

/// What is wrong with a field, in the reader's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// The name of the input.
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

/// Watches the form of this page. Only fields that somebody has been in are told what is wrong with them: the others are
/// not wrong, but not filled in yet.
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

    /// After the last key.
    const PAUSE: Duration = Duration::from_millis(500);

    #[derive(Default)]
    struct Watch {
        /// The names of the fields that somebody has been in.
        touched: RefCell<Vec<String>>,
        timer: Cell<Option<TimeoutHandle>>,
        asking: Cell<bool>,
        again: Cell<bool>,
        /// Until the pointer has left the button that it is on.
        held: RefCell<Option<Looked>>,
    }

    pub fn watch() {
        let watch = Rc::new(Watch::default());
        // What was typed before anybody listened. A form that was refused says what is wrong with it until it is changed.
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
        // Where the pointer is counts from when it is over something; out of the window it is over nothing.
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

    /// Of a field of the form.
    fn name_of(target: Option<EventTarget>) -> Option<String> {
        let field: Element = target?.dyn_into().ok()?;
        // Not by the form's `id`: it holds an input of that name, which is what a browser would answer with.
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

    /// One question at a time, and the newest answer last.
    fn look(watch: &Rc<Watch>) {
        if watch.asking.replace(true) {
            watch.again.set(true);
            return;
        }
        let watch = watch.clone();
        spawn_local(async move {
            // An answer that does not come changes nothing: the form can still be sent.
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

    /// What is said moves what is below it: a button would be gone from under the pointer that presses it.
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
            // As the server has rendered and escaped it; no script in markup that comes this way is run.
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

    /// As `forms/fields.rs` has it from the start.
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
