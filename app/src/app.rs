//! The routes.

use crate::accounts::{AccountPage, DeletePage, PasswordPage, ProfilePage, SignUpPage};
use crate::admin::{AdminAccountPage, AdminPage};
use crate::concerts::{ConcertPage, EditConcertPage, HomePage, MyConcertsPage, NewConcertPage};
use crate::desk::DeskPage;
use crate::forms::{RefusedForm, SendOnce};
use crate::i18n::Locale;
use crate::layout::{Footer, Header};
use crate::queue::QueuePage;
use crate::refused::Refused;
use crate::sessions::LogInPage;
use crate::tickets::{TicketPage, TicketsPage};
use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

/// Everything inside `<body>`. Also renders without a request, which is how the server collects the
/// routes.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_context(Locale::current());
    view! {
        <Router>
            <Frame/>
        </Router>
    }
}

/// The layout around the routes. Every page is rendered completely before it is sent, so that
/// crawlers can read it and status, redirects and titles are correct.
#[component]
fn Frame() -> impl IntoView {
    // A refused form that has no page on which to be shown again is also answered here, with its
    // own refusal.
    let not_found = || {
        let refused = RefusedForm::of_request();
        let refusal = refused.map_or(model::Refusal::NotFound, |form| form.refusal);
        view! { <Refused refusal/> }
    };
    view! {
        <Header/>
        <main id="content" class="content" tabindex="-1">
            <Routes fallback=not_found>
                <Route path=path!("/") view=HomePage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/new") view=NewConcertPage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/mine") view=MyConcertsPage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/:id") view=ConcertPage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/:id/edit") view=EditConcertPage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/:id/desk") view=DeskPage ssr=SsrMode::Async/>
                <Route path=path!("/concerts/:id/queue") view=QueuePage ssr=SsrMode::Async/>
                <Route path=path!("/sign-up") view=SignUpPage ssr=SsrMode::Async/>
                <Route path=path!("/log-in") view=LogInPage ssr=SsrMode::Async/>
                <Route path=path!("/account") view=AccountPage ssr=SsrMode::Async/>
                <Route path=path!("/account/profile") view=ProfilePage ssr=SsrMode::Async/>
                <Route path=path!("/account/password") view=PasswordPage ssr=SsrMode::Async/>
                <Route path=path!("/account/delete") view=DeletePage ssr=SsrMode::Async/>
                <Route path=path!("/admin") view=AdminPage ssr=SsrMode::Async/>
                <Route path=path!("/admin/accounts/:id") view=AdminAccountPage ssr=SsrMode::Async/>
                <Route path=path!("/tickets") view=TicketsPage ssr=SsrMode::Async/>
                <Route path=path!("/tickets/:id") view=TicketPage ssr=SsrMode::Async/>
            </Routes>
        </main>
        <Footer/>
        <SendOnce/>
    }
}
