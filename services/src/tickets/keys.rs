//! The keys that verify ticket codes, in PostgreSQL: they outlive the secret that they are derived
//! from.

use super::code::{self, NotOurs, Payload, PublicKey, TicketKeys};
use crate::{Result, Services};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::tickets::{TicketKey, TicketKeySet};
use sqlx::PgPool;

/// Publishes the public halves of our keys to every server and client. A known key is left
/// unchanged, so that a retired key stays retired.
pub(crate) async fn publish(db: &PgPool, keys: &TicketKeys) -> Result<()> {
    let known = sqlx::query!("SELECT id, retired_at FROM ticket_keys")
        .fetch_all(db)
        .await?;
    for (n, key) in keys.public().into_iter().enumerate() {
        let id = key.id();
        match known.iter().find(|known| known.id == id) {
            Some(known) if n == 0 && known.retired_at.is_some() => tracing::warn!(
                key = id,
                "tickets are signed with a key that was retired, and will be refused: change the secret"
            ),
            Some(_) => {}
            None => {
                sqlx::query!(
                    "INSERT INTO ticket_keys (id, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    id,
                    key.as_bytes()
                )
                .execute(db)
                .await?;
            }
        }
    }
    Ok(())
}

/// Returns the keys whose signatures are valid, as a JSON Web Key Set (RFC 7517, RFC 8037).
pub async fn key_set(services: &Services) -> Result<TicketKeySet> {
    let keys = current(services).await?;
    let keys = keys.iter().map(|key| {
        let x = BASE64_URL_SAFE_NO_PAD.encode(key.as_bytes());
        TicketKey::ed25519(key.id(), x)
    });
    Ok(TicketKeySet {
        keys: keys.collect(),
    })
}

/// Returns what a code says, if it is one of ours. Whether the ticket was cancelled since then is
/// for [`super::check`] to find out.
pub async fn verify(
    services: &Services,
    text: &str,
) -> Result<std::result::Result<Payload, NotOurs>> {
    Ok(code::verify(text, &current(services).await?))
}

async fn current(services: &Services) -> Result<Vec<PublicKey>> {
    let keys = sqlx::query_scalar!(
        "SELECT public_key FROM ticket_keys WHERE retired_at IS NULL ORDER BY added_at, id"
    )
    .fetch_all(&services.db)
    .await?;
    Ok(keys
        .iter()
        .filter_map(|key| PublicKey::from_bytes(key))
        .collect())
}
