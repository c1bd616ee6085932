//! The top of every page: navigation, account and language.

use crate::forms::anyones_form_action;
use crate::i18n::{Locale, use_words};
use crate::sessions::{LogOut, Viewer, viewer};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::components::A;
use model::accounts::Role;

#[component]
pub fn Header() -> impl IntoView {
    let words = use_words();
    let viewer = viewer();
    let role = match viewer {
        Viewer::Member { role, .. } => Some(role),
        Viewer::Stranger | Viewer::Unknown => None,
    };
    let organiser = (role >= Some(Role::Organiser))
        .then(|| view! { <A href="/concerts/mine">{words.my_concerts}</A> });
    let admin =
        (role == Some(Role::Admin)).then(|| view! { <A href="/admin">{words.administration}</A> });
    let who = match viewer {
        Viewer::Member { nickname, .. } => view! { <LoggedIn nickname/> }.into_any(),
        Viewer::Stranger => view! { <LoggedOut/> }.into_any(),
        // The session cannot be checked now: showing nothing is better than showing something
        // wrong.
        Viewer::Unknown => ().into_any(),
    };
    view! {
        <a class="skip" href="#content">{words.skip_to_content}</a>
        <header class="header">
            <a class="brand" href="/">
                <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M16 3 28 26H4Z" class="brand-beam"/>
                    <ellipse cx="16" cy="26" rx="12" ry="3.4" class="brand-pool"/>
                </svg>
                "Frontrow"
            </a>
            <nav class="nav" aria-label=words.main_navigation>
                <A href="/" exact=true>{words.concerts}</A>
                <A href="/tickets">{words.my_tickets}</A>
                {organiser}
                {admin}
            </nav>
            <div class="header-end">
                <div class="who">{who}</div>
                <LanguageSwitch/>
            </div>
        </header>
    }
}

#[component]
fn LoggedIn(nickname: String) -> impl IntoView {
    let words = use_words();
    view! {
        <A href="/account" attr:class="who-name" attr:dir="auto" attr:title=words.account>{nickname}</A>
        <form method="post" action=anyones_form_action(LogOut::PATH)>
            <button type="submit" class="quiet">{words.log_out}</button>
        </form>
    }
}

#[component]
fn LoggedOut() -> impl IntoView {
    let words = use_words();
    view! {
        <A href="/log-in" attr:class="quiet">{words.log_in}</A>
        <A href="/sign-up" attr:class="quiet">{words.sign_up}</A>
    }
}

/// A plain form: the browser posts it and is redirected to the same page, rendered in the other
/// language.
#[component]
fn LanguageSwitch() -> impl IntoView {
    let words = use_words();
    let buttons = Locale::ALL
        .into_iter()
        .map(|locale| {
            let current = locale == words.locale;
            view! {
                <button
                    type="submit"
                    name="language"
                    value=locale.tag()
                    lang=locale.tag()
                    aria-pressed=if current { "true" } else { "false" }
                    aria-label=locale.words().own_name
                    title=locale.words().own_name
                >
                    {locale.tag().to_uppercase()}
                </button>
            }
        })
        .collect_view();
    view! {
        <form class="languages" method="post" action=anyones_form_action(crate::i18n::SetLanguage::PATH)>
            <div class="switch" role="group" aria-label=words.language>
                {buttons}
            </div>
        </form>
    }
}
