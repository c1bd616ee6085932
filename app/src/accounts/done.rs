//! What has just been done on "my page".

use crate::forms::{just_done, say_done};
use crate::i18n::use_words;
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Profile,
    Password,
    SessionEnded,
    OthersEnded,
    Deleted,
}

impl Done {
    /// What is said on "my page".
    pub const HERE: &[Done] = &[
        Done::Profile,
        Done::Password,
        Done::SessionEnded,
        Done::OthersEnded,
    ];
    /// What is said to whoever is logged out by it.
    pub const OUT: &[Done] = &[Done::Deleted];

    /// Sends the browser on to the page that says it.
    pub fn redirect(self) {
        say_done(self.name());
        leptos_axum::redirect(match self {
            Done::Deleted => "/log-in",
            Done::Profile | Done::Password | Done::SessionEnded | Done::OthersEnded => "/account",
        });
    }

    fn name(self) -> &'static str {
        match self {
            Done::Profile => "profile",
            Done::Password => "password",
            Done::SessionEnded => "session_ended",
            Done::OthersEnded => "others_ended",
            Done::Deleted => "deleted",
        }
    }
}

/// Says it, if it was just done and is one `of` those that this page can be about. Not beside a refusal: what was done before
/// that is old.
#[component]
pub fn DoneNote(
    of: &'static [Done],
    /// Whether the page tells of a refusal.
    refused: bool,
) -> impl IntoView {
    let words = &use_words().my_page;
    let names: Vec<_> = of.iter().map(|done| done.name()).collect();
    let name = just_done(&names);
    let done = name.and_then(|name| of.iter().find(|done| done.name() == name));
    let note = done.filter(|_| !refused).map(|done| match done {
        Done::Profile => words.profile_changed,
        Done::Password => words.password_changed,
        Done::SessionEnded => words.session_ended,
        Done::OthersEnded => words.others_ended,
        Done::Deleted => words.deleted,
    });
    note.map(|note| view! { <p class="done" role="status">{note}</p> })
}
