//! Who may join a queue, look at it and leave it: limits, rehearsals and drafts. The queue itself
//! knows accounts and concerts by number alone.

mod held;

pub use held::held;

use crate::concerts::{self, Audience};
use crate::sessions::Session;
use crate::{Client, Result, Services, limits, queue};
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::QueueView;

/// [`queue::join`] for the account of a session. Also refused with [`Refusal::TooManyRequests`];
/// with [`Refusal::NotFound`] for a draft or another's rehearsal, and with [`Refusal::Forbidden`]
/// for a rehearsal's account in any other concert.
pub async fn join(
    services: &Services,
    from: &Client,
    session: &Session,
    concert: ConcertId,
) -> Result<QueueView> {
    // Simulated clients of a rehearsal are never refused: an organiser created them, and the results
    // of a rehearsal are measured by them.
    if session.rehearsal.is_none() {
        limits::join(services, from, session.account_id).await?;
    }
    concerts::admit(services, session, concert).await?;
    let view = queue::join(services, session.account_id, concert).await?;
    // The place is acknowledged and thus on record: its page, which comes next, need not read it.
    services.places.keep(session.account_id, &view);
    Ok(view)
}

/// [`queue::leave`] for the account of a session. Refused with [`Refusal::NotFound`] for a draft.
pub async fn leave(
    services: &Services,
    session: &Session,
    concert: ConcertId,
) -> Result<QueueView> {
    refuse_draft(services, concert).await?;
    queue::leave(services, session.account_id, concert).await
}

/// Checks that the session may look at the queue. Refused with [`Refusal::NotFound`] for a draft,
/// and for a rehearsal unless the account belongs to it.
pub async fn admit(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    concerts::admit(services, by, concert).await
}

/// [`queue::view`] of an account. Refused with [`Refusal::NotFound`] for a draft.
pub async fn view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    refuse_draft(services, concert).await?;
    queue::view(services, account, concert).await
}

/// [`queue::look`] of an account. Refused with [`Refusal::NotFound`] for a draft.
pub async fn look(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    refuse_draft(services, concert).await?;
    queue::look(services, account, concert).await
}

async fn refuse_draft(services: &Services, concert: ConcertId) -> Result<()> {
    match concerts::audience(services, concert).await? {
        Audience::Organisers => Err(Refusal::NotFound.into()),
        Audience::Everybody | Audience::Rehearsal => Ok(()),
    }
}
