//! `/concerts/new` and `/concerts/:id/edit`.

use super::api::{CreateConcert, UpdateConcert, get_concert};
use super::page::use_concert_id;
use crate::error::ApiError;
use crate::forms::{
    FormContext, Refusals, SelectField, SubmitButton, TextArea, TextField, refusal_of,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::queue::use_queue_words;
use crate::refused::Refused;
use crate::sessions::visitor;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::accounts::Role;
use model::concerts::{ConcertForm, ConcertView, Genre};
use model::{Field, Refusal};

#[component]
pub fn NewConcertPage() -> impl IntoView {
    match visitor() {
        Ok(Some(visitor)) if visitor.role >= Role::Organiser => view! { <New/> }.into_any(),
        Ok(Some(_)) => view! { <Refused refusal=Refusal::Forbidden/> }.into_any(),
        Ok(None) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
        Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
    }
}

#[component]
fn New() -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<CreateConcert>();
    provide_context(FormContext::new(refusal.clone()));
    view! {
        <PageMeta title=words.new_concert.to_owned() description=words.new_concert.to_owned()/>
        <section class="sheet">
            <h1>{words.new_concert}</h1>
            <Refusals refusal/>
            <form method="post" action=CreateConcert::PATH novalidate>
                <Fields form=ConcertForm::default()/>
                <SubmitButton words=words.create_concert/>
            </form>
        </section>
    }
}

/// The concert that the address names.
fn use_concert() -> Resource<Result<ConcertView, ApiError>> {
    let id = use_concert_id();
    Resource::new(
        || (),
        move |()| async move {
            match id {
                Some(id) => get_concert(id).await,
                None => Err(ApiError(Refusal::NotFound)),
            }
        },
    )
}

#[component]
pub fn EditConcertPage() -> impl IntoView {
    let concert = use_concert();
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match (visitor(), concert.await) {
                    (_, Err(ApiError(refusal))) | (Err(ApiError(refusal)), _) => {
                        view! { <Refused refusal/> }.into_any()
                    }
                    (Ok(None), _) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                    (_, Ok(view)) if view.editable => view! { <Edit view/> }.into_any(),
                    _ => view! { <Refused refusal=Refusal::Forbidden/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Edit(view: ConcertView) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<UpdateConcert>();
    provide_context(FormContext::new(refusal.clone()));
    let (id, path) = (view.concert.id, view.concert.path());
    let form = ConcertForm::from(&view.concert);
    view! {
        <PageMeta title=words.edit_concert.to_owned() description=words.edit_concert.to_owned()/>
        <section class="sheet">
            <h1>{words.edit_concert}</h1>
            <Refusals refusal/>
            <form method="post" action=UpdateConcert::PATH novalidate>
                <input type="hidden" name="id" value=id.to_string()/>
                <Fields form/>
                <SubmitButton words=words.save/>
            </form>
            <p class="aside"><a href=path>{use_queue_words().back_to_concert}</a></p>
        </section>
    }
}

#[component]
fn Fields(form: ConcertForm) -> impl IntoView {
    let words = use_words();
    let genres = Genre::ALL
        .into_iter()
        .map(|g| (g.as_str(), (words.genre_name)(g)))
        .collect::<Vec<_>>();
    view! {
        <fieldset>
            <legend>{words.form_what}</legend>
            <TextField field=Field::Title value=form.title/>
            <TextField field=Field::Artist value=form.artist/>
            <div class="fields-row">
                <SelectField field=Field::Genre value=form.genre empty=words.choose_genre options=genres/>
                <TextField field=Field::Venue value=form.venue/>
            </div>
            <TextArea field=Field::Description value=form.description/>
        </fieldset>
        <fieldset>
            <legend>{words.form_when}</legend>
            <div class="fields-row">
                <TextField field=Field::StartsAt kind="datetime-local" value=form.starts_at/>
                <TextField field=Field::EndsAt kind="datetime-local" value=form.ends_at/>
            </div>
            <div class="fields-row">
                <TextField field=Field::RunningMinutes value=form.running_minutes inputmode="numeric"/>
                <TextField field=Field::PriceWon value=form.price_won inputmode="numeric"/>
            </div>
        </fieldset>
        <fieldset>
            <legend>{words.form_sale}</legend>
            <div class="fields-row">
                <TextField field=Field::SaleOpensAt kind="datetime-local" value=form.sale_opens_at/>
                <TextField field=Field::Capacity value=form.capacity inputmode="numeric"/>
            </div>
            <div class="fields-row">
                <TextField field=Field::BatchSize value=form.batch_size inputmode="numeric" required=false/>
                <TextField field=Field::IntervalMs value=form.interval_ms inputmode="numeric" required=false/>
            </div>
        </fieldset>
    }
}
