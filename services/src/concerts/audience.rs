//! Decides who may see and join a concert: all visitors, the accounts of a rehearsal, or those who
//! may edit it.

use crate::sessions::Session;
use crate::{Error, Result, Services};
use model::Refusal;
use model::concerts::ConcertId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Returns the error for callers who may not edit a concert: forbidden, or not found if they may
/// not know that it exists.
pub(crate) async fn turned_away(services: &Services, concert: ConcertId) -> Error {
    match audience(services, concert).await {
        Ok(Audience::Everybody) => Refusal::Forbidden.into(),
        Ok(Audience::Rehearsal | Audience::Organisers) => Refusal::NotFound.into(),
        Err(error) => error,
    }
}

/// Refuses accounts of a rehearsal in any other concert ([`Refusal::Forbidden`]), and all other
/// accounts in a rehearsal or a draft ([`Refusal::NotFound`]).
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

/// Who may see and join a concert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Everybody,
    /// The accounts of the rehearsal whose copy it is.
    Rehearsal,
    /// Accounts that may edit it: a draft.
    Organisers,
}

/// A concert that does not exist counts as public; the caller then finds that it is not there.
pub(crate) async fn audience(services: &Services, concert: ConcertId) -> Result<Audience> {
    if let Some(known) = services.audiences.get(concert) {
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
        // Not cached: a draft may be published.
        (true, _) => return Ok(Audience::Organisers),
        (false, true) => Audience::Rehearsal,
        (false, false) => Audience::Everybody,
    };
    services.audiences.put(concert, audience);
    Ok(audience)
}

/// Cached audiences of concerts, as far as they never change: a join should not have to ask
/// PostgreSQL.
#[derive(Default)]
pub(crate) struct KnownAudiences(RwLock<HashMap<ConcertId, Audience>>);

impl KnownAudiences {
    fn get(&self, concert: ConcertId) -> Option<Audience> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&concert).copied()
    }

    fn put(&self, concert: ConcertId, audience: Audience) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(concert, audience);
    }
}
