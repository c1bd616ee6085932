//! Creates logged-in accounts and their concerts directly in the stores, because creating them is
//! not measured.

use anyhow::Result;
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use model::accounts::{Account, AccountId, Role};
use model::concerts::ConcertId;
use rand::Rng;
use services::{Client, Services, sessions};
use std::net::Ipv4Addr;

/// Creates accounts and returns their access tokens, valid for 15 minutes.
pub async fn sign_in(services: &Services, number: usize) -> Result<Vec<String>> {
    // Unique names: several measurements share the stores.
    let crowd = format!("{:08x}", rand::rng().random::<u32>());
    let ids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO accounts (account_name, email, name, nickname, password_hash)
         SELECT $2 || n, $2 || n || '@example.com', 'Fan', 'Fan ' || n, 'none' FROM generate_series(1, $1) AS n
         RETURNING id",
    )
    .bind(number as i64)
    .bind(&crowd)
    .fetch_all(&services.db)
    .await?;
    let created_at = services.clock.now();
    stream::iter(ids)
        .map(async |id| {
            let account = Account {
                id: AccountId(id),
                account_name: format!("{crowd}{id}"),
                name: "Fan".into(),
                nickname: format!("Fan {id}"),
                email: format!("{crowd}{id}@example.com"),
                role: Role::User,
                created_at,
            };
            Ok(sessions::open(
                services,
                &Client::new(Ipv4Addr::LOCALHOST.into(), "benchmark"),
                &account,
            )
            .await?
            .access)
        })
        .buffered(18)
        .try_collect()
        .await
}

/// Settings of a sale.
#[derive(Clone, Copy)]
pub struct Sale {
    /// `open`, or `paused`: accounts can join and no tickets are issued.
    pub state: &'static str,
    pub capacity: i32,
    pub batch_size: i32,
    pub interval_ms: i32,
}

pub async fn put_on_sale(services: &Services, sale: Sale) -> Result<ConcertId> {
    let now = services.clock.now();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                               state, capacity, sale_opens_at, batch_size, interval_ms)
         VALUES ('Benchmark', 'Benchmark', 'rock', 'Nodeul', $1, $1 + interval '2 hours', 120, 66000, '', $2, $3, $4, $5, $6)
         RETURNING id",
    )
    .bind(now + TimeDelta::days(30))
    .bind(sale.state)
    .bind(sale.capacity)
    .bind(now - TimeDelta::minutes(1))
    .bind(sale.batch_size)
    .bind(sale.interval_ms)
    .fetch_one(&services.db)
    .await?;
    Ok(ConcertId(id))
}

pub async fn set_state(services: &Services, concert: ConcertId, state: &str) -> Result<()> {
    sqlx::query("UPDATE concerts SET state = $2 WHERE id = $1")
        .bind(concert.0)
        .bind(state)
        .execute(&services.db)
        .await?;
    Ok(())
}
