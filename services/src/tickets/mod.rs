//! Tickets: what an account holds once its turn has come. They are created in one place only,
//! `queue/issue.rs`.

mod check;
pub mod code;
mod keys;
mod revoke;

pub use check::check;
pub use code::{PublicKey, TicketKeys};
pub(crate) use keys::publish;
pub use keys::{key_set, verify};
pub(crate) use revoke::revoke_all;
pub use revoke::{find_issued, live_of, revoke};

use crate::sessions::Session;
use crate::{Error, Result, Services, queue};
use chrono::{DateTime, Utc};
use fail::fail_point;
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::{ConcertId, Genre};
use model::tickets::{Revocation, Ticket, TicketId};

struct TicketRow {
    id: i64,
    concert_id: i64,
    title: String,
    artist: String,
    venue: String,
    genre: String,
    poster: Option<String>,
    starts_at: DateTime<Utc>,
    serial: i32,
    code: String,
    holder: String,
    issued_at: DateTime<Utc>,
    cancelled_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl TicketRow {
    fn into_ticket(self, keys: &TicketKeys) -> Result<Ticket> {
        let row = self;
        let payload = code::Payload {
            ticket: TicketId(row.id),
            concert: ConcertId(row.concert_id),
            serial: row.serial as u32,
            issued_at: row.issued_at,
        };
        Ok(Ticket {
            signed: row.cancelled_at.is_none().then(|| keys.sign(&payload)),
            id: TicketId(row.id),
            concert_id: ConcertId(row.concert_id),
            genre: Genre::parse(&row.genre).ok_or_else(|| {
                Error::Broken(format!(
                    "unknown genre {:?} in concert {}",
                    row.genre, row.concert_id
                ))
            })?,
            poster: row.poster.and_then(|name| name.parse().ok()),
            title: row.title,
            artist: row.artist,
            venue: row.venue,
            starts_at: row.starts_at,
            serial: row.serial as u32,
            code: row.code,
            holder: row.holder,
            issued_at: row.issued_at,
            cancelled_at: row.cancelled_at,
            revoked: revocation(row.revoked_at, row.reason),
        })
    }
}

/// Returns the record of a ticket that was revoked, or `None`.
fn revocation(at: Option<DateTime<Utc>>, reason: Option<String>) -> Option<Revocation> {
    let (at, reason) = at.zip(reason)?;
    Some(Revocation { at, reason })
}

/// Returns the account's tickets, newest first, cancelled ones included.
pub async fn list(services: &Services, session: &Session) -> Result<Vec<Ticket>> {
    let rows = rows(services, session.account_id, None).await?;
    let tickets = rows
        .into_iter()
        .map(|row| row.into_ticket(&services.tickets));
    tickets.collect()
}

/// Returns one of the account's tickets. [`Refusal::NotFound`] if it is another account's or does
/// not exist.
pub async fn find(services: &Services, session: &Session, id: TicketId) -> Result<Ticket> {
    let row = rows(services, session.account_id, Some(id)).await?.pop();
    row.ok_or(Refusal::NotFound)?.into_ticket(&services.tickets)
}

async fn rows(
    services: &Services,
    owner: AccountId,
    id: Option<TicketId>,
) -> Result<Vec<TicketRow>> {
    Ok(sqlx::query_as!(
        TicketRow,
        r#"SELECT ticket.id, ticket.concert_id, concert.title, concert.artist, concert.venue, concert.genre, concert.poster,
                  concert.starts_at, ticket.serial, ticket.code, account.nickname AS holder, ticket.issued_at,
                  ticket.cancelled_at, revocation.revoked_at AS "revoked_at?", revocation.reason AS "reason?"
             FROM tickets AS ticket
             JOIN concerts AS concert ON concert.id = ticket.concert_id
             JOIN accounts AS account ON account.id = ticket.account_id
             LEFT JOIN ticket_revocations AS revocation ON revocation.ticket_id = ticket.id
            WHERE ticket.account_id = $1 AND ($2::bigint IS NULL OR ticket.id = $2)
            ORDER BY ticket.issued_at DESC, ticket.id DESC"#,
        owner.0,
        id.map(|id| id.0)
    )
    .fetch_all(&services.db)
    .await?)
}

/// Cancels a ticket: the head of the queue gets it with the next tick, and its serial number is not
/// used again.
///
/// Repeating it is harmless. Refused with [`Refusal::SaleClosed`] after the concert has begun.
pub async fn cancel(services: &Services, session: &Session, id: TicketId) -> Result<()> {
    cancel_as(services, session.account_id, id).await
}

pub(crate) async fn cancel_as(services: &Services, account: AccountId, id: TicketId) -> Result<()> {
    let ticket = sqlx::query!(
        "SELECT ticket.concert_id, ticket.cancelled_at, concert.starts_at
           FROM tickets AS ticket JOIN concerts AS concert ON concert.id = ticket.concert_id
          WHERE ticket.id = $1 AND ticket.account_id = $2",
        id.0,
        account.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    let now = services.clock.now();
    if ticket.cancelled_at.is_some() {
        return Ok(());
    }
    if now >= ticket.starts_at {
        return Err(Refusal::SaleClosed.into());
    }
    // The concert's row first, as everywhere: one lock order, no deadlock.
    sqlx::query!(
        "WITH concert AS (SELECT id FROM concerts WHERE id = $2 FOR NO KEY UPDATE)
         UPDATE tickets SET cancelled_at = $3 FROM concert
          WHERE tickets.id = $1 AND tickets.concert_id = concert.id AND cancelled_at IS NULL",
        id.0,
        ticket.concert_id,
        now
    )
    .execute(&services.db)
    .await?;
    fail_point!("cancel::committed");
    tell_queue(services, ConcertId(ticket.concert_id), account).await;
    Ok(())
}

/// Notifies the queue of a ticket that is no longer live, so that its head gets one with the next
/// tick.
async fn tell_queue(services: &Services, concert: ConcertId, account: AccountId) {
    if let Err(error) = queue::cancelled(services, concert, account).await {
        // The cancellation is committed; the scheduler and the next join notify the queue.
        tracing::warn!(%concert, %error, "the queue could not be told of a cancelled ticket yet");
    }
}

/// Cancels every ticket of an account for a future concert.
pub(crate) async fn cancel_all(services: &Services, account: AccountId) -> Result<()> {
    let tickets = sqlx::query_scalar!(
        "SELECT ticket.id FROM tickets AS ticket JOIN concerts AS concert ON concert.id = ticket.concert_id
          WHERE ticket.account_id = $1 AND ticket.cancelled_at IS NULL AND concert.starts_at > $2
          ORDER BY ticket.id",
        account.0,
        services.clock.now()
    )
    .fetch_all(&services.db)
    .await?;
    for ticket in tickets {
        match cancel_as(services, account, TicketId(ticket)).await {
            // The concert has begun in the meantime.
            Err(Error::Refused(Refusal::SaleClosed)) => {}
            cancelled => cancelled?,
        }
    }
    Ok(())
}
