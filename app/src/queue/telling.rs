//! Announces a moving place to screen readers (in the browser only). `announcing` decides what is
//! announced and when.

use super::announcing::{Announcements, Due, News};
use super::{Link, QueueWords, use_queue_words, waiting};
use crate::clock::monotonic_ms;
use leptos::prelude::*;
use model::queue::{QueueView, Standing};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Writes announcements about a place into `polite` when they are due.
pub(super) fn announce(view: RwSignal<QueueView>, link: RwSignal<Link>, polite: RwSignal<String>) {
    let words = use_queue_words();
    let Some(news) = news(view, link, words) else {
        return;
    };
    let teller = Rc::new(Teller {
        view,
        link,
        polite,
        words,
        announcements: Announcements::new(monotonic_ms(), news).into(),
        waits: Cell::default(),
    });
    Effect::new(move |_| {
        view.track();
        link.track();
        teller.tell();
    });
}

struct Teller {
    view: RwSignal<QueueView>,
    link: RwSignal<Link>,
    polite: RwSignal<String>,
    words: &'static QueueWords,
    announcements: RefCell<Announcements>,
    /// Whether a timer is set for the time at which the next announcement is allowed.
    waits: Cell<bool>,
}

impl Teller {
    fn tell(self: &Rc<Teller>) {
        // `None` means that the page is being disposed.
        let Some(news) = news(self.view, self.link, self.words) else {
            return;
        };
        let due = self
            .announcements
            .borrow_mut()
            .hear(monotonic_ms(), news, self.words);
        match due {
            Due::Nothing => {}
            Due::Say(said) => self.polite.set(said),
            Due::Later(pause) => {
                if !self.waits.replace(true) {
                    let teller = self.clone();
                    let over = move || {
                        teller.waits.set(false);
                        teller.tell();
                    };
                    set_timeout(over, Duration::from_millis(pause as u64 + 1));
                }
            }
        }
    }
}

fn news(view: RwSignal<QueueView>, link: RwSignal<Link>, words: &QueueWords) -> Option<News> {
    let line = link.try_get_untracked()?.trouble(words);
    view.try_with_untracked(|view| News {
        rank: match view.standing {
            Standing::Waiting { rank, .. } => Some(rank),
            _ => None,
        },
        note: waiting::note(view, words),
        line,
        end: match view.standing {
            Standing::Left => Some(words.left_heading),
            Standing::Expired => Some(words.expired_heading),
            _ => None,
        },
    })
}
