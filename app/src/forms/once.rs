//! Prevents a form from being sent again while its response is pending.

use leptos::prelude::*;

/// Watches every form of the page that changes something. Once a form is sent, its button says so
/// and has no further effect. A page restored from the browser's back/forward cache has working
/// buttons again.
#[island]
pub fn SendOnce() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    watch();
}

#[cfg(feature = "hydrate")]
const SENT: &str = "data-sent";

/// Time without a new page after which the buttons are restored: the user stopped loading, or there
/// was nothing to show, and no event reports either. Longer than the server takes for any response,
/// for a form with a file and for one without.
#[cfg(feature = "hydrate")]
const NOTHING_CAME: std::time::Duration = std::time::Duration::from_secs(35);
#[cfg(feature = "hydrate")]
const NOTHING_CAME_OF_FILE: std::time::Duration = std::time::Duration::from_secs(125);

#[cfg(feature = "hydrate")]
fn watch() {
    use leptos::ev;
    use wasm_bindgen::JsCast;
    use web_sys::HtmlFormElement;
    let submitted = window_event_listener(ev::submit, |event| {
        let form = event
            .target()
            .and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
        let Some(form) = form.filter(|form| form.method() == "post") else {
            return;
        };
        if form.has_attribute(SENT) {
            event.prevent_default();
            return;
        }
        // Deferred: a later listener may still prevent the submission, and a button that is
        // disabled during the event is not sent with the form.
        set_timeout(
            move || {
                if event.default_prevented() {
                    return;
                }
                let _ = form.set_attribute(SENT, "");
                let nothing_came = match form.enctype().as_str() {
                    "multipart/form-data" => NOTHING_CAME_OF_FILE,
                    _ => NOTHING_CAME,
                };
                set_timeout(restore, nothing_came);
                let Some(button) = event.submitter() else {
                    return;
                };
                let _ = button.set_attribute("aria-disabled", "true");
                if let Some(sending) = button.get_attribute("data-sending") {
                    let before = button.text_content().unwrap_or_default();
                    let _ = button.set_attribute("data-words", &before);
                    button.set_text_content(Some(&sending));
                }
            },
            std::time::Duration::ZERO,
        );
    });
    let shown = window_event_listener(ev::pageshow, |_| restore());
    on_cleanup(move || {
        submitted.remove();
        shown.remove();
    });
}

/// Restores the buttons of all forms of the page.
#[cfg(feature = "hydrate")]
fn restore() {
    use wasm_bindgen::JsCast;
    use web_sys::Element;
    let Ok(forms) = document().query_selector_all("[data-sent], [data-words]") else {
        return;
    };
    for index in 0..forms.length() {
        let Some(element) = forms
            .get(index)
            .and_then(|node| node.dyn_into::<Element>().ok())
        else {
            continue;
        };
        let _ = element.remove_attribute(SENT);
        let _ = element.remove_attribute("aria-disabled");
        if let Some(words) = element.get_attribute("data-words") {
            element.set_text_content(Some(&words));
            let _ = element.remove_attribute("data-words");
        }
    }
}
