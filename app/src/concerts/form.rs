//! `/concerts/new` and `/concerts/:id/edit`.

use super::api::{CreateConcert, UpdateConcert, get_concert};
use super::page::use_concert_id;
use crate::drafts::{CONCERT_FORM, DraftBox, PREVIEW, PreviewPane, Sketch, typed};
use crate::error::ApiError;
use crate::forms::{
    FormContext, Refusals, SelectField, SubmitButton, TextArea, TextField, as_opened, form_action,
    refusal_of,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::posters::PosterForm;
use crate::queue::use_queue_words;
use crate::refused::Refused;
use crate::sessions::visitor;
use leptos::context::Provider;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_query_map;
use model::accounts::Role;
use model::concerts::{Concert, ConcertForm, ConcertId, ConcertView, Genre};
use model::{Field, Refusal};

#[component]
pub fn NewConcertPage() -> impl IntoView {
    match visitor() {
        Ok(Some(visitor)) if visitor.role >= Role::Organiser => view! { <LoadedNew/> }.into_any(),
        Ok(Some(_)) => view! { <Refused refusal=Refusal::Forbidden/> }.into_any(),
        Ok(None) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
        Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
    }
}

#[component]
fn LoadedNew() -> impl IntoView {
    let loaded = Resource::new(|| (), |()| load_new());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok(sketch) => view! { <New sketch/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Returns a sketch of what was typed, or `None` if the request has no echo of the form.
async fn load_new() -> Result<Option<Sketch>, ApiError> {
    match typed() {
        Some(form) => Ok(Some(Sketch::of(None, form).await?)),
        None => Ok(None),
    }
}

#[component]
fn New(sketch: Option<Sketch>) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<CreateConcert>();
    let seen = refusal.clone().or_else(|| wrong(&sketch));
    view! {
        <PageMeta title=words.new_concert.to_owned() description=words.new_concert.to_owned()/>
        <div class="prepare">
            <section class="sheet">
                <h1>{words.new_concert}</h1>
                <Refusals refusal/>
                <form method="post" action=form_action(CreateConcert::PATH) id=CONCERT_FORM novalidate>
                    {tied_fields(ConcertForm::default(), seen)}
                    // The Enter key presses the first button, so the first one is the safer one: it
                    // only saves a draft.
                    <div class="form-ways">
                        <SubmitButton words=words.drafts.save class="button" sends=("draft", "true")/>
                        <SubmitButton words=words.create_concert/>
                    </div>
                    <p class="quietly">{words.drafts.publish_hint}</p>
                </form>
            </section>
            {view! { <PreviewPane sketch/> }.into_any()}
        </div>
    }
}

/// Returns the problems that the preview found, or `None` if this page is not a preview.
fn wrong(sketch: &Option<Sketch>) -> Option<Refusal> {
    let previewing = use_query_map().with_untracked(|query| query.get_str(PREVIEW).is_some());
    sketch.as_ref().filter(|_| previewing)?.refusal.clone()
}

/// Loads the concert that the address names and, if the account may edit it, a sketch of its form
/// as typed, or else as saved.
async fn load(id: Option<ConcertId>) -> Result<(ConcertView, Option<Sketch>), ApiError> {
    let view = get_concert(id.ok_or(ApiError(Refusal::NotFound))?).await?;
    if !view.editable {
        return Ok((view, None));
    }
    let form = typed().unwrap_or_else(|| ConcertForm::from(&view.concert));
    let sketch = Sketch::of(Some(view.concert.id), form).await?;
    Ok((view, Some(sketch)))
}

#[component]
pub fn EditConcertPage() -> impl IntoView {
    let id = use_concert_id();
    let loaded = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match (visitor(), loaded.await) {
                    (_, Err(ApiError(refusal))) | (Err(ApiError(refusal)), _) => {
                        view! { <Refused refusal/> }.into_any()
                    }
                    (Ok(None), _) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                    (_, Ok((view, sketch))) if view.editable => view! { <Edit concert=view.concert sketch/> }.into_any(),
                    _ => view! { <Refused refusal=Refusal::Forbidden/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Edit(concert: Concert, sketch: Option<Sketch>) -> impl IntoView {
    let words = use_words();
    let refusal = refusal_of::<UpdateConcert>();
    let seen = refusal.clone().or_else(|| wrong(&sketch));
    let (id, draft, path) = (concert.id, concert.draft, concert.path());
    let form = ConcertForm::from(&concert);
    let opened = as_opened(&form, refusal.as_ref());
    view! {
        <PageMeta title=words.edit_concert.to_owned() description=words.edit_concert.to_owned()/>
        <div class="prepare">
            <section class="sheet">
                <h1>{words.edit_concert}</h1>
                <Refusals refusal/>
                {draft.then(|| view! { <DraftBox id/> }.into_any())}
                {view! { <PosterForm concert/> }.into_any()}
                <form method="post" action=form_action(UpdateConcert::PATH) id=CONCERT_FORM novalidate>
                    <input type="hidden" name="id" value=id.to_string()/>
                    // On save, a field that was not edited keeps its current value, even if another
                    // account has changed it since the form was opened.
                    <input type="hidden" name="opened" value=opened/>
                    {tied_fields(form, seen)}
                    <SubmitButton words=words.save/>
                </form>
                <p class="aside"><a href=path>{use_queue_words().back_to_concert}</a></p>
            </section>
            {view! { <PreviewPane sketch/> }.into_any()}
        </div>
    }
}

/// The fields, each with its problem beside it.
fn tied_fields(form: ConcertForm, refusal: Option<Refusal>) -> AnyView {
    view! {
        <Provider value=FormContext::new(refusal).watched()>
            {view! { <Fields form/> }.into_any()}
        </Provider>
    }
    .into_any()
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
