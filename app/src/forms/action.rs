//! Where a form is sent: to the page that it is on, which says what is called and for whom.
//!
//! A page that posts to itself can show a refusal where it was typed, with all that was typed, and nothing of it has to be
//! kept anywhere meanwhile (`server/src/middleware/forms.rs`).

/// The argument that names what is called.
pub const CALL: &str = "call";
/// The argument that names the account for which the page was made: nobody acts for another account by a tab that was left
/// open.
pub const AS: &str = "as";

/// The address of a form that calls the server function at `path`.
pub fn form_action(path: &str) -> String {
    match owner() {
        Some(owner) => format!("?{CALL}={path}&{AS}={owner}"),
        None => anyones_form_action(path),
    }
}

/// That of a form which does the same for any account.
pub fn anyones_form_action(path: &str) -> String {
    format!("?{CALL}={path}")
}

/// The address at which a script of ours calls the server function at `path`.
#[cfg(feature = "hydrate")]
pub fn address(path: &str) -> String {
    match owner() {
        Some(owner) => format!("{path}?{AS}={owner}"),
        None => path.to_owned(),
    }
}

/// The attribute of the page's body that says whose page it is.
pub const OWNER: &str = "data-account";

#[cfg(feature = "hydrate")]
fn owner() -> Option<String> {
    leptos::prelude::document().body()?.get_attribute(OWNER)
}

#[cfg(not(any(feature = "hydrate", feature = "ssr")))]
fn owner() -> Option<String> {
    None
}

/// The account that a page is made for. None: a stranger's.
#[cfg(feature = "ssr")]
pub fn owner() -> Option<String> {
    use crate::request::optional_session;
    use crate::template::{Slot, TemplateRender};
    use leptos::prelude::use_context;
    if let Some(PageOwner(account)) = use_context() {
        return Some(account.to_string());
    }
    match TemplateRender::current() {
        Some(template) => Some(template.slot(Slot::Account)),
        None => optional_session().map(|session| session.account_id.to_string()),
    }
}

/// Whose page it is, for a part of it that is rendered for one reader by itself.
#[cfg(feature = "ssr")]
#[derive(Clone, Copy, Debug)]
pub struct PageOwner(pub model::accounts::AccountId);
