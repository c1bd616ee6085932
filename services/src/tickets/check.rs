//! The check at the entrance: whether a code is good for entry.

use super::{keys, revocation};
use crate::concerts::may_edit;
use crate::sessions::Session;
use crate::{Result, Services};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::accounts::Role;
use model::concerts::ConcertId;
use model::tickets::{Revocation, TicketCheck, TicketId};
use unicode_normalization::UnicodeNormalization;

struct Shown {
    id: i64,
    concert_id: i64,
    title: String,
    created_by: Option<i64>,
    serial: i32,
    issued_at: DateTime<Utc>,
    cancelled_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

/// Checks a code: the text of a QR code, or the ten characters beside it. Does not reveal the
/// holder.
///
/// For organisers and admins, else [`Refusal::Forbidden`]. To an organiser, a ticket for a concert
/// of another organiser is [`TicketCheck::NotOurs`], like one that we did not issue.
pub async fn check(services: &Services, by: &Session, code: &str) -> Result<TicketCheck> {
    if by.role < Role::Organiser {
        return Err(Refusal::Forbidden.into());
    }
    let code = code.trim();
    let shown = match code.contains(':') {
        true => signed(services, code).await?,
        false => typed(services, code).await?,
    };
    let Some(ticket) = shown.filter(|ticket| may_edit(Some(by), ticket.created_by)) else {
        return Ok(TicketCheck::NotOurs);
    };
    let (concert_id, serial) = (ConcertId(ticket.concert_id), ticket.serial as u32);
    let title = ticket.title;
    let revocation = revocation(ticket.revoked_at, ticket.reason);
    Ok(match (revocation, ticket.cancelled_at) {
        (Some(Revocation { at, reason }), _) => TicketCheck::Revoked {
            concert_id,
            title,
            serial,
            revoked_at: at,
            reason,
        },
        (None, None) => TicketCheck::Valid {
            concert_id,
            title,
            serial,
        },
        (None, Some(cancelled_at)) => TicketCheck::Cancelled {
            concert_id,
            title,
            serial,
            cancelled_at,
        },
    })
}

/// The signature proves that we issued the ticket; its contents must match the record.
async fn signed(services: &Services, code: &str) -> Result<Option<Shown>> {
    let Ok(said) = keys::verify(services, code).await? else {
        return Ok(None);
    };
    let ticket = find(services, Some(said.ticket), None).await?;
    Ok(ticket.filter(|ticket| {
        ticket.id == said.ticket.0
            && ticket.concert_id == said.concert.0
            && ticket.serial as u32 == said.serial
            && ticket.issued_at.timestamp() == said.issued_at.timestamp()
    }))
}

async fn typed(services: &Services, code: &str) -> Result<Option<Shown>> {
    match as_printed(code) {
        Some(code) => find(services, None, Some(code)).await,
        None => Ok(None),
    }
}

/// Upper bound on characters of a typed code, with room for spaces.
const LONGEST_TYPED: usize = 40;

/// Returns the ten characters as they are printed, regardless of how they were typed: in small or
/// full-width letters, with another dash, with spaces or with neither, and with letters that
/// Crockford's base 32 does not use in place of the digits that they look like.
pub(super) fn as_printed(typed: &str) -> Option<String> {
    let between = |c: &char| !(c.is_whitespace() || is_dash(*c));
    let letters: String = typed
        .chars()
        .take(LONGEST_TYPED)
        .nfkc()
        .filter(between)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    let is_code = letters.len() == 10 && letters.bytes().all(|c| c.is_ascii_alphanumeric());
    is_code.then(|| format!("{}-{}", &letters[..5], &letters[5..]))
}

/// Unicode's dashes (`Pd`), the minus sign, and the lines that keyboards offer in their place.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{3161}'
    )
}

async fn find(
    services: &Services,
    id: Option<TicketId>,
    code: Option<String>,
) -> Result<Option<Shown>> {
    Ok(sqlx::query_as!(
        Shown,
        r#"SELECT ticket.id, ticket.concert_id, concert.title, concert.created_by, ticket.serial, ticket.issued_at,
                  ticket.cancelled_at, revocation.revoked_at AS "revoked_at?", revocation.reason AS "reason?"
             FROM tickets AS ticket
             JOIN concerts AS concert ON concert.id = ticket.concert_id
             LEFT JOIN ticket_revocations AS revocation ON revocation.ticket_id = ticket.id
            WHERE ticket.id = $1 OR ticket.code = $2"#,
        id.map(|id| id.0),
        code
    )
    .fetch_optional(&services.db)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        for typed in [
            "ABCDE-01XYZ",
            "abcde-01xyz",
            "ABCDE01XYZ",
            "abcde 01xyz",
            " ABCDE \u{2013} 01XYZ ",
            "ABCDE\u{2212}01XYZ",
            "ＡＢＣＤＥ－０１ＸＹＺ",
            "ABCDE-OlXYZ",
            "A B C D E 0 1 X Y Z",
        ] {
            assert_eq!(as_printed(typed).as_deref(), Some("ABCDE-01XYZ"), "{typed}");
        }
        for typed in [
            "",
            "ABCDE-01XY",
            "ABCDE-01XYZZ",
            "ABCDE/01XYZ",
            "ABCDE-01XY\u{430}",
            "%%%%%-%%%%%",
        ] {
            assert_eq!(as_printed(typed), None, "{typed}");
        }
        assert_eq!(as_printed(&"A".repeat(1_000_000)), None);
    }
}
