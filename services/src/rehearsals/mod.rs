//! Rehearsals: a concert's sale practised on a copy of it, by accounts that exist for nothing else.
//!
//! The copy is in no list, only its own people can join it, and they can join nothing else. Ending the rehearsal deletes
//! all of it; the concert itself and whatever was ever sold of it are not touched.

mod remove;

use crate::accounts::Asker;
use crate::sessions::{self, Session};
use crate::{Error, Result, Services, concerts};
use chrono::TimeDelta;
use model::Refusal;
use model::concerts::ConcertId;
use model::rehearsals::{LATEST_OPENING_S, MOST_PEOPLE, MOST_SIGN_INS, Rehearsal};
use rand::Rng;
use rand::distr::Alphanumeric;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How long after its opening a rehearsal is over by itself, so that one whose organiser has vanished does not stay.
const LIFE: TimeDelta = TimeDelta::hours(2);

/// What an organiser decides about a rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// 1 to [`MOST_PEOPLE`].
    pub people: u32,
    /// How many of them can log in with a password: at most [`MOST_SIGN_INS`]. Hashing a password for each of thousands
    /// would be all that a rehearsal measures.
    pub sign_ins: u32,
    /// Seconds from when everything is ready to the opening, at most [`LATEST_OPENING_S`].
    pub sale_opens_in_s: u32,
}

