//! Controls of a sale, on the concert's page for accounts that may edit it: its state, the actions,
//! and the record of changes.

use super::api::{SteerSale, sale_changes};
use crate::error::ApiError;
use crate::forms::{Refusals, SecondThought, SubmitButton, form_action, refusal_of};
use crate::i18n::{thousands, use_words};
use crate::queue::my_view;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::concerts::{Changed, Concert, ConcertView, Phase, SaleChange, SaleState, Steering};
use serde::{Deserialize, Serialize};

/// Id of the controls on the page; an action redirects to them.
pub(crate) const SALE_CONTROL: &str = "sale-control";

/// Changes shown at first. Older ones are in a `<details>` element.
const SHOWN: usize = 5;

/// What the controls show in addition to the concert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Control {
    /// Newest first.
    changes: Vec<SaleChange>,
    /// People in the queue; `None` if there is no sale to steer or if the queue cannot be read now.
    waiting: Option<u64>,
}

impl Control {
    pub async fn load(view: &ConcertView) -> Result<Control, ApiError> {
        let id = view.concert.id;
        let steered = is_steered(&view.concert, view.concert.phase(view.server_time));
        let waiting = async {
            match steered {
                false => None,
                true => my_view(id).await.ok().map(|view| view.waiting),
            }
        };
        let (changes, waiting) = futures::future::join(sale_changes(id), waiting).await;
        Ok(Control {
            changes: changes?,
            waiting,
        })
    }
}

/// Returns whether there is a sale to pause or close: not for a draft, and not once the sale is
/// over.
fn is_steered(concert: &Concert, phase: Phase) -> bool {
    !concert.draft && phase != Phase::Over
}

/// The action that applies to a state, to pause or to resume, with its texts.
pub(crate) struct Turn {
    pub action: Steering,
    pub summary: &'static str,
    pub sure: &'static str,
    pub confirm: &'static str,
}

impl Turn {
    pub fn of(state: SaleState) -> Turn {
        let words = use_words();
        let desk = &words.desk;
        match state {
            SaleState::Paused => Turn {
                action: Steering::Resume,
                summary: words.resume_sale,
                sure: desk.resume_sure,
                confirm: desk.resume_confirm,
            },
            SaleState::Open | SaleState::Closed => Turn {
                action: Steering::Pause,
                summary: words.pause_sale,
                sure: desk.pause_sure,
                confirm: desk.pause_confirm,
            },
        }
    }
}

#[component]
pub(super) fn SaleControl(concert: Concert, control: Control, phase: Phase) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<SteerSale>();
    let Control { changes, waiting } = control;
    let (id, state) = (concert.id, concert.state);
    let draft = concert.draft;
    let steered = is_steered(&concert, phase);
    let badge = match (state, phase) {
        (SaleState::Open, Phase::Selling) => "badge badge--now",
        (SaleState::Open, _) => "badge",
        (SaleState::Paused, _) => "badge badge--held",
        (SaleState::Closed, _) => "badge badge--past",
    };
    let turn = Turn::of(state);
    view! {
        <section class="control" id=SALE_CONTROL aria-labelledby="sale-control-title" data-testid="sale-control">
            <h2 id="sale-control-title">{words.sale_control}</h2>
            {(!draft).then(|| view! {
                <p class="control-state" role="status">
                    <span class=badge data-testid="sale-state">{(words.state_name)(state)}</span>
                    <span>{(words.state_hint)(state)}</span>
                </p>
            })}
            {(phase != Phase::Over).then(|| view! { <p class="quietly">{(words.pace)(concert.batch_size, concert.interval_ms)}</p> })}
            <Refusals refusal/>
            <div class="control-ways">
                {(!draft).then(|| view! { <a class="button" href=crate::desk::path(id)>{words.desk.link}</a> })}
                <a class="button" href=format!("/concerts/{id}/edit")>{words.edit}</a>
            </div>
            {steered.then(|| view! {
                <SecondThought summary=turn.summary sure=turn.sure>
                    <form method="post" action=form_action(SteerSale::PATH)>
                        <input type="hidden" name="id" value=id.to_string()/>
                        <input type="hidden" name="action" value=turn.action.as_str()/>
                        <SubmitButton words=turn.confirm class="button button--main"/>
                    </form>
                </SecondThought>
                <SecondThought summary=words.close_sale sure=(words.close_sure)(waiting)>
                    <form method="post" action=form_action(SteerSale::PATH)>
                        <input type="hidden" name="id" value=id.to_string()/>
                        <input type="hidden" name="action" value=Steering::Close.as_str()/>
                        <SubmitButton words=words.close_confirm class="button button--danger"/>
                    </form>
                </SecondThought>
            })}
            {view! { <Changes changes/> }.into_any()}
        </section>
    }
}

#[component]
fn Changes(mut changes: Vec<SaleChange>) -> impl IntoView {
    let words = use_words();
    let none = changes.is_empty();
    let older = changes.split_off(changes.len().min(SHOWN));
    let number = older.len() as u64;
    let list = |changes: Vec<SaleChange>| {
        let changes = changes
            .into_iter()
            .map(|change| view! { <Change change/> })
            .collect_view();
        view! { <ol class="changes">{changes}</ol> }
    };
    view! {
        <div class="control-changes" data-testid="sale-changes">
            <h3>{words.sale_changes}</h3>
            <p class="quietly" hidden=!none>{words.no_sale_changes}</p>
            {(!none).then(|| list(changes))}
            {(number > 0).then(|| view! {
                <details>
                    <summary>{(words.older_sale_changes)(number)}</summary>
                    {list(older)}
                </details>
            })}
        </div>
    }
}

#[component]
fn Change(change: SaleChange) -> impl IntoView {
    let words = use_words();
    let SaleChange { by, at, changed } = change;
    let state = |state| (words.state_name)(state).to_owned();
    let number = |n: u32| thousands(n.into());
    let (old, new) = match changed {
        Changed::Published => (
            words.drafts.draft.to_owned(),
            words.drafts.public.to_owned(),
        ),
        Changed::State { old, new } => (state(old), state(new)),
        Changed::Capacity { old, new } | Changed::BatchSize { old, new } => {
            (number(old), number(new))
        }
        Changed::IntervalMs { old, new } => ((words.interval)(old), (words.interval)(new)),
        Changed::SaleOpensAt { old, new } | Changed::StartsAt { old, new } => {
            ((words.date_time)(old), (words.date_time)(new))
        }
    };
    view! {
        <li>
            <p>
                <span class="change-what">{(words.changed_label)(&changed)}</span>
                " "{old}" "<span aria-hidden="true">"→"</span>
                <span class="unseen">{words.changed_to}</span>" "<strong>{new}</strong>
            </p>
            <p class="change-who">
                <bdi>{by.unwrap_or_else(|| words.account_gone.to_owned())}</bdi>
                " · "
                <time datetime=at.to_rfc3339()>{(words.date_time)(at)}</time>
            </p>
        </li>
    }
}
