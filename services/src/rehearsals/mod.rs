//! Rehearsals: practice sales on a copy of a concert, with accounts generated for that alone.
//!
//! The copy is in no list; only the accounts of the rehearsal can join it, and they can join
//! nothing else. Ending the rehearsal deletes all of that; the concert itself and everything sold
//! for it are not touched.

mod remove;

use crate::accounts::Asker;
use crate::sessions::{self, Person, Session};
use crate::{Error, Result, Services, concerts};
use chrono::TimeDelta;
use model::Refusal;
use model::concerts::ConcertId;
use model::rehearsals::{LATEST_OPENING_S, MOST_PEOPLE, MOST_SIGN_INS, Rehearsal};
use rand::Rng;
use rand::distr::Alphanumeric;

/// How long after its opening a rehearsal ends, so that one without its organiser does not stay.
const LIFE: TimeDelta = TimeDelta::hours(2);

/// An organiser's choices for a rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// 1 to [`MOST_PEOPLE`].
    pub people: u32,
    /// How many of them can log in with a password: at most [`MOST_SIGN_INS`]. With thousands of
    /// accounts, hashing a password for each would be all that a rehearsal measures.
    pub sign_ins: u32,
    /// Seconds from when everything is ready to the opening, at most [`LATEST_OPENING_S`].
    pub sale_opens_in_s: u32,
}

/// Copies the concert and creates the accounts. Only for callers who may edit the concert, else
/// [`Refusal::Forbidden`].
///
/// The copy has the concert's capacity and pace, and a sale of its own that opens as planned. A
/// rehearsal cannot be rehearsed ([`Refusal::NotFound`]); a plan outside its bounds is
/// [`Refusal::Malformed`].
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
        return Err(concerts::turned_away(services, concert).await);
    }
    remove::abandoned(services).await?;
    let password: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(24)
        .map(char::from)
        .collect();
    let (clone, people) = insert(services, by, concert, plan, &password).await?;
    // From here on there is something to remove after a failure.
    let opened = async {
        // Tokens first: with thousands of accounts this takes a moment, and the opening counts from
        // when they are ready.
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
        // Should this fail as well, the next rehearsal removes it.
        if let Err(error) = remove::all(services, clone).await {
            tracing::warn!(concert = %clone, %error, "a rehearsal that failed could not be taken away yet");
        }
    }
    opened
}

/// Inserts the copy, which at first opens later than planned, and its accounts.
async fn insert(
    services: &Services,
    by: &Session,
    concert: ConcertId,
    plan: Plan,
    password: &str,
) -> Result<(ConcertId, Vec<Person>)> {
    let turn = services.passwords.turn(Asker::Server).await?;
    let hash = turn.hash(password).await?;
    // The hash of a password that is not known to any client.
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
        // A user signed up with one of these names. The next rehearsal uses other names.
        true => Refusal::AccountNameTaken.into(),
        false => Error::from(error),
    })?;
    transaction.commit().await?;
    people.sort_unstable_by_key(|person| person.id);
    Ok((ConcertId(clone), people))
}

/// Deletes a rehearsal with all its data. Only for its creator or an admin.
///
/// Other callers, and concerts that are not rehearsals, get [`Refusal::NotFound`], and nothing
/// changes. May be called again after a failure.
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
