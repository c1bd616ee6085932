//! Where a form is sent: to the page that it is on, which says what is called and for whom.
//!
//! A page that posts to itself can show a refusal where it was typed, with all that was typed, and nothing of it has to be
//! kept anywhere meanwhile (`server/src/middleware/forms.rs`).

/// The argument that names what is called.
pub const CALL: &str = "call";
/// The argument that names the account for which the page was made: nobody acts for another account by a tab that was left
/// open.
pub const AS: &str = "as";

/// The address of a form that calls the server function at `path`: the page's own, with all that it was asked for.
pub fn form_action(path: &str) -> String {
    let call = anyones_form_action(path);
    match owner() {
        Some(owner) => format!("{call}&{AS}={owner}"),
        None => call,
    }
}

/// That of a form which does the same for any account.
pub fn anyones_form_action(path: &str) -> String {
    let (page, query) = page();
    match without_call(&query) {
        none if none.is_empty() => format!("{page}?{CALL}={path}"),
        query => format!("{page}?{query}&{CALL}={path}"),
    }
}

/// What a page was asked for, but for what was called from it.
pub fn without_call(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !(name.is_empty() || [CALL, AS].contains(&name))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// The address at which a script of ours calls the server function at `path`.
#[cfg(feature = "hydrate")]
pub fn address(path: &str) -> String {
    match owner() {
        Some(owner) => format!("{path}?{AS}={owner}"),
        None => path.to_owned(),
    }
}

/// The path, or nothing where the browser knows it, and what follows the question mark.
#[cfg(feature = "hydrate")]
fn page() -> (String, String) {
    let query = leptos::prelude::window().location().search();
    let query = query.unwrap_or_default();
    (String::new(), query.trim_start_matches('?').to_owned())
}

#[cfg(not(any(feature = "hydrate", feature = "ssr")))]
fn page() -> (String, String) {
    Default::default()
}

/// The page that is rendered, which may be shown in the place of another: so its path is said, but in a template, whose
/// readers are at different ones.
#[cfg(all(feature = "ssr", not(feature = "hydrate")))]
fn page() -> (String, String) {
    use crate::template::TemplateRender;
    let address = leptos::prelude::with_context(|parts: &http::request::Parts| parts.uri.clone());
    let Some(address) = address else {
        return Default::default();
    };
    let path = match TemplateRender::current() {
        // What begins with two slashes would name another site.
        None if !address.path().starts_with("//") => address.path(),
        _ => "",
    };
    (
        path.to_owned(),
        address.query().unwrap_or_default().to_owned(),
    )
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
#[cfg(all(feature = "ssr", not(feature = "hydrate")))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_what_it_was_asked_for_and_not_what_was_called() {
        assert_eq!(
            without_call("next=%2Ftickets&call=/api/log_in&as=7&lang=ko"),
            "next=%2Ftickets&lang=ko"
        );
        assert_eq!(without_call("call=/api/log_in&as"), "");
        assert_eq!(without_call(""), "");
    }
}
