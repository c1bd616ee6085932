//! Confirmations of what was just done on "my page".

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
    /// Confirmations shown on "my page".
    pub const HERE: &[Done] = &[
        Done::Profile,
        Done::Password,
        Done::SessionEnded,
        Done::OthersEnded,
    ];
    /// Confirmations shown on the log-in page, because the action logs the user out.
    pub const OUT: &[Done] = &[Done::Deleted];

    /// Redirects the browser to the page that shows the confirmation.
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

/// Shows the confirmation of what was just done, if it is one of those in `of`. Shows nothing
/// beside a refusal: what was done before that is outdated.
#[component]
pub fn DoneNote(
    of: &'static [Done],
    /// Whether the page shows a refusal.
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
