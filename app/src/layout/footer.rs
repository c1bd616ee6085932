use crate::i18n::use_words;
use leptos::prelude::*;

#[component]
pub fn Footer() -> impl IntoView {
    let words = use_words();
    view! {
        <footer class="footer">
            <p>{words.footer}</p>
        </footer>
    }
}
