//! Addresses of forms. A form posts to its own page, and its query names the server function to
//! call and the account.
//!
//! Because a page posts to itself, it can show a refusal beside the fields with everything that was
//! typed, and nothing has to be stored in between (`server/src/middleware/forms.rs`).

/// Argument that names the server function to call.
pub const CALL: &str = "call";
/// Argument that names the account that the page was rendered for. It prevents a tab that was left
/// open from acting for another account.
pub const AS: &str = "as";

/// Returns the address of a form that calls the server function at `path`: the page's own, with all
/// its arguments.
pub fn form_action(path: &str) -> String {
    let call = anyones_form_action(path);
    match owner() {
        Some(owner) => format!("{call}&{AS}={owner}"),
        None => call,
    }
}

/// Returns the address of a form that has the same effect for any account.
pub fn anyones_form_action(path: &str) -> String {
    let (page, query) = page();
    match without_call(&query) {
        none if none.is_empty() => format!("{page}?{CALL}={path}"),
        query => format!("{page}?{query}&{CALL}={path}"),
    }
}

/// Returns the query without the arguments of a call.
pub fn without_call(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !(name.is_empty() || [CALL, AS].contains(&name))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Returns the address at which our scripts call the server function at `path`.
#[cfg(feature = "hydrate")]
pub fn address(path: &str) -> String {
    match owner() {
        Some(owner) => format!("{path}?{AS}={owner}"),
        None => path.to_owned(),
    }
}

/// Returns the path, empty because the browser resolves relative addresses, and the query.
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

/// Returns the path and query of the page being rendered. The path is explicit, since the page may
/// be shown in the response to another address. In a template it is empty, since its readers are at
/// different paths.
#[cfg(all(feature = "ssr", not(feature = "hydrate")))]
fn page() -> (String, String) {
    use crate::template::TemplateRender;
    let address = leptos::prelude::with_context(|parts: &http::request::Parts| parts.uri.clone());
    let Some(address) = address else {
        return Default::default();
    };
    let path = match TemplateRender::current() {
        // A path that begins with two slashes would name another site.
        None if !address.path().starts_with("//") => address.path(),
        _ => "",
    };
    (
        path.to_owned(),
        address.query().unwrap_or_default().to_owned(),
    )
}

/// Attribute of the page's `<body>` with the account that it was rendered for.
pub const OWNER: &str = "data-account";

#[cfg(feature = "hydrate")]
fn owner() -> Option<String> {
    leptos::prelude::document().body()?.get_attribute(OWNER)
}

#[cfg(not(any(feature = "hydrate", feature = "ssr")))]
fn owner() -> Option<String> {
    None
}

/// Returns the account that the page is rendered for, or `None` for a visitor.
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

/// The account that a fragment is rendered for, provided in context when a part of a page is
/// rendered for one reader.
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
