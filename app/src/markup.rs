//! Escaping of text that Leptos writes into the page unescaped, and the document's title.

/// Escapes a text for an element whose content Leptos does not escape: `<title>` and `<textarea>`.
#[cfg(feature = "ssr")]
pub fn escaped(text: String) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns the title of a page as the browser's tab shows it.
pub fn with_brand(title: &str) -> String {
    match title {
        "" => "Frontrow".into(),
        title => format!("{title} · Frontrow"),
    }
}
