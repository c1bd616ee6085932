//! Being told when the turn comes, by whoever looks elsewhere meanwhile: a sound, and the browser's own notification.

use super::use_queue_words;
use leptos::prelude::*;

/// What was asked for on this page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only a browser rings")
)]
pub(super) enum Bell {
    /// Nothing runs yet that could ring.
    #[default]
    Absent,
    Off,
    /// A sound alone: the browser may not show notifications.
    Sound,
    Notification,
}

/// The button that asks for it. Without JavaScript there is none.
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
    use crate::island::is_in;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{AudioContext, Notification, NotificationPermission};

    thread_local! {
        /// Made when the button is pressed: a browser lets no page sound that nobody has touched.
        static SOUND: std::cell::RefCell<Option<AudioContext>> = const { std::cell::RefCell::new(None) };
    }

    pub fn press(bell: RwSignal<Bell>) {
        if bell.get_untracked() != Bell::Off {
            bell.set(Bell::Off);
            return;
        }
        bell.set(Bell::Sound);
        SOUND.with_borrow_mut(|sound| {
            if sound.is_none() {
                *sound = AudioContext::new().ok();
            }
        });
        // So that it is known how it will sound.
        play(0.05);
        spawn_local(async move {
            if !can_notify() {
                return;
            }
            if let Ok(asked) = Notification::request_permission() {
                let _ = JsFuture::from(asked).await;
            }
            if Notification::permission() == NotificationPermission::Granted {
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

    /// Older browsers have none, and browsers on Android leave them to service workers: what is promised there is the sound.
    fn can_notify() -> bool {
        let browser = window().navigator().user_agent().unwrap_or_default();
        !is_in("Android", &browser)
            && js_sys::Reflect::has(&window(), &"Notification".into()).unwrap_or(false)
    }

    /// Rings, if it was asked for.
    pub fn ring(bell: Bell, words: &str) {
        if matches!(bell, Bell::Sound | Bell::Notification) {
            play(0.3);
        }
        if bell == Bell::Notification {
            // Refused: the sound has to do.
            let _ = Notification::new(words);
        }
    }

    /// A short chord, rising.
    fn play(loudness: f32) {
        SOUND.with_borrow(|sound| {
            let Some(sound) = sound else { return };
            let _ = sound.resume();
            for (index, pitch) in [523.0, 659.0, 784.0].into_iter().enumerate() {
                let _ = note(sound, pitch, index as f64 * 0.12, loudness);
            }
        });
    }

    fn note(
        sound: &AudioContext,
        pitch: f32,
        after: f64,
        loudness: f32,
    ) -> Result<(), wasm_bindgen::JsValue> {
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
