//! A simulated crowd, so that no visitor of the demo is alone in the queue. It uses the same
//! services, queues and tickets as every other account.

use crate::{Error, Result, Services, accounts, queue, tickets};
use model::Refusal;
use model::accounts::{AccountId, Role, SignUpForm};
use model::concerts::ConcertId;
use model::tickets::TicketId;
use rand::Rng;
use rand::seq::IndexedRandom;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Accounts in the crowd.
const CROWD: usize = 400;
/// Entries that wait for each concert on sale: the crowd joins up to this number.
const WAITING: i64 = 120;
/// Upper bound on joins per step and concert.
const RUSH: i64 = 25;
const STEP: Duration = Duration::from_millis(700);
/// Percentage of capacity: while the stock of the main concert is not above it, the crowd gives
/// back tickets, so that the demo never ends.
const RESERVE: i64 = 30;

/// Runs the crowd until `stop`.
pub async fn run(services: Services, stop: CancellationToken) {
    let mut crowd = Vec::new();
    while !stop.is_cancelled() {
        if let Err(error) = step(&services, &mut crowd).await {
            tracing::warn!(%error, "the demo crowd is stuck for a moment");
        }
        tokio::select! {
            () = tokio::time::sleep(STEP) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn step(services: &Services, crowd: &mut Vec<AccountId>) -> Result<()> {
    if crowd.is_empty() {
        *crowd = known(services).await?;
    }
    // A few per step, so that hundreds of sign-ups do not take the processor from all other
    // requests.
    for number in crowd.len()..CROWD.min(crowd.len() + 15) {
        crowd.push(sign_up(services, number).await?);
    }
    for sale in selling(services).await? {
        join_some(services, &sale).await?;
        if sale.main {
            leave_sometimes(services, &sale).await?;
            give_back_some(services, &sale).await?;
        }
    }
    Ok(())
}

async fn known(services: &Services) -> Result<Vec<AccountId>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM accounts WHERE email LIKE 'crowd.%@example.com' ORDER BY id"
    )
    .fetch_all(&services.db)
    .await?;
    Ok(ids.into_iter().map(AccountId).collect())
}

async fn sign_up(services: &Services, number: usize) -> Result<AccountId> {
    let name = format!("crowd.{number:04}");
    // The password is thrown away: no client logs in as one of the crowd.
    let password: String = rand::rng()
        .sample_iter(rand::distr::Alphanumeric)
        .take(32)
        .map(char::from)
        .collect();
    let form = SignUpForm {
        email: format!("{name}@example.com"),
        nickname: format!("Fan {number}"),
        name: format!("Demo Fan {number}"),
        account_name: name,
        password,
    };
    Ok(accounts::create(services, form.parse()?, Role::User)
        .await?
        .id)
}

struct Selling {
    id: i64,
    capacity: i32,
    stock: i32,
    waiting: i64,
    main: bool,
}

impl Selling {
    fn concert(&self) -> ConcertId {
        ConcertId(self.id)
    }
}

async fn selling(services: &Services) -> Result<Vec<Selling>> {
    Ok(sqlx::query_as!(
        Selling,
        r#"SELECT id, capacity, capacity - issued AS "stock!",
                  (SELECT count(*) FROM queue_entries WHERE concert_id = concerts.id AND state = 'waiting') AS "waiting!",
                  row_number() OVER (ORDER BY id) = 1 AS "main!"
             FROM concerts
            WHERE state = 'open' AND sale_opens_at <= $1 AND starts_at > $1 AND issued < capacity
              AND rehearsal_of IS NULL AND NOT draft
            ORDER BY id"#,
        services.clock.now()
    )
    .fetch_all(&services.db)
    .await?)
}

/// Lets accounts of the crowd join until enough entries wait: those without a waiting entry or a
/// live ticket for the concert.
async fn join_some(services: &Services, sale: &Selling) -> Result<()> {
    let missing = (WAITING - sale.waiting).clamp(0, RUSH);
    let idle = sqlx::query_scalar!(
        "SELECT id FROM accounts
          WHERE email LIKE 'crowd.%@example.com'
            AND NOT EXISTS (SELECT FROM queue_entries
                             WHERE concert_id = $1 AND account_id = accounts.id AND state = 'waiting')
            AND NOT EXISTS (SELECT FROM tickets
                             WHERE concert_id = $1 AND account_id = accounts.id AND cancelled_at IS NULL)
          ORDER BY random()
          LIMIT $2",
        sale.id,
        missing
    )
    .fetch_all(&services.db)
    .await?;
    for account in idle {
        match queue::join(services, AccountId(account), sale.concert()).await {
            Ok(_) | Err(Error::Refused(Refusal::HoldsTicket | Refusal::SaleClosed)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn leave_sometimes(services: &Services, sale: &Selling) -> Result<()> {
    if !rand::rng().random_bool(0.15) {
        return Ok(());
    }
    let waiting = sqlx::query_scalar!(
        "SELECT account_id FROM queue_entries JOIN accounts ON accounts.id = account_id
          WHERE concert_id = $1 AND state = 'waiting' AND email LIKE 'crowd.%@example.com'",
        sale.id
    )
    .fetch_all(&services.db)
    .await?;
    let unlucky = waiting.choose(&mut rand::rng()).copied();
    if let Some(account) = unlucky {
        queue::leave(services, AccountId(account), sale.concert()).await?;
    }
    Ok(())
}

async fn give_back_some(services: &Services, sale: &Selling) -> Result<()> {
    if i64::from(sale.stock) * 100 > i64::from(sale.capacity) * RESERVE {
        return Ok(());
    }
    let oldest = sqlx::query!(
        "SELECT tickets.id, account_id FROM tickets JOIN accounts ON accounts.id = account_id
          WHERE concert_id = $1 AND cancelled_at IS NULL AND email LIKE 'crowd.%@example.com'
          ORDER BY tickets.id
          LIMIT 10",
        sale.id
    )
    .fetch_all(&services.db)
    .await?;
    for ticket in oldest {
        tickets::cancel_as(services, AccountId(ticket.account_id), TicketId(ticket.id)).await?;
    }
    Ok(())
}