/// Copies the concert and makes the people: who may edit the concert, else [`Refusal::Forbidden`].
///
/// The copy has the concert's capacity and pace, and a sale of its own that opens when the plan says. A rehearsal cannot be
/// rehearsed ([`Refusal::NotFound`]); a plan outside its bounds is [`Refusal::Malformed`].
pub async fn create(
    services: &Services,
    by: &Session,
    concert: ConcertId,
    plan: Plan,
) -> Result<Rehearsal> {
    if !(1..=MOST_PEOPLE).contains(&plan.people)
        || plan.sign_ins > MOST_SIGN_INS
        || plan.sale_opens_in_s > LATEST_OPENING_S
    {
        return Err(Refusal::Malformed.into());
    }
    let original = sqlx::query!(
        "SELECT created_by FROM concerts WHERE id = $1 AND rehearsal_of IS NULL",
        concert.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    if !concerts::may_edit(Some(by), original.created_by) {
        return Err(turned_away(services, concert).await);
    }
    remove::abandoned(services).await?;
    let password: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(24)
        .map(char::from)
        .collect();
    let (clone, people) = insert(services, by, concert, plan, &password).await?;
    // From here on there is something to take away.
    let opened = async {
        // Tokens first: with thousands of people this takes a moment, and the opening counts from when they are ready.
        let opens_in = TimeDelta::seconds(plan.sale_opens_in_s.into());
        let until = services.clock.now() + opens_in + LIFE;
        let tokens = sessions::open_for_rehearsal(services, clone, &people, until).await?;
        let opens_at = services.clock.now() + opens_in;
        sqlx::query!(
            "UPDATE concerts
                SET sale_opens_at = $2, starts_at = $3::timestamptz, ends_at = $3 + (ends_at - starts_at)
              WHERE id = $1",
            clone.0,
            opens_at,
            until
        )
        .execute(&services.db)
        .await?;
        Ok(Rehearsal {
            concert: concerts::find(services, clone).await?,
            tokens,
            ends_at: until,
            sign_ins: people
                .into_iter()
                .take(plan.sign_ins as usize)
                .map(|account| account.name)
                .collect(),
            password,
            server_time: services.clock.now(),
        })
    };
    let opened: Result<Rehearsal> = opened.await;
    if opened.is_err() {
        // Should this fail as well, the next rehearsal takes it away.
        if let Err(error) = remove::all(services, clone).await {
            tracing::warn!(concert = %clone, %error, "a rehearsal that failed could not be taken away yet");
        }
    }
    opened
}

/// An account of a rehearsal.
pub(crate) struct Person {
    pub id: i64,
    pub name: String,
    pub nickname: String,
}

/// The copy, opening later than it will, and its accounts.
async fn insert(
    services: &Services,
    by: &Session,
    concert: ConcertId,
    plan: Plan,
    password: &str,
) -> Result<(ConcertId, Vec<Person>)> {
    let turn = services.passwords.turn(Asker::Server).await?;
    let hash = turn.hash(password).await?;
    // Of a password that nobody has ever known.
    let unknown = sessions::random_id();
    let turn = services.passwords.turn(Asker::Server).await?;
    let unusable = turn.hash(&unknown).await?;
    let now = services.clock.now();
    let mut transaction = crate::stores::begin(&services.db).await?;
    let clone = sqlx::query_scalar!(
        "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                               capacity, sale_opens_at, batch_size, interval_ms, created_by, created_at, updated_at, rehearsal_of)
         SELECT title, artist, genre, venue, $3::timestamptz, $3 + (ends_at - starts_at), running_minutes, price_won, description,
                capacity, $3, batch_size, interval_ms, $2, $4, $4, id
           FROM concerts WHERE id = $1
         RETURNING id",
        concert.0,
        by.account_id.0,
        now + LIFE,
        now
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or(Refusal::NotFound)?;
    let mut people = sqlx::query_as!(
        Person,
        "INSERT INTO accounts (account_name, email, name, nickname, password_hash, rehearsal_id)
         SELECT 'rehearsal-' || $1::bigint || '-' || n, 'rehearsal-' || $1 || '-' || n || '@rehearsal.invalid',
                'Rehearsal ' || n, 'Rehearsal ' || n, CASE WHEN n <= $3 THEN $4 ELSE $5 END, $1
           FROM generate_series(1, $2::int) AS n
         RETURNING id, account_name AS name, nickname",
        clone,
        plan.people as i32,
        plan.sign_ins as i32,
        hash,
        unusable
    )
    .fetch_all(&mut *transaction)
    .await
    .map_err(|error| match Error::is_on_constraint(&error, "accounts_account_name_key") {
        // Somebody has signed up with the name of one of them. The next rehearsal has other names.
        true => Refusal::AccountNameTaken.into(),
        false => Error::from(error),
    })?;
    transaction.commit().await?;
    people.sort_unstable_by_key(|person| person.id);
    Ok((ConcertId(clone), people))
}

/// Deletes a rehearsal with everything of it: who made it, or an admin.
///
/// For anyone else, and a concert that is none, [`Refusal::NotFound`]; it stays as it is. May be asked again when it failed in between.
pub async fn end(services: &Services, by: &Session, rehearsal: ConcertId) -> Result<()> {
    let row = sqlx::query!(
        "SELECT created_by FROM concerts WHERE id = $1 AND rehearsal_of IS NOT NULL",
        rehearsal.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    if !concerts::may_edit(Some(by), row.created_by) {
        return Err(Refusal::NotFound.into());
    }
    remove::all(services, rehearsal).await
}

/// What one is told who may not edit a concert: that they may not, or, of one that they are not to know of, that it is not there.
pub(crate) async fn turned_away(services: &Services, concert: ConcertId) -> Error {
    match audience(services, concert).await {
        Ok(Audience::Everybody) => Refusal::Forbidden.into(),
        Ok(Audience::Rehearsal | Audience::Organisers) => Refusal::NotFound.into(),
        Err(error) => error,
    }
}

/// Refuses to let the people of a rehearsal into anything else ([`Refusal::Forbidden`]), and everybody else into a
/// rehearsal or a draft ([`Refusal::NotFound`]).
pub(crate) async fn admit(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    match by.rehearsal {
        Some(own) if own == concert => Ok(()),
        Some(_) => Err(Refusal::Forbidden.into()),
        None => match audience(services, concert).await? {
            Audience::Everybody => Ok(()),
            Audience::Rehearsal | Audience::Organisers => Err(Refusal::NotFound.into()),
        },
    }
}

/// For whom a concert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Everybody,
    /// The people of the rehearsal whose copy it is.
    Rehearsal,
    /// Whoever may edit it: a draft.
    Organisers,
}

/// One that does not exist is for everybody; whoever looks for it finds that it is not there.
pub(crate) async fn audience(services: &Services, concert: ConcertId) -> Result<Audience> {
    if let Some(known) = services.rehearsals.get(concert) {
        return Ok(known);
    }
    let found = sqlx::query!(
        r#"SELECT rehearsal_of IS NOT NULL AS "rehearsal!", draft FROM concerts WHERE id = $1"#,
        concert.0
    )
    .fetch_optional(&services.db)
    .await?;
    let Some(found) = found else {
        return Ok(Audience::Everybody);
    };
    let audience = match (found.draft, found.rehearsal) {
        // It is published some day, and so not remembered.
        (true, _) => return Ok(Audience::Organisers),
        (false, true) => Audience::Rehearsal,
        (false, false) => Audience::Everybody,
    };
    services.rehearsals.put(concert, audience);
    Ok(audience)
}

/// For whom concerts are, as far as somebody has asked and it never changes: a join should not have to ask PostgreSQL.
#[derive(Default)]
pub(crate) struct Known(RwLock<HashMap<ConcertId, Audience>>);

impl Known {
    fn get(&self, concert: ConcertId) -> Option<Audience> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&concert).copied()
    }

    fn put(&self, concert: ConcertId, audience: Audience) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(concert, audience);
    }
}
