//! Posters that organisers upload; without one, a concert's is drawn from its data.
//!
//! Nothing of the file itself is kept: it is decoded and encoded anew, in squares of several widths. They are rows in
//! PostgreSQL, so that every server has them, and each server remembers those that are asked for.

mod pictures;

use crate::concerts::may_edit;
use crate::sessions::Session;
use crate::spare::SpareThreads;
use crate::{Error, Result, Services, limits, rehearsals, stores};
use bytes::Bytes;
use chrono::TimeDelta;
use model::accounts::AccountId;
use model::concerts::{Concert, ConcertId};
use model::posters::{MOST_BYTES, UploadedPoster};
use model::{Field, Problem, ProblemKind, Refusal};
use moka::future::Cache;
use pictures::Pictures;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Uploads that are under way at a time on each server: each may hold [`MOST_BYTES`].
pub const MOST_UPLOADS: usize = 4;
/// How long a poster that was replaced is still there for pages that show it.
pub const GRACE: TimeDelta = TimeDelta::hours(1);
/// Bytes of pictures that a server remembers.
const MOST_REMEMBERED: u64 = 64 * 1024 * 1024;

/// For so long: what was taken down is gone some day.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What this process has for posters.
pub struct Workshop {
    uploads: Arc<Semaphore>,
    /// One: a picture that is decoded may take some 400 MB.
    threads: SpareThreads<AccountId>,
    remembered: Cache<(ConcertId, String, u32), Bytes>,
}

impl Workshop {
    pub(crate) fn new() -> Result<Workshop> {
        Ok(Workshop {
            uploads: Arc::new(Semaphore::new(MOST_UPLOADS)),
            threads: SpareThreads::new("poster", 1, MOST_UPLOADS)?,
            remembered: Cache::builder()
                .weigher(|_, jpeg: &Bytes| jpeg.len() as u32 + 256)
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .build(),
        })
    }
}

/// The right to send a poster of one concert.
pub struct Upload {
    concert: ConcertId,
    by: AccountId,
    _place: OwnedSemaphorePermit,
}

/// To be asked before anything of the file is read: whether this account may upload a poster for the concert, else
/// [`Refusal::Forbidden`], and whether there is room for one more ([`Refusal::TooManyRequests`]).
pub async fn begin(services: &Services, by: &Session, concert: ConcertId) -> Result<Upload> {
    authorise(services, by, concert).await?;
    limits::upload(services, by.account_id).await?;
    let full = Refusal::TooManyRequests { retry_after_s: 5 };
    let place = services.posters.uploads.clone().try_acquire_owned();
    Ok(Upload {
        concert,
        by: by.account_id,
        _place: place.map_err(|_| full)?,
    })
}

impl Upload {
    /// Makes the picture the concert's poster. What it is, is decided by its content alone.
    ///
    /// A file that is not taken is [`Refusal::Invalid`] with a problem of [`Field::Poster`].
    pub async fn store(self, services: &Services, file: Bytes) -> Result<UploadedPoster> {
        if file.len() > MOST_BYTES as usize {
            return Err(refused(ProblemKind::TooManyBytes { most: MOST_BYTES }));
        }
        let turn = services.posters.threads.turn(self.by).await?;
        let drawn = turn.run(move || pictures::draw(&file)).await;
        // A decoder that breaks down has met a file that it was not written for.
        let pictures = drawn.unwrap_or(Err(ProblemKind::NotAPicture));
        let poster = pictures.map_err(refused)?;
        put_up(services, self.concert, poster).await
    }
}

fn refused(kind: ProblemKind) -> Error {
    let problem = Problem {
        field: Field::Poster,
        kind,
    };
    Refusal::Invalid {
        problems: vec![problem],
    }
    .into()
}

