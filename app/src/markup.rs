//! Text that Leptos writes into the page as it is, and the document's title.

/// The text, safe inside an element whose content Leptos does not escape: `<title>` and `<textarea>`.
#[cfg(feature = "ssr")]
pub fn escaped(text: String) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The title of a page as the browser's tab shows it.
pub fn with_brand(title: &str) -> String {
    match title {
        "" => "Frontrow".into(),
        title => format!("{title} · Frontrow"),
    }
}
