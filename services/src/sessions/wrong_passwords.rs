//! What the owner of an account learns of wrong passwords that were tried.
//!
//! One row per account, regardless of the number of attempts. Of each address one bit is kept, by a
//! hash that some million addresses share: enough to count them ([linear
//! counting](https://doi.org/10.1145/78922.78925), Whang et al. 1990), and no personal data.

use super::{Session, SessionRow};
use crate::limits::Network;
use crate::{Client, Result, Services};
use chrono::{DateTime, TimeDelta, Utc};
use model::accounts::AccountName;
use model::sessions::WrongPasswords;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// How long the owner sees them, unless dismissed before.
pub const TOLD: TimeDelta = TimeDelta::days(7);
/// How long wrong passwords are counted without a log-in.
const COUNTED: TimeDelta = TimeDelta::days(90);
/// Bits: 512 bytes. 400 addresses are counted to within some three, and 20,000 to within a hundred.
const BITS: u16 = 4096;

/// Counts a wrong password. Returns at once: the duration must not reveal whether the account
/// exists.
pub(super) fn note(services: &Services, from: &Client, account_name: &str) {
    let Ok(name) = AccountName::parse(account_name) else {
        return;
    };
    let (services, from) = (services.clone(), Network::of(from.address));
    // No more tasks than passwords that are verified.
    tokio::spawn(async move {
        if let Err(error) = count(&services, from, &name).await {
            tracing::warn!(%error, "a wrong password could not be counted for the account's owner");
        }
    });
}

async fn count(services: &Services, from: Network, name: &AccountName) -> Result<()> {
    sqlx::query!(
        "INSERT INTO wrong_passwords AS known (account_id, wrong, addresses, told_addresses, last_at)
         SELECT id, 1, set_bit(repeat('0', 4096)::bit(4096), $2, 1), repeat('0', 4096)::bit(4096), $3
           FROM accounts WHERE account_name = $1 AND deleted_at IS NULL
         ON CONFLICT (account_id) DO UPDATE
            SET wrong = LEAST(known.wrong, 999999999) + 1, addresses = set_bit(known.addresses, $2, 1),
                last_at = excluded.last_at",
        name.as_str(),
        bit_of(from, name),
        services.clock.now()
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

fn bit_of(from: Network, name: &AccountName) -> i32 {
    let digest = Sha256::digest(format!("{from} {}", name.as_str()));
    (u16::from_be_bytes([digest[0], digest[1]]) % BITS).into()
}

/// Returns the most likely number of addresses that set this number of bits.
fn addresses(set: i64) -> u32 {
    let bits = f64::from(BITS);
    // Keeps the estimate finite when all bits are set.
    let free = (bits - set as f64).max(0.5);
    (bits * (bits / free).ln()).round() as u32
}

/// Takes in a log-in from this network: wrong passwords before it are shown from now on, except the
/// `own` wrong attempts from the same network.
pub(super) async fn tell(
    transaction: &mut PgConnection,
    account: &SessionRow,
    from: &Client,
    own: u32,
) -> Result<()> {
    let tried = sqlx::query!(
        "SELECT wrong, told_at, account_name
           FROM wrong_passwords AS wrong JOIN accounts AS account ON account.id = wrong.account_id
          WHERE account_id = $1 AND wrong > 0 FOR UPDATE OF wrong",
        account.account_id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(tried) = tried else {
        return Ok(());
    };
    let now = account.created_at;
    let others = (tried.wrong - own as i32).max(0);
    let unread = tried.told_at.is_some_and(|at| now - at < TOLD);
    // The network of the owner's own mistakes does not count among those of others.
    let own_bit = AccountName::parse(&tried.account_name)
        .ok()
        .filter(|_| own > 0)
        .map(|name| bit_of(Network::of(from.address), &name));
    sqlx::query!(
        "UPDATE wrong_passwords
            SET wrong = 0, addresses = repeat('0', 4096)::bit(4096),
                told_wrong = CASE WHEN $3 THEN told_wrong ELSE 0 END + $2,
                told_addresses = CASE WHEN $3 THEN told_addresses ELSE repeat('0', 4096)::bit(4096) END
                               | CASE WHEN $2 = 0 THEN repeat('0', 4096)::bit(4096)
                                      WHEN $4::int IS NULL THEN addresses
                                      ELSE set_bit(addresses, $4, 0) END,
                told_at = CASE WHEN $2 = 0 THEN told_at ELSE $5 END
          WHERE account_id = $1",
        account.account_id,
        others,
        unread,
        own_bit,
        now
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Returns the wrong passwords before the last log-in. Returns `None` if there were none, if the
/// owner dismissed them, or after a week.
pub async fn wrong_passwords(
    services: &Services,
    session: &Session,
) -> Result<Option<WrongPasswords>> {
    let told = sqlx::query!(
        r#"SELECT told_wrong, bit_count(told_addresses) AS "set!", told_at AS "told_at!"
             FROM wrong_passwords WHERE account_id = $1 AND told_at > $2"#,
        session.account_id.0,
        services.clock.now() - TOLD
    )
    .fetch_optional(&services.db)
    .await?;
    Ok(told.map(|told| WrongPasswords {
        wrong: told.told_wrong as u32,
        addresses: addresses(told.set).max(1),
        at: told.told_at,
    }))
}

/// Dismisses the report, because the owner has read it.
pub async fn dismiss_wrong_passwords(services: &Services, session: &Session) -> Result<()> {
    sqlx::query!(
        "UPDATE wrong_passwords
            SET told_wrong = 0, told_addresses = repeat('0', 4096)::bit(4096), told_at = NULL
          WHERE account_id = $1",
        session.account_id.0
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

/// Deletes expired counts. Safe to run on any server, at any time.
pub(super) async fn purge(services: &Services, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "DELETE FROM wrong_passwords
          WHERE (wrong = 0 OR last_at <= $1) AND (told_at IS NULL OR told_at <= $2)",
        now - COUNTED,
        now - TOLD
    )
    .execute(&services.db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Any number of addresses is counted with an error of a few percent.
    #[test]
    fn addresses_are_counted_by_the_bits_that_they_set() {
        let name = AccountName::parse("mina").unwrap();
        for number in [1_u32, 2, 5, 400, 5_000] {
            let bits: HashSet<i32> = (0..number)
                .map(|n| {
                    bit_of(
                        Network::of(std::net::Ipv4Addr::from(0xcb00_0000 + n * 7919).into()),
                        &name,
                    )
                })
                .collect();
            let counted = f64::from(addresses(bits.len() as i64));
            let off = (counted - f64::from(number)).abs();
            assert!(
                off <= 0.5 + f64::from(number) * 0.05,
                "{counted} of {number}"
            );
        }
        assert!(addresses(BITS.into()) > 30_000);
    }
}
