//! Concerts: found by all visitors, created and changed by organisers.

mod audience;
mod calendar;
mod drafts;
mod list;
mod mine;
pub mod search;
mod steering;

pub(crate) use audience::{Audience, KnownAudiences, admit, audience, turned_away};
pub use calendar::{CalendarVersion, calendar_version};
pub use drafts::{check, draft, may_save, publish};
pub(crate) use list::by_ids;
pub use list::{PER_PAGE, PER_SECTION, list, sections};
pub use mine::mine;
pub use steering::{adjust, changes, set_capacity, set_pace, steer};

use crate::sessions::Session;
use crate::{Error, Result, Services, queue};
use chrono::{DateTime, Utc};
use model::accounts::{AccountId, Role};
use model::concerts::{
    Concert, ConcertDetails, ConcertForm, ConcertId, ConcertView, Genre, SaleState,
};
use model::{Field, Problem, ProblemKind, Refusal};
use sqlx::PgExecutor;
use steering::SaleSettings;

/// A concert as it is stored.
pub(crate) struct ConcertRow {
    pub id: i64,
    pub title: String,
    pub artist: String,
    pub genre: String,
    pub venue: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub running_minutes: i32,
    pub price_won: i32,
    pub description: String,
    pub capacity: i32,
    pub issued: i32,
    pub sale_opens_at: DateTime<Utc>,
    pub state: String,
    pub batch_size: i32,
    pub interval_ms: i32,
    pub created_by: Option<i64>,
    pub poster: Option<String>,
    pub draft: bool,
}

impl TryFrom<ConcertRow> for Concert {
    type Error = Error;

    fn try_from(row: ConcertRow) -> Result<Concert> {
        let unknown = |what: &str| Error::Broken(format!("unknown {what:?} in concert {}", row.id));
        Ok(Concert {
            id: ConcertId(row.id),
            genre: Genre::parse(&row.genre).ok_or_else(|| unknown(&row.genre))?,
            state: SaleState::parse(&row.state).ok_or_else(|| unknown(&row.state))?,
            title: row.title,
            artist: row.artist,
            venue: row.venue,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            running_minutes: row.running_minutes as u32,
            price_won: row.price_won as u32,
            description: row.description,
            capacity: row.capacity as u32,
            issued: row.issued as u32,
            sale_opens_at: row.sale_opens_at,
            batch_size: row.batch_size as u32,
            interval_ms: row.interval_ms as u32,
            // The table admits only valid names. Should a future one not parse, a poster is drawn.
            poster: row.poster.and_then(|name| name.parse().ok()),
            draft: row.draft,
        })
    }
}

/// Returns whether the caller may create concerts.
pub fn may_create(by: Option<&Session>) -> bool {
    by.is_some_and(|session| session.role >= Role::Organiser)
}

/// Returns whether the caller may change a concert that this account created.
pub(crate) fn may_edit(by: Option<&Session>, created_by: Option<i64>) -> bool {
    by.is_some_and(|session| match session.role {
        Role::Admin => true,
        Role::Organiser => created_by == Some(session.account_id.0),
        Role::User => false,
    })
}

/// Returns the concert, or [`Refusal::NotFound`].
pub async fn find(services: &Services, id: ConcertId) -> Result<Concert> {
    row(services, id).await?.try_into()
}

/// Returns the concert as `by` sees it, or [`Refusal::NotFound`], which callers without a part in a
/// rehearsal or a draft receive as well.
pub async fn find_view(
    services: &Services,
    by: Option<&Session>,
    id: ConcertId,
) -> Result<ConcertView> {
    let row = row(services, id).await?;
    let editable = may_edit(by, row.created_by);
    let takes_part = by.is_some_and(|session| session.rehearsal == Some(id));
    if !editable && !takes_part && audience(services, id).await? != Audience::Everybody {
        return Err(Refusal::NotFound.into());
    }
    Ok(ConcertView {
        concert: row.try_into()?,
        server_time: services.clock.now(),
        editable,
    })
}

/// Returns the concert for callers who may steer its sale; else [`Refusal::Forbidden`]. A draft has
/// no sale: [`Refusal::NotFound`].
pub(crate) async fn find_to_steer(
    services: &Services,
    by: &Session,
    id: ConcertId,
) -> Result<Concert> {
    row_to_steer(services, by, id).await?.try_into()
}

async fn row_to_steer(services: &Services, by: &Session, id: ConcertId) -> Result<ConcertRow> {
    let row = row_to_edit(services, by, id).await?;
    match row.draft {
        true => Err(Refusal::NotFound.into()),
        false => Ok(row),
    }
}

async fn row_to_edit(services: &Services, by: &Session, id: ConcertId) -> Result<ConcertRow> {
    match owned_row(&services.db, by, id).await {
        Err(Error::Refused(Refusal::Forbidden)) => Err(turned_away(services, id).await),
        row => row,
    }
}

async fn owned_row(db: impl PgExecutor<'_>, by: &Session, id: ConcertId) -> Result<ConcertRow> {
    let row = row_of(db, id).await?;
    match may_edit(Some(by), row.created_by) {
        true => Ok(row),
        false => Err(Refusal::Forbidden.into()),
    }
}

async fn row(services: &Services, id: ConcertId) -> Result<ConcertRow> {
    row_of(&services.db, id).await
}

