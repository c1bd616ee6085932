//! One stream per browser, regardless of how many tabs show a place (in the browser only). Over
//! HTTP/1.1 a browser opens six connections to a site, so six streams would leave none for other
//! requests. Tabs without the stream poll every few seconds instead.

use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Name of the lock that all tabs of the site share (Web Locks API).
const NAME: &str = "frontrow-queue-stream";

#[wasm_bindgen]
extern "C" {
    type Locks;

    #[wasm_bindgen(method, catch)]
    fn request(
        this: &Locks,
        name: &str,
        options: &Object,
        granted: &JsValue,
    ) -> Result<Promise, JsValue>;
}

/// The right of this tab to hold the stream, until it is dropped or the tab is closed. `None`
/// inside if the browser has no locks.
pub(super) struct Held(Option<Function>);

impl Held {
    /// Returns whether the tab has to give the stream up: without locks, hidden tabs hold none.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_none() && document().hidden()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            let _ = release.call0(&JsValue::NULL);
        }
    }
}

/// Returns `None` if another tab has the lock or, without locks, if this tab is hidden.
pub(super) async fn take() -> Option<Held> {
    let locks = Reflect::get(&window().navigator(), &"locks".into()).ok();
    let Some(locks) = locks.filter(JsValue::is_object) else {
        // A browser without locks, or a site without TLS.
        return (!document().hidden()).then_some(Held(None));
    };
    let locks: Locks = locks.unchecked_into();
    let (sender, granted) = oneshot::channel();
    let grant = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if lock.is_null() {
            let _ = sender.send(None);
            return JsValue::UNDEFINED;
        }
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let _ = sender.send(release);
        held.into()
    });
    let options = Object::new();
    let _ = Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE);
    let asked = JsFuture::from(locks.request(NAME, &options, &grant).ok()?);
    // If the request is rejected, `asked` finishes first and `grant` is never called.
    match select(granted, asked).await {
        Either::Left((Ok(Some(release)), _)) => Some(Held(Some(release))),
        _ => None,
    }
}