async fn put_up(
    services: &Services,
    concert: ConcertId,
    pictures: Pictures,
) -> Result<UploadedPoster> {
    let Pictures { poster, jpegs } = pictures;
    let (widths, jpegs): (Vec<i32>, Vec<Vec<u8>>) = jpegs
        .into_iter()
        .map(|(width, jpeg)| (width as i32, jpeg))
        .unzip();
    let mut transaction = stores::begin(&services.db).await?;
    hang(services, &mut transaction, concert, Some(&poster)).await?;
    // The same picture as one that was taken down a moment ago is put up again.
    sqlx::query!(
        "INSERT INTO posters (concert_id, hash, width, jpeg)
         SELECT $1, $2, width, jpeg FROM UNNEST($3::int[], $4::bytea[]) AS picture (width, jpeg)
         ON CONFLICT (concert_id, hash, width) DO UPDATE SET retired_at = NULL",
        concert.0,
        poster.hash(),
        &widths,
        &jpegs
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(poster)
}

/// Takes the uploaded poster down, so that one is drawn again: who may edit the concert, else [`Refusal::Forbidden`].
/// Without one nothing changes.
pub async fn remove(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    authorise(services, by, concert).await?;
    let mut transaction = stores::begin(&services.db).await?;
    hang(services, &mut transaction, concert, None).await?;
    transaction.commit().await?;
    Ok(())
}

/// Names the poster that is shown from now on and retires the others. Begins with the concert's row, as everybody does who
/// changes what belongs to a concert.
async fn hang(
    services: &Services,
    transaction: &mut sqlx::PgConnection,
    concert: ConcertId,
    poster: Option<&UploadedPoster>,
) -> Result<()> {
    let now = services.clock.now();
    let name = poster.map(ToString::to_string);
    let found = sqlx::query!(
        "UPDATE concerts SET poster = $2, updated_at = $3 WHERE id = $1",
        concert.0,
        name,
        now
    )
    .execute(&mut *transaction)
    .await?;
    if found.rows_affected() == 0 {
        return Err(Refusal::NotFound.into());
    }
    sqlx::query!(
        "UPDATE posters SET retired_at = $3 WHERE concert_id = $1 AND hash IS DISTINCT FROM $2 AND retired_at IS NULL",
        concert.0,
        poster.map(UploadedPoster::hash),
        now
    )
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

/// A picture as JPEG, or [`Refusal::NotFound`]. Whoever knows its hash may see it.
pub async fn picture(
    services: &Services,
    concert: ConcertId,
    hash: &str,
    width: u32,
) -> Result<Bytes> {
    let key = (concert, hash.to_owned(), width);
    let remembered = &services.posters.remembered;
    if let Some(jpeg) = remembered.get(&key).await {
        return Ok(jpeg);
    }
    let jpeg = sqlx::query_scalar!(
        "SELECT jpeg FROM posters WHERE concert_id = $1 AND hash = $2 AND width = $3",
        concert.0,
        hash,
        i32::try_from(width).map_err(|_| Refusal::NotFound)?
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    let jpeg = Bytes::from(jpeg);
    remembered.insert(key, jpeg.clone()).await;
    Ok(jpeg)
}

/// The poster that was uploaded for a concert, as JPEG: the smallest that is so many pixels wide, or else the widest. None:
/// it has the one from its own data.
pub async fn uploaded(services: &Services, concert: &Concert, least: u32) -> Result<Option<Bytes>> {
    let Some(poster) = &concert.poster else {
        return Ok(None);
    };
    let width = poster.widths().find(|width| *width >= least);
    let width = width.unwrap_or_else(|| poster.widest());
    match picture(services, concert.id, poster.hash(), width).await {
        // Taken down for good since the concert was read.
        Err(Error::Refused(Refusal::NotFound)) => Ok(None),
        found => found.map(Some),
    }
}

/// Deletes what was replaced or taken down more than [`GRACE`] ago.
pub async fn purge(services: &Services) -> Result<u64> {
    let purged = sqlx::query!(
        "DELETE FROM posters WHERE retired_at < $1",
        services.clock.now() - GRACE
    )
    .execute(&services.db)
    .await?;
    Ok(purged.rows_affected())
}

async fn authorise(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    let found = sqlx::query!("SELECT created_by FROM concerts WHERE id = $1", concert.0)
        .fetch_optional(&services.db)
        .await?
        .ok_or(Refusal::NotFound)?;
    match may_edit(Some(by), found.created_by) {
        true => Ok(()),
        false => Err(rehearsals::turned_away(services, concert).await),
    }
}
