//! Finds and revokes tickets: for the concert's organiser and admins.

use super::check::as_printed;
use super::{keys, revocation, tell_queue};
use crate::concerts::{self, may_edit};
use crate::sessions::Session;
use crate::to_the_end::to_the_end;
use crate::{Error, Result, Services};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::accounts::{AccountId, AccountName, Role};
use model::concerts::ConcertId;
use model::tickets::{IssuedTicket, RevokeReason, TicketId};

struct IssuedRow {
    id: i64,
    concert_id: i64,
    title: String,
    starts_at: DateTime<Utc>,
    serial: i32,
    holder: String,
    issued_at: DateTime<Utc>,
    cancelled_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

impl From<IssuedRow> for IssuedTicket {
    fn from(row: IssuedRow) -> IssuedTicket {
        IssuedTicket {
            id: TicketId(row.id),
            concert_id: ConcertId(row.concert_id),
            title: row.title,
            starts_at: row.starts_at,
            serial: row.serial as u32,
            holder: row.holder,
            issued_at: row.issued_at,
            cancelled_at: row.cancelled_at,
            revoked: revocation(row.revoked_at, row.reason),
        }
    }
}

/// Revokes a ticket and records the reason: the head of the queue gets it with the next tick. For
/// the concert's organiser and admins, else [`Refusal::Forbidden`]; [`Refusal::NotFound`] if there
/// is no such ticket.
///
/// Repeating it is harmless: the first reason stays, and a ticket that its holder cancelled is not
/// revoked. Refused with [`Refusal::SaleClosed`] when the concert is over.
pub async fn revoke(
    services: &Services,
    by: &Session,
    id: TicketId,
    reason: &RevokeReason,
) -> Result<IssuedTicket> {
    if by.role < Role::Organiser {
        return Err(Refusal::Forbidden.into());
    }
    let (services, by, reason) = (services.clone(), by.clone(), reason.clone());
    to_the_end(async move { revoke_one(&services, &by, id, &reason).await }).await
}

async fn revoke_one(
    services: &Services,
    by: &Session,
    id: TicketId,
    reason: &RevokeReason,
) -> Result<IssuedTicket> {
    let ticket = sqlx::query!(
        "SELECT ticket.concert_id, ticket.account_id, ticket.cancelled_at, concert.ends_at, concert.created_by
           FROM tickets AS ticket JOIN concerts AS concert ON concert.id = ticket.concert_id
          WHERE ticket.id = $1",
        id.0
    )
    .fetch_optional(&services.db)
    .await?
    .ok_or(Refusal::NotFound)?;
    let (concert, now) = (ConcertId(ticket.concert_id), services.clock.now());
    if !may_edit(Some(by), ticket.created_by) {
        // A rehearsal must look to outsiders as if it did not exist.
        concerts::find_view(services, Some(by), concert).await?;
        return Err(Refusal::Forbidden.into());
    }
    if ticket.cancelled_at.is_none() {
        if now >= ticket.ends_at {
            return Err(Refusal::SaleClosed.into());
        }
        // The concert's row first, as everywhere: one lock order, no deadlock.
        let revoked = sqlx::query!(
            "WITH concert AS (SELECT id FROM concerts WHERE id = $2 FOR NO KEY UPDATE),
                  cancelled AS (UPDATE tickets SET cancelled_at = $3 FROM concert
                                 WHERE tickets.id = $1 AND tickets.concert_id = concert.id AND cancelled_at IS NULL
                                RETURNING tickets.id)
             INSERT INTO ticket_revocations (ticket_id, revoked_by, revoked_at, reason)
             SELECT id, $4, $3, $5 FROM cancelled",
            id.0,
            concert.0,
            now,
            by.account_id.0,
            reason.as_str()
        )
        .execute(&services.db)
        .await?;
        if revoked.rows_affected() > 0 {
            tracing::warn!(
                target: "security",
                event = "ticket_revoked",
                by = by.account_id.0,
                ticket = id.0,
                concert = concert.0,
            );
        }
        tell_queue(services, concert, AccountId(ticket.account_id)).await;
    }
    let shown = shown(services, concert, &[id.0]).await?.pop();
    Ok(shown.ok_or(Refusal::NotFound)?)
}

/// Revokes every live ticket of an account for a concert that is not over. For admins.
pub(crate) async fn revoke_all(
    services: &Services,
    by: &Session,
    account: AccountId,
    reason: &RevokeReason,
) -> Result<()> {
    for ticket in live_of(services, by, account).await? {
        match revoke_one(services, by, ticket.id, reason).await {
            // The concert has ended in the meantime.
            Err(Error::Refused(Refusal::SaleClosed)) => {}
            revoked => drop(revoked?),
        }
    }
    Ok(())
}

/// Finds tickets of a concert: by the text of the QR code, by the ten characters beside it, by the
/// serial number, or by the account's name. For callers who may edit the concert, else
/// [`Refusal::Forbidden`]; a draft has no tickets: [`Refusal::NotFound`].
pub async fn find_issued(
    services: &Services,
    by: &Session,
    concert: ConcertId,
    typed: &str,
) -> Result<Vec<IssuedTicket>> {
    concerts::find_to_steer(services, by, concert).await?;
    let typed = typed.trim();
    let signed = match typed.contains(':') {
        true => keys::verify(services, typed).await?.ok(),
        false => None,
    };
    let serial = typed.replace(',', "").parse::<i32>().ok();
    let name = AccountName::parse(typed).ok();
    // Each way uses its own index.
    let found = sqlx::query_scalar!(
        r#"SELECT id AS "id!" FROM tickets WHERE id = $1
           UNION SELECT id FROM tickets WHERE code = $2
           UNION SELECT id FROM tickets WHERE concert_id = $5 AND serial = $3
           UNION SELECT id FROM tickets WHERE account_id = (SELECT id FROM accounts WHERE account_name = $4)"#,
        signed.map(|said| said.ticket.0),
        as_printed(typed),
        serial,
        name.as_ref().map(AccountName::as_str),
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    shown(services, concert, &found).await
}

/// Returns the tickets among these that belong to this concert: the newest 20, newest first.
async fn shown(services: &Services, concert: ConcertId, ids: &[i64]) -> Result<Vec<IssuedTicket>> {
    let rows = sqlx::query_as!(
        IssuedRow,
        r#"SELECT ticket.id, ticket.concert_id, concert.title, concert.starts_at, ticket.serial, account.nickname AS holder,
                  ticket.issued_at, ticket.cancelled_at, revocation.revoked_at AS "revoked_at?", revocation.reason AS "reason?"
             FROM tickets AS ticket
             JOIN concerts AS concert ON concert.id = ticket.concert_id
             JOIN accounts AS account ON account.id = ticket.account_id
             LEFT JOIN ticket_revocations AS revocation ON revocation.ticket_id = ticket.id
            WHERE ticket.id = ANY ($1) AND ticket.concert_id = $2
            ORDER BY ticket.serial DESC LIMIT 20"#,
        ids,
        concert.0
    )
    .fetch_all(&services.db)
    .await?;
    Ok(rows.into_iter().map(IssuedTicket::from).collect())
}

/// Returns the account's live tickets for concerts that are not over, the next concert first. For
/// admins, else [`Refusal::Forbidden`].
pub async fn live_of(
    services: &Services,
    by: &Session,
    account: AccountId,
) -> Result<Vec<IssuedTicket>> {
    by.require_admin()?;
    let rows = sqlx::query_as!(
        IssuedRow,
        r#"SELECT ticket.id, ticket.concert_id, concert.title, concert.starts_at, ticket.serial, account.nickname AS holder,
                  ticket.issued_at, ticket.cancelled_at, NULL::timestamptz AS revoked_at, NULL::text AS reason
             FROM tickets AS ticket
             JOIN concerts AS concert ON concert.id = ticket.concert_id
             JOIN accounts AS account ON account.id = ticket.account_id
            WHERE ticket.account_id = $1 AND ticket.cancelled_at IS NULL AND concert.ends_at > $2
            ORDER BY concert.starts_at, ticket.id"#,
        account.0,
        services.clock.now()
    )
    .fetch_all(&services.db)
    .await?;
    Ok(rows.into_iter().map(IssuedTicket::from).collect())
}
