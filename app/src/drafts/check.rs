//! Checks a form that has not been submitted yet: its problems, and the concert that it would make.

use super::Wrong;
use crate::error::ApiError;
use crate::forms::{FormEcho, field_name};
use crate::i18n::use_words;
use crate::request::{services, session};
use chrono::{DateTime, TimeDelta, Utc};
use model::concerts::{Concert, ConcertDetails, ConcertForm, ConcertId, SaleState};
use model::{Refusal, time};
use serde::{Deserialize, Serialize};
use services::drawing;

/// Argument of a page's address: the page shows a preview of what was typed, and saves nothing.
pub const PREVIEW: &str = "preview";

/// The result of checking a form, which may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// Why saving it would be refused.
    pub refusal: Option<Refusal>,
    /// The concert as buyers would see it; `None` if something is missing that they would see at
    /// once.
    pub concert: Option<Concert>,
    /// Characters that tickets and shared pictures show as a box, because none of their fonts has
    /// them.
    pub undrawable: String,
    pub now: DateTime<Utc>,
}

impl Sketch {
    /// Checks a new concert, or the changes to `id`. Only for callers who may save it; others are
    /// refused.
    pub async fn of(id: Option<ConcertId>, form: ConcertForm) -> Result<Sketch, ApiError> {
        let (services, session) = (services()?, session()?);
        let before = services::concerts::may_save(&services, &session, id).await?;
        let refusal = match form.clone().parse() {
            Err(refusal) => Some(refusal),
            Ok(details) => services::concerts::check(&services, before.as_ref(), &details).err(),
        };
        let undrawable = drawing::missing(&[&*form.title, &form.artist, &form.venue].join(" "));
        let concert = as_far_as_it_goes(form).map(|details| concert(before, details));
        Ok(Sketch {
            refusal,
            concert,
            undrawable: undrawable.into_iter().collect(),
            now: services.clock.now(),
        })
    }

    /// Returns the fields with a problem, each with its text.
    pub fn problems(&self) -> Vec<Wrong> {
        let words = use_words();
        let problem = |field| {
            let kind = self.refusal.as_ref()?.problem_of(field)?;
            Some(Wrong {
                field: field_name(field).to_owned(),
                words: (words.problem)(kind),
            })
        };
        ConcertForm::FIELDS
            .into_iter()
            .filter_map(problem)
            .collect()
    }
}

/// Returns what was typed before the page was requested, or `None` if the request has no echo of
/// the form.
pub fn typed() -> Option<ConcertForm> {
    let echo = FormEcho::of_request();
    let fields = serde_json::to_value(&echo.0).ok()?;
    serde_json::from_value(fields).ok()
}

/// Parses the form, with placeholders for what is missing and what buyers do not see at once.
/// Returns `None` if something that they do see is missing.
fn as_far_as_it_goes(mut form: ConcertForm) -> Option<ConcertDetails> {
    if let Ok(details) = form.clone().parse() {
        return Some(details);
    }
    let starts_at = time::parse_local(&form.starts_at).ok()?;
    form.ends_at = time::to_local(starts_at + TimeDelta::hours(2));
    form.running_minutes = "120".to_owned();
    form.batch_size = String::new();
    form.interval_ms = String::new();
    form.description = form.description.chars().take(1000).collect();
    form.parse().ok()
}

/// Id of a concert that is not saved yet.
pub(super) const NEW: ConcertId = ConcertId(0);

fn concert(before: Option<Concert>, details: ConcertDetails) -> Concert {
    Concert {
        id: before.as_ref().map_or(NEW, |before| before.id),
        issued: before.as_ref().map_or(0, |before| before.issued),
        state: before
            .as_ref()
            .map_or(SaleState::Open, |before| before.state),
        draft: before.as_ref().is_none_or(|before| before.draft),
        poster: before.and_then(|before| before.poster),
        title: details.title,
        artist: details.artist,
        genre: details.genre,
        venue: details.venue,
        starts_at: details.starts_at,
        ends_at: details.ends_at,
        running_minutes: details.running_minutes,
        price_won: details.price_won,
        description: details.description,
        capacity: details.capacity,
        sale_opens_at: details.sale_opens_at,
        batch_size: details.batch_size,
        interval_ms: details.interval_ms,
    }
}
