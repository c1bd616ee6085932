//! A part of a page, rendered without the page.

use crate::i18n::Locale;
use http::request::Parts;
use leptos::prelude::*;

/// What a fragment is rendered with: the context of its page, without a reader.
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

    /// Runs where words and the page's address are to be had.
    pub fn with<T>(&self, run: impl FnOnce() -> T) -> T {
        let owner = Owner::new_root(None);
        let done = owner.with(|| {
            provide_context(self.parts.clone());
            provide_context(self.locale);
            run()
        });
        owner.unset_with_forced_cleanup();
        done
    }

    /// The HTML of a part, as the whole page would have it.
    pub fn render<V: IntoView>(&self, view: impl FnOnce() -> V) -> String {
        self.with(|| view().into_view().to_html())
    }
}