async fn row_of(db: impl PgExecutor<'_>, id: ConcertId) -> Result<ConcertRow> {
    let row = sqlx::query_as!(
        ConcertRow,
        "SELECT id, title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description, capacity,
                issued, sale_opens_at, state, batch_size, interval_ms, created_by, poster, draft
           FROM concerts WHERE id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.ok_or(Refusal::NotFound)?)
}

/// Creates a concert and its sale; organisers and admins only, else [`Refusal::Forbidden`].
pub async fn create(services: &Services, by: &Session, details: ConcertDetails) -> Result<Concert> {
    make(services, by, details, false).await
}

async fn make(
    services: &Services,
    by: &Session,
    details: ConcertDetails,
    draft: bool,
) -> Result<Concert> {
    if !may_create(Some(by)) {
        return Err(Refusal::Forbidden.into());
    }
    refuse_past(services, details.starts_at)?;
    insert(services, Some(by.account_id), details, draft).await
}

/// Refuses a start in the past: a sale ends when its concert begins, so this one would end at once
/// and permanently.
fn refuse_past(services: &Services, starts_at: DateTime<Utc>) -> Result<()> {
    if starts_at > services.clock.now() {
        return Ok(());
    }
    let problem = Problem {
        field: Field::StartsAt,
        kind: ProblemKind::InThePast,
    };
    Err(Refusal::Invalid {
        problems: vec![problem],
    }
    .into())
}

pub(crate) async fn insert(
    services: &Services,
    created_by: Option<AccountId>,
    details: ConcertDetails,
    draft: bool,
) -> Result<Concert> {
    let id = sqlx::query_scalar!(
        "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                               capacity, sale_opens_at, batch_size, interval_ms, created_by, created_at, updated_at, draft)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16)
         RETURNING id",
        details.title,
        details.artist,
        details.genre.as_str(),
        details.venue,
        details.starts_at,
        details.ends_at,
        details.running_minutes as i32,
        details.price_won as i32,
        details.description,
        details.capacity as i32,
        details.sale_opens_at,
        details.batch_size as i32,
        details.interval_ms as i32,
        created_by.map(|account| account.0),
        services.clock.now(),
        draft
    )
    .fetch_one(&services.db)
    .await?;
    find(services, ConcertId(id)).await
}

/// Changes a concert; its organiser or an admin only, else [`Refusal::Forbidden`]. The queue
/// follows within one interval, and changes to the sale are recorded.
///
/// A capacity below what is issued is refused with [`Refusal::CapacityBelowIssued`], by a
/// constraint of the database.
pub async fn update(
    services: &Services,
    by: &Session,
    id: ConcertId,
    details: ConcertDetails,
) -> Result<Concert> {
    change(services, by, id, |_| Ok(details)).await
}

/// [`update`] with a form that was `opened` some time ago: fields that the user left alone keep
/// their current value. [`Refusal::ChangedMeanwhile`] names the fields that another user changed to
/// a different value.
pub async fn update_opened(
    services: &Services,
    by: &Session,
    id: ConcertId,
    opened: &ConcertForm,
    typed: ConcertForm,
) -> Result<Concert> {
    change(services, by, id, |now| {
        crate::edits::merged(opened, &typed, &ConcertForm::from(now))?.parse()
    })
    .await
}

async fn change(
    services: &Services,
    by: &Session,
    id: ConcertId,
    change: impl FnOnce(&Concert) -> std::result::Result<ConcertDetails, Refusal>,
) -> Result<Concert> {
    row_to_edit(services, by, id).await?;
    let mut transaction = crate::stores::begin(&services.db).await?;
    let old = SaleSettings::lock(&mut transaction, id).await?;
    // Locked above, so it stays like this until the commit.
    let before: Concert = owned_row(&mut *transaction, by, id).await?.try_into()?;
    let details = change(&before)?;
    if details.starts_at != before.starts_at {
        refuse_past(services, details.starts_at)?;
    }
    let now = services.clock.now();
    let new = sqlx::query_as!(
        SaleSettings,
        "UPDATE concerts
            SET title = $2, artist = $3, genre = $4, venue = $5, starts_at = $6, ends_at = $7, running_minutes = $8,
                price_won = $9, description = $10, capacity = $11, sale_opens_at = $12, batch_size = $13,
                interval_ms = $14, updated_at = $15
          WHERE id = $1
         RETURNING state, capacity, batch_size, interval_ms, sale_opens_at, starts_at",
        id.0,
        details.title,
        details.artist,
        details.genre.as_str(),
        details.venue,
        details.starts_at,
        details.ends_at,
        details.running_minutes as i32,
        details.price_won as i32,
        details.description,
        details.capacity as i32,
        details.sale_opens_at,
        details.batch_size as i32,
        details.interval_ms as i32,
        now
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(|error| below_issued(error, before.issued))?;
    steering::record(&mut transaction, by, id, now, &old, &new).await?;
    transaction.commit().await?;
    queue::sync(services, id).await?;
    find(services, id).await
}

/// Maps a capacity that PostgreSQL refused to its refusal.
fn below_issued(error: sqlx::Error, issued: u32) -> Error {
    match Error::is_on_constraint(&error, "concerts_never_oversold") {
        true => Refusal::CapacityBelowIssued { issued }.into(),
        false => error.into(),
    }
}

/// Returns whether there is any concert.
pub async fn any(services: &Services) -> Result<bool> {
    Ok(
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM concerts) AS "any!""#)
            .fetch_one(&services.db)
            .await?,
    )
}
