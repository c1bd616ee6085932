//! Light or dark: as the device prefers, or as chosen in the footer. A cookie stores the choice, so
//! it needs no JavaScript and the first paint is correct.

mod api;
mod switch;

pub use api::SetTheme;
pub use switch::ThemeSwitch;

/// Name of the cookie that stores the choice.
pub const THEME_COOKIE: &str = "frontrow_theme";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Theme {
    /// As the device prefers.
    #[default]
    Device,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 3] = [Theme::Device, Theme::Light, Theme::Dark];

    /// Returns the stable name, used in the cookie and in `<html data-theme>`.
    pub fn as_str(self) -> &'static str {
        match self {
            Theme::Device => "device",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    pub fn parse(name: &str) -> Option<Theme> {
        Theme::ALL.into_iter().find(|theme| theme.as_str() == name)
    }

    /// Returns the theme that a request asks for.
    pub fn of_headers(headers: &http::HeaderMap) -> Theme {
        crate::request::cookie(headers, THEME_COOKIE)
            .and_then(Theme::parse)
            .unwrap_or_default()
    }

    /// Returns the theme that the request in context asks for.
    pub fn of_request() -> Theme {
        leptos::prelude::with_context(|parts: &http::request::Parts| {
            Theme::of_headers(&parts.headers)
        })
        .unwrap_or_default()
    }

    /// Returns the colour of the browser's own frame around the page, which is that of the paper.
    pub fn paper(self) -> Option<&'static str> {
        match self {
            Theme::Device => None,
            Theme::Light => Some("#f5efe3"),
            Theme::Dark => Some("#10142a"),
        }
    }
}
