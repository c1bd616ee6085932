use crate::i18n::use_words;
use crate::theme::ThemeSwitch;
use leptos::prelude::*;

#[component]
pub fn Footer() -> impl IntoView {
    let words = use_words();
    view! {
        <footer class="footer">
            <p>{words.footer}</p>
            <ThemeSwitch/>
        </footer>
    }
}
