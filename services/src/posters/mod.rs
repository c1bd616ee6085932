//! Posters that organisers upload; without one, a concert's poster is drawn from its data.
//!
//! Nothing of the file itself is kept: it is decoded and encoded again, as squares of several
//! widths. They are rows in PostgreSQL, so that every server has them, and each server caches those
//! that are requested.

mod pictures;

use crate::concerts::may_edit;
use crate::sessions::Session;
use crate::spare::SpareThreads;
use crate::{Error, Result, Services, concerts, limits, stores};
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

/// Concurrent uploads per server: each may hold [`MOST_BYTES`].
pub const MOST_UPLOADS: usize = 4;
/// How long a replaced poster is kept for pages that still show it.
pub const GRACE: TimeDelta = TimeDelta::hours(1);
/// Upper bound on bytes of pictures that a server caches.
const MOST_REMEMBERED: u64 = 64 * 1024 * 1024;

/// How long a picture is cached, so that a removed one disappears eventually.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// State of this process for posters.
pub struct Workshop {
    uploads: Arc<Semaphore>,
    /// One thread: decoding a picture may take some 400 MB.
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

/// The permit to upload a poster of one concert.
pub struct Upload {
    concert: ConcertId,
    by: AccountId,
    _place: OwnedSemaphorePermit,
}

/// Must be called before anything of the file is read. Checks that the account may upload a poster
/// for the concert, else [`Refusal::Forbidden`], and that one more upload may run, else
/// [`Refusal::TooManyRequests`].
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
    /// Makes the picture the concert's poster. Its content alone decides which format it is.
    ///
    /// A file that is not accepted is [`Refusal::Invalid`] with a problem of [`Field::Poster`].
    pub async fn store(self, services: &Services, file: Bytes) -> Result<UploadedPoster> {
        if file.len() > MOST_BYTES as usize {
            return Err(refused(ProblemKind::TooManyBytes { most: MOST_BYTES }));
        }
        let turn = services.posters.threads.turn(self.by).await?;
        let drawn = turn.run(move || pictures::draw(&file)).await;
        // A decoder that panicked has met a file that it was not written for.
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
    // A picture that was replaced a short time ago and is uploaded again becomes current again.
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

/// Removes the uploaded poster, so that one is drawn again. Only for callers who may edit the
/// concert, else [`Refusal::Forbidden`]. Changes nothing if there is none.
pub async fn remove(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    authorise(services, by, concert).await?;
    let mut transaction = stores::begin(&services.db).await?;
    hang(services, &mut transaction, concert, None).await?;
    transaction.commit().await?;
    Ok(())
}

/// Sets the poster that is shown from now on and retires the others. Locks the concert's row first,
/// as every change of what belongs to a concert does.
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

/// Returns a picture as JPEG, or [`Refusal::NotFound`]. Any client that knows its hash may see it.
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

/// Returns the uploaded poster of a concert as JPEG: the smallest that is at least `least` pixels
/// wide, or else the widest. Returns `None` if the concert has the one drawn from its data.
pub async fn uploaded(services: &Services, concert: &Concert, least: u32) -> Result<Option<Bytes>> {
    let Some(poster) = &concert.poster else {
        return Ok(None);
    };
    let width = poster.widths().find(|width| *width >= least);
    let width = width.unwrap_or_else(|| poster.widest());
    match picture(services, concert.id, poster.hash(), width).await {
        // Purged since the concert was read.
        Err(Error::Refused(Refusal::NotFound)) => Ok(None),
        found => found.map(Some),
    }
}

/// Deletes posters that were replaced or removed more than [`GRACE`] ago.
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
        false => Err(concerts::turned_away(services, concert).await),
    }
}
