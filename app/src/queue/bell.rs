//! The alert when a ticket is issued, for users who look elsewhere meanwhile: a sound, and a
//! notification of the browser.

use super::use_queue_words;
use leptos::prelude::*;

/// The kind of alert that the user asked for on this page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only a browser rings")
)]
pub(super) enum Bell {
    /// No script runs yet that could ring.
    #[default]
    Absent,
    Off,
    /// A sound alone: the browser may not show notifications.
    Sound,
    Notification,
}

/// The button that turns the alert on and off. It is hidden without JavaScript.
#[component]
pub(super) fn BellButton(bell: RwSignal<Bell>) -> impl IntoView {
    let words = use_queue_words();
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if bell.get_untracked() == Bell::Absent {
            bell.set(Bell::Off);
        }
    });
    let press = move |_| {
        #[cfg(feature = "hydrate")]
        ringing::press(bell);
    };
    let label = move || match bell.get() {
        Bell::Absent | Bell::Off => words.tell_me,
        Bell::Sound => words.telling_by_sound,
        Bell::Notification => words.telling,
    };
    let on = move || {
        if matches!(bell.get(), Bell::Sound | Bell::Notification) {
            "true"
        } else {
            "false"
        }
    };
    view! {
        <button
            type="button"
            class="button bell"
            data-testid="bell"
            aria-pressed=on
            hidden=move || bell.get() == Bell::Absent
            on:click=press
        >
            {label}
        </button>
    }
}

#[cfg(feature = "hydrate")]
pub(super) use ringing::ring;

#[cfg(feature = "hydrate")]
mod ringing {
    use super::Bell;
    use js_sys::{Promise, Reflect};
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use std::cell::RefCell;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{
        AudioContext, Notification, NotificationOptions, ServiceWorkerContainer,
        ServiceWorkerRegistration,
    };

    /// What an alert needs.
    struct Means {
        /// Created when the button is pressed: browsers block sound on pages without user
        /// interaction.
        sound: Option<AudioContext>,
        /// Shows notifications for the page (`public/bell.js`): on Android a page cannot do so
        /// directly.
        worker: Option<ServiceWorkerRegistration>,
    }

    thread_local! {
        static MEANS: RefCell<Means> = const { RefCell::new(Means { sound: None, worker: None }) };
    }

    pub fn press(bell: RwSignal<Bell>) {
        if bell.get_untracked() != Bell::Off {
            bell.set(Bell::Off);
            return;
        }
        bell.set(Bell::Sound);
        MEANS.with_borrow_mut(|means| {
            if means.sound.is_none() {
                means.sound = AudioContext::new().ok();
            }
        });
        // Lets the user hear how it will sound.
        play(0.05);
        spawn_local(async move {
            if let Some(worker) = worker().await {
                MEANS.with_borrow_mut(|means| means.worker = Some(worker));
                bell.maybe_update(|bell| {
                    let on = *bell == Bell::Sound;
                    if on {
                        *bell = Bell::Notification;
                    }
                    on
                });
            }
        });
    }

    /// Registers the service worker, after asking for permission to show notifications. Returns
    /// `None` if the browser has no service workers or no notifications, or if permission is
    /// denied.
    async fn worker() -> Option<ServiceWorkerRegistration> {
        let workers = Reflect::get(&window().navigator(), &"serviceWorker".into()).ok()?;
        if workers.is_undefined() {
            return None;
        }
        let allowed = JsFuture::from(Notification::request_permission().ok()?);
        if allowed.await.ok()?.as_string()? != "granted" {
            return None;
        }
        let workers: ServiceWorkerContainer = workers.unchecked_into();
        JsFuture::from(workers.register("/bell.js")).await.ok()?;
        let ready = JsFuture::from(workers.ready().ok()?).await;
        ready.ok().map(JsCast::unchecked_into)
    }

    /// Rings if the user asked for it.
    pub fn ring(bell: Bell, words: &str) {
        if matches!(bell, Bell::Sound | Bell::Notification) {
            play(0.3);
        }
        if bell == Bell::Notification
            && let Some(shown) = notify(words)
        {
            spawn_local(async move {
                // Fails if the permission was withdrawn. The sound is then the only alert.
                let _ = JsFuture::from(shown).await;
            });
        }
    }

    fn notify(words: &str) -> Option<Promise> {
        let options = NotificationOptions::new();
        // The page that a click on the notification opens.
        options.set_data(&window().location().href().ok()?.into());
        MEANS.with_borrow(|means| {
            let worker = means.worker.as_ref()?;
            worker.show_notification_with_options(words, &options).ok()
        })
    }

    /// A short chord, rising.
    fn play(loudness: f32) {
        MEANS.with_borrow(|means| {
            let Some(sound) = &means.sound else { return };
            let _ = sound.resume();
            for (index, pitch) in [523.0, 659.0, 784.0].into_iter().enumerate() {
                let _ = note(sound, pitch, index as f64 * 0.12, loudness);
            }
        });
    }

    fn note(sound: &AudioContext, pitch: f32, after: f64, loudness: f32) -> Result<(), JsValue> {
        let (start, tone, volume) = (
            sound.current_time() + after,
            sound.create_oscillator()?,
            sound.create_gain()?,
        );
        tone.frequency().set_value(pitch);
        volume.gain().set_value_at_time(loudness, start)?;
        volume
            .gain()
            .exponential_ramp_to_value_at_time(0.001, start + 0.6)?;
        tone.connect_with_audio_node(&volume)?;
        volume.connect_with_audio_node(&sound.destination())?;
        tone.start_with_when(start)?;
        tone.stop_with_when(start + 0.6)
    }
}
