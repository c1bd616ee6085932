//! The document around the app (rendered on the server only).

use crate::App;
use crate::i18n::Locale;
use crate::policy::send_policy;
use leptos::config::Env;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

/// The whole page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    send_policy(options.env == Env::DEV);
    view! {
        <!DOCTYPE html>
        <html lang=Locale::current().tag()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" content="#f6f1e7" media="(prefers-color-scheme: light)"/>
                <meta name="theme-color" content="#10142a" media="(prefers-color-scheme: dark)"/>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                <link as="font" rel="preload" href="/fonts/figures.woff2" type="font/woff2" crossorigin="anonymous"/>
                <HashedStylesheet options=options.clone() id="style"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}
