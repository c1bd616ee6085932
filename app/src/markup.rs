//! Text that Leptos writes into the page as it is.

/// The text, safe inside an element whose content Leptos does not escape when it renders on the server: `<title>` and
/// `<textarea>`. In the browser both are set as text, where escaping would show.
pub fn escaped(text: String) -> String {
    if cfg!(feature = "ssr") {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    } else {
        text
    }
}
