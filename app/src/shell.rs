//! The document around the app (server only).

use crate::App;
use crate::forms::owner;
use crate::i18n::Locale;
use crate::policy::send_policy;
use crate::request::Response;
use crate::theme::Theme;
use leptos::config::Env;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

/// Returns the whole document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let locale = Locale::current();
    send_policy(options.env == Env::DEV);
    Response::say_language(locale);
    let theme = Theme::of_request();
    view! {
        <!DOCTYPE html>
        <html lang=locale.tag() data-theme=theme.as_str()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                {frame_colours(theme)}
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                // On the home screen of an iPhone the site can send notifications; in a tab there
                // it cannot.
                <link rel="apple-touch-icon" href="/touch.png"/>
                <link rel="manifest" href="/manifest.webmanifest"/>
                <link as="font" rel="preload" href="/fonts/figures.35dd8fb4.woff2" type="font/woff2" crossorigin="anonymous"/>
                <HashedStylesheet options=options.clone() id="style"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body data-account=owner()>
                <App/>
            </body>
        </html>
    }
}

/// Colours of what the browser itself draws: its frame, scroll bars, and inputs before the style
/// sheet is loaded.
fn frame_colours(theme: Theme) -> impl IntoView {
    let each = |theme: Theme, media: Option<&'static str>| {
        view! { <meta name="theme-color" content=theme.paper()/> }.attr("media", media)
    };
    let (scheme, one, other) = match theme {
        Theme::Device => (
            "light dark",
            each(Theme::Light, Some("(prefers-color-scheme: light)")),
            Some(each(Theme::Dark, Some("(prefers-color-scheme: dark)"))),
        ),
        chosen => (chosen.as_str(), each(chosen, None), None),
    };
    view! {
        <meta name="color-scheme" content=scheme/>
        {one}
        {other}
    }
}
