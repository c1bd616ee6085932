//! The poster's part of the organiser's form: the current poster, a file input to replace it, and a
//! control to return to the drawn one.

use super::{POSTER_FORM, RemovePoster, UPLOAD_POSTER};
use crate::concerts::Poster;
use crate::forms::{
    FileField, FormContext, Refusals, SecondThought, SubmitButton, form_action, refusal_of,
    refusal_of_path,
};
use crate::i18n::use_words;
use leptos::context::Provider;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::Field;
use model::concerts::Concert;

/// Types offered in the file dialog. The server checks the content and ignores the declared type.
const ACCEPTED: &str = "image/jpeg,image/png,image/webp";

#[component]
pub fn PosterForm(concert: Concert) -> impl IntoView {
    let words = &use_words().posters;
    let refusal = refusal_of_path(UPLOAD_POSTER).or_else(refusal_of::<RemovePoster>);
    let (id, uploaded) = (concert.id, concert.poster.is_some());
    let (now, send) = match uploaded {
        true => (words.uploaded, words.replace),
        false => (words.drawn, words.upload),
    };
    view! {
        <section class="poster-form" id=POSTER_FORM aria-labelledby="poster-form-title">
            <h2 id="poster-form-title">{words.title}</h2>
            <Refusals refusal=refusal.clone()/>
            <div class="poster-form-now">
                <Poster id genre=concert.genre uploaded=concert.poster>
                    <p class="poster-artist"><bdi>{concert.artist}</bdi></p>
                    <p class="poster-title"><bdi>{concert.title}</bdi></p>
                </Poster>
            </div>
            <div class="poster-form-ways">
                <p>{now}</p>
                {(!uploaded).then(|| view! { <p class="quietly">{words.lead}</p> })}
                <form method="post" action=format!("{}&id={id}", form_action(UPLOAD_POSTER)) enctype="multipart/form-data" novalidate>
                    {view! {
                        <Provider value=FormContext::new(refusal)>
                            <FileField field=Field::Poster accept=ACCEPTED/>
                        </Provider>
                    }
                    .into_any()}
                    <SubmitButton words=send class="button"/>
                </form>
                {uploaded.then(|| view! {
                    <SecondThought summary=words.remove sure=words.remove_hint>
                        <form method="post" action=form_action(RemovePoster::PATH)>
                            <input type="hidden" name="id" value=id.to_string()/>
                            <SubmitButton words=words.remove_confirm class="button button--danger"/>
                        </form>
                    </SecondThought>
                }
                .into_any())}
            </div>
        </section>
    }
}
