//! The controls of the dashboard. Each one first opens and explains what it does; nothing happens
//! until its own button is pressed.

use super::api::{SetCapacity, SetPace};
use crate::concerts::{SteerSale, Turn};
use crate::forms::{SubmitButton, TextField, as_opened, form_action, refusal_of};
use crate::i18n::use_words;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Field;
use model::concerts::{ConcertId, Phase, Steering};
use model::desk::{CapacityForm, DeskView, PaceForm};

#[component]
pub(super) fn Controls(view: DeskView) -> impl IntoView {
    let words = use_words();
    if view.phase == Phase::Over {
        return view! { <p class="quietly">{words.desk.over}</p> }.into_any();
    }
    let id = view.concert_id;
    let turn = Turn::of(view.state);
    view! {
        <Control name=turn.action.as_str() summary=turn.summary sure=turn.sure>
            <Steer id action=turn.action confirm=turn.confirm class="button button--main"/>
        </Control>
        {view! { <Pace view=view.clone()/> }.into_any()}
        {view! { <Capacity view=view.clone()/> }.into_any()}
        <Control name="close" summary=words.close_sale sure=(words.close_sure)(view.waiting)>
            <Steer id action=Steering::Close confirm=words.close_confirm class="button button--danger"/>
        </Control>
    }
    .into_any()
}

#[component]
fn Pace(view: DeskView) -> impl IntoView {
    let words = &use_words().desk;
    let refusal = refusal_of::<SetPace>();
    let opened = as_opened(&PaceForm::from(&view), refusal.as_ref());
    view! {
        <Control name="pace" summary=words.pace sure=words.pace_sure open=refusal.is_some()>
            <form method="post" action=form_action(SetPace::PATH) novalidate>
                <input type="hidden" name="id" value=view.concert_id.to_string()/>
                <input type="hidden" name="opened" value=opened/>
                <div class="fields-row">
                    <TextField field=Field::BatchSize value=view.batch_size.to_string() inputmode="numeric" hinted=false/>
                    <TextField field=Field::IntervalMs value=view.interval_ms.to_string() inputmode="numeric" hinted=false/>
                </div>
                <SubmitButton words=words.pace_confirm/>
            </form>
        </Control>
    }
}

#[component]
fn Capacity(view: DeskView) -> impl IntoView {
    let words = &use_words().desk;
    let refusal = refusal_of::<SetCapacity>();
    let opened = as_opened(&CapacityForm::from(&view), refusal.as_ref());
    view! {
        <Control name="capacity" summary=words.capacity sure=(words.capacity_sure)(view.issued.into()) open=refusal.is_some()>
            <form method="post" action=form_action(SetCapacity::PATH) novalidate>
                <input type="hidden" name="id" value=view.concert_id.to_string()/>
                <input type="hidden" name="opened" value=opened/>
                <TextField field=Field::Capacity value=view.capacity.to_string() inputmode="numeric"/>
                <SubmitButton words=words.capacity_confirm/>
            </form>
        </Control>
    }
}

/// A disclosure labelled `summary`; opened, it shows the explanation `sure` and the form that acts.
#[component]
fn Control<C: IntoView + 'static>(
    name: &'static str,
    summary: &'static str,
    #[prop(into)] sure: String,
    #[prop(optional)] open: bool,
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <details class=format!("desk-control desk-control--{name}") open=open data-testid=format!("desk-{name}")>
            <summary class="button">{summary}</summary>
            <div class="desk-panel">
                <p>{sure}</p>
                {children.into_inner()()}
            </div>
        </details>
    }
}

#[component]
fn Steer(
    id: ConcertId,
    action: Steering,
    confirm: &'static str,
    class: &'static str,
) -> impl IntoView {
    view! {
        <form method="post" action=form_action(SteerSale::PATH)>
            <input type="hidden" name="id" value=id.to_string()/>
            <input type="hidden" name="action" value=action.as_str()/>
            <input type="hidden" name="from_desk" value="true"/>
            <SubmitButton words=confirm class=class/>
        </form>
    }
}
