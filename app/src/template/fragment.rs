//! Renders a part of a page without the page.

use crate::forms::PageOwner;
use crate::i18n::Locale;
use http::request::Parts;
use leptos::prelude::*;
use model::accounts::AccountId;

/// The context of a page, for rendering its fragments.
#[derive(Clone)]
pub struct FragmentContext {
    parts: Parts,
    locale: Locale,
}

impl FragmentContext {
    /// Returns the context of the page that is being rendered, or `None` if no request is being
    /// answered.
    pub fn current() -> Option<FragmentContext> {
        Some(FragmentContext {
            parts: use_context::<Parts>()?,
            locale: Locale::in_context(),
        })
    }

    /// Calls `run` with the words and the address of the page in context. Forms that it renders are
    /// sent for `owner`.
    pub fn with<T>(&self, owner: AccountId, run: impl FnOnce() -> T) -> T {
        let root = Owner::new_root(None);
        let done = root.with(|| {
            provide_context(PageOwner(owner));
            provide_context(self.parts.clone());
            provide_context(self.locale);
            run()
        });
        root.unset_with_forced_cleanup();
        done
    }

    /// Returns the HTML of a part, as the whole page would have it.
    pub fn render<V: IntoView>(&self, owner: AccountId, view: impl FnOnce() -> V) -> String {
        self.with(owner, || view().into_view().to_html())
    }
}
