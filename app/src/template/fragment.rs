//! A part of a page, rendered without the page.

use crate::forms::PageOwner;
use crate::i18n::Locale;
use http::request::Parts;
use leptos::prelude::*;
use model::accounts::AccountId;

/// What a fragment is rendered with: the context of its page, and whose it is.
#[derive(Clone)]
pub struct FragmentContext {
    parts: Parts,
    locale: Locale,
}

impl FragmentContext {
    /// That of the page that is being rendered. None: no request is being answered.
    pub fn current() -> Option<FragmentContext> {
        Some(FragmentContext {
            parts: use_context::<Parts>()?,
            locale: Locale::in_context(),
        })
    }

    /// Runs where words and the page's address are to be had, and what is sent from the page is sent for `owner`.
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

    /// The HTML of a part, as the whole page would have it.
    pub fn render<V: IntoView>(&self, owner: AccountId, view: impl FnOnce() -> V) -> String {
        self.with(owner, || view().into_view().to_html())
    }
}
