//! What has just been done on "my page". It is in the address, so that it is said with JavaScript and without.

use crate::i18n::use_words;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

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

    /// Where the browser goes on to.
    pub fn address(self) -> &'static str {
        match self {
            Done::Profile => "/account?done=profile",
            Done::Password => "/account?done=password",
            Done::SessionEnded => "/account?done=session_ended",
            Done::OthersEnded => "/account?done=others_ended",
            Done::Deleted => "/log-in?done=deleted",
        }
    }

    fn name(self) -> &'static str {
        self.address().split_once('=').map_or("", |(_, name)| name)
    }
}

/// Says it, if the address does and it is one `of` those that this page can be about. Not beside a refusal: what was done
/// before that is old.
#[component]
pub fn DoneNote(
    of: &'static [Done],
    /// Whether the page tells of a refusal.
    refused: bool,
) -> impl IntoView {
    let words = &use_words().my_page;
    let query = use_query_map();
    let name = query.with_untracked(|query| query.get_str("done").map(str::to_owned));
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
