//! The page for a page that cannot be shown.

use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::sessions::log_in_path;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::Refusal;

/// Says why, with the right status when the server renders it; sends people who have to log in first to do so and back.
#[component]
pub fn Refused(refusal: Refusal) -> impl IntoView {
    let words = use_words();
    let location = use_location();
    let here = move || {
        let (path, query) = (
            location.pathname.get_untracked(),
            location.search.get_untracked(),
        );
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    };
    #[cfg(feature = "ssr")]
    crate::request::Response::refuse(&refusal);
    if refusal == Refusal::NotLoggedIn {
        let path = log_in_path(&here());
        return view! { <Elsewhere path/> }.into_any();
    }
    let (title, hint) = match refusal {
        Refusal::NotFound => (words.not_found_title, words.not_found_hint.to_owned()),
        Refusal::Forbidden => (words.forbidden_title, words.forbidden_hint.to_owned()),
        Refusal::Malformed => (words.malformed_title, words.malformed_hint.to_owned()),
        Refusal::Unavailable => (words.unavailable_title, words.unavailable_hint.to_owned()),
        Refusal::TooManyRequests { .. } => {
            (words.unavailable_title, (words.refusal)(&refusal, words))
        }
        _ => (words.internal_title, words.internal_hint.to_owned()),
    };
    let again = refusal == Refusal::Unavailable;
    view! {
        <PageMeta title=title.to_owned() description=hint.clone()/>
        <section class="notice" data-testid="refused">
            <p class="notice-figure figures" aria-hidden="true">{refusal.status()}</p>
            <h1>{title}</h1>
            <p>{hint}</p>
            <p class="notice-ways">
                {again.then(|| view! {
                    <a class="button button--main" href=here() rel="external">{words.try_again}</a>
                })}
                <a class="button" href="/">{words.other_concerts}</a>
            </p>
            {again.then(|| view! { <RefreshBy seconds=5 always=true/> })}
        </section>
    }
    .into_any()
}

/// Goes to another page: by a redirect when the server renders, by the router in the browser.
#[component]
pub fn Elsewhere(path: String) -> impl IntoView {
    let words = use_words();
    #[cfg(feature = "ssr")]
    crate::request::Response::redirect(&path);
    let target = path.clone();
    let navigate = leptos_router::hooks::use_navigate();
    Effect::new(move |_| {
        navigate(
            &target,
            leptos_router::NavigateOptions {
                replace: true,
                ..Default::default()
            },
        );
    });
    view! { <p class="notice"><a href=path>{words.log_in_first}</a></p> }
}

/// Reloads the page without JavaScript. It stands in the body, where every browser follows it, too, because the head is
/// rendered before the page knows whether it wants this.
#[component]
pub fn RefreshBy(
    seconds: u32,
    /// With JavaScript, too.
    #[prop(default = false)]
    always: bool,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    if always {
        let reload = set_timeout_with_handle(
            || drop(window().location().reload()),
            // Spread out: whoever was refused together must not come back together.
            std::time::Duration::from_millis(
                u64::from(seconds) * 1000 + crate::queue::jitter(4000),
            ),
        );
        on_cleanup(move || {
            if let Ok(handle) = reload {
                handle.clear();
            }
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = always;
    // As text: with JavaScript on, a browser does not parse what is inside, and hydration must not look for it.
    view! { <noscript inner_html=format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">")></noscript> }
}
