//! `/tickets/:id`.

use super::api::{CancelTicket, get_ticket};
use super::stub::WholeTicket;
use crate::error::ApiError;
use crate::forms::{Refusals, SecondThought, SubmitButton, form_action, refusal_of};
use crate::i18n::use_words;
use crate::layout::{PageMeta, title_text};
use crate::queue::use_queue_words;
use crate::refused::Refused;
use crate::request::services;
use crate::template::{FragmentContext, Reader, Slot, TemplateRender};
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_params_map;
use model::Refusal;
use model::concerts::concert_path;
use model::tickets::{Ticket, TicketId};
use std::sync::Arc;

#[component]
pub fn TicketPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| {
        let id = params.get_str("id")?;
        id.parse().ok().map(TicketId)
    });
    if let Some(template) = TemplateRender::current() {
        return view! { <Frame template/> }.into_any();
    }
    let ticket = Resource::new(
        || (),
        move |()| async move {
            match id {
                Some(id) => Ok((get_ticket(id).await?, services()?.clock.now())),
                None => Err(ApiError(Refusal::NotFound)),
            }
        },
    );
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match ticket.await {
                    Ok((ticket, now)) => view! { <One ticket now/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// The page around a ticket. It contains nothing of the ticket itself, so that all tickets share
/// it.
#[component]
fn Frame(template: TemplateRender) -> impl IntoView {
    let words = use_words();
    if let Some(context) = FragmentContext::current() {
        let context = Arc::new(context);
        template.fill_with(
            move |Reader {
                      services,
                      session,
                      id,
                  }| {
                let context = context.clone();
                async move {
                    let ticket = services::tickets::find(&services, &session, TicketId(id)).await?;
                    let now = services.clock.now();
                    let owner = session.account_id;
                    let title = context.with(owner, || title_text(&page_title(&ticket)));
                    let body =
                        context.render(owner, || view! { <Ticketed ticket now refusal=None/> });
                    Ok(vec![(Slot::Title, title), (Slot::Body, body)])
                }
            },
        );
    }
    let (title, body) = (template.slot(Slot::Title), template.slot(Slot::Body));
    // The same wrappers as around a ticket that is awaited.
    view! {
        <Suspense>
            {move || {
                let (title, body) = (title.clone(), body.clone());
                Suspend::new(async move {
                    view! {
                        <PageMeta title description=words.tickets_description.to_owned()/>
                        {body}
                    }
                    .into_any()
                })
            }}
        </Suspense>
    }
}

fn page_title(ticket: &Ticket) -> String {
    format!("{} · {}", use_words().ticket, ticket.title)
}

#[component]
fn One(ticket: Ticket, now: DateTime<Utc>) -> impl IntoView {
    let refusal = refusal_of::<CancelTicket>();
    view! {
        <PageMeta title=page_title(&ticket) description=use_words().tickets_description.to_owned()/>
        <Ticketed ticket now refusal/>
    }
}

/// The ticket, and what can be done with it.
#[component]
fn Ticketed(ticket: Ticket, now: DateTime<Utc>, refusal: Option<Refusal>) -> impl IntoView {
    let words = use_words();
    let live = ticket.cancelled_at.is_none();
    // Once the concert has begun, a returned ticket could not be used any more.
    let returnable = live && now < ticket.starts_at;
    let revoked = ticket
        .revoked
        .as_ref()
        .map(|revocation| (words.tickets.revoked_reason)(&revocation.reason));
    let (id, concert) = (ticket.id, concert_path(ticket.concert_id, &ticket.title));
    view! {
        <section class="ticket-page">
            <WholeTicket ticket/>
            {revoked.map(|revoked| view! { <p class="ticket-hint" data-testid="revoked">{revoked}</p> })}
            {live.then(|| view! {
                <p class="ticket-hint">{words.tickets.show_it}</p>
                // These are files: the browser downloads them and stays on this page.
                <p class="ticket-ways">
                    <a class="button button--main" href=format!("/tickets/{id}/ticket.pdf")>{words.tickets.save_pdf}</a>
                    <a class="button" href=format!("/tickets/{id}/concert.ics")>{words.tickets.add_to_calendar}</a>
                </p>
                <p class="quietly">{words.tickets.print_hint}</p>
            })}
            <p class="notice-ways">
                <a class="button" href="/tickets">{words.my_tickets}</a>
                <a class="button" href=concert>{use_queue_words().back_to_concert}</a>
            </p>
            <Refusals refusal/>
            {returnable.then(|| view! {
                <SecondThought summary=words.cancel_ticket sure=words.cancel_sure>
                    <form method="post" action=form_action(CancelTicket::PATH)>
                        <input type="hidden" name="id" value=id.to_string()/>
                        <SubmitButton words=words.cancel_confirm class="button button--danger"/>
                    </form>
                </SecondThought>
            })}
        </section>
    }
}
