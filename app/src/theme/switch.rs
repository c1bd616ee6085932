//! The theme switch in the footer.

use super::{SetTheme, Theme};
use crate::forms::anyones_form_action;
use crate::i18n::use_words;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let words = use_words();
    let now = Theme::of_request();
    let buttons = Theme::ALL.map(|theme| {
        let pressed = if theme == now { "true" } else { "false" };
        view! {
            <button type="submit" name="theme" value=theme.as_str() aria-pressed=pressed>
                {(words.theme_name)(theme)}
            </button>
        }
    });
    view! {
        <form method="post" action=anyones_form_action(SetTheme::PATH)>
            <div class="switch" role="group" aria-label=words.theme>
                {buttons.into_iter().collect_view()}
            </div>
        </form>
    }
}
