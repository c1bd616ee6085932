//! The networks that an account is logged in from.

use super::SessionRow;
use crate::limits::Neighbourhood;
use crate::{Client, Result, Services};
use chrono::{DateTime, TimeDelta, Utc};
use model::accounts::{AccountId, AccountName};
use sqlx::PgConnection;

/// How long after a log-in its network is known.
pub const KNOWN: TimeDelta = TimeDelta::days(90);
/// Upper bound on networks remembered per account: the newest.
const NETWORKS_MAX: i64 = 100;

/// Returns whether the account of this name was logged in from this network within [`KNOWN`], or
/// has an open session there. Returns `false` if there is no such account.
pub(super) async fn is_known(services: &Services, from: &Client, name: &str) -> Result<bool> {
    let Ok(name) = AccountName::parse(name) else {
        return Ok(false);
    };
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM accounts AS account JOIN account_networks AS known ON known.account_id = account.id
                WHERE account.account_name = $1 AND known.network = $2::text::cidr AND known.seen_at > $3
               UNION ALL
               SELECT FROM accounts AS account JOIN sessions AS session ON session.account_id = account.id
                WHERE account.account_name = $1 AND session.ended_at IS NULL
                  AND CASE session.address WHEN '' THEN false ELSE session.address::inet <<= $2::text::cidr END
           ) AS "known!""#,
        name.as_str(),
        Neighbourhood::of(from.address).to_string(),
        services.clock.now() - KNOWN
    )
    .fetch_one(&services.db)
    .await?)
}

/// Records that the account was logged in from this network.
pub(super) async fn remember(
    transaction: &mut PgConnection,
    session: &SessionRow,
    from: &Client,
) -> Result<()> {
    let written = sqlx::query!(
        "INSERT INTO account_networks AS known (account_id, network, seen_at) VALUES ($1, $2::text::cidr, $3)
         ON CONFLICT (account_id, network) DO UPDATE SET seen_at = excluded.seen_at
          WHERE known.seen_at < excluded.seen_at - interval '1 day'",
        session.account_id,
        Neighbourhood::of(from.address).to_string(),
        session.created_at
    )
    .execute(&mut *transaction)
    .await?;
    if written.rows_affected() > 0 {
        forget_oldest(transaction, AccountId(session.account_id)).await?;
    }
    Ok(())
}

async fn forget_oldest(transaction: &mut PgConnection, account: AccountId) -> Result<()> {
    // Skips rows that another log-in has locked, and leaves them to that log-in, to avoid a
    // deadlock.
    sqlx::query!(
        "DELETE FROM account_networks
          WHERE account_id = $1
            AND network IN (SELECT network FROM account_networks
                             WHERE account_id = $1
                               AND network IN (SELECT network FROM account_networks WHERE account_id = $1
                                                ORDER BY seen_at DESC, network OFFSET $2)
                               FOR UPDATE SKIP LOCKED)",
        account.0,
        NETWORKS_MAX
    )
    .execute(transaction)
    .await?;
    Ok(())
}

/// Deletes networks that are no longer known. Safe to run on any server, at any time.
pub(super) async fn purge(services: &Services, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "DELETE FROM account_networks WHERE seen_at <= $1",
        now - KNOWN
    )
    .execute(&services.db)
    .await?;
    Ok(())
}
