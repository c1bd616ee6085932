//! How long people wait when Redis has lost everything, by how many of them wait: `cargo bench -p services --bench rebuild`.
//!
//! Starts a durable PostgreSQL and Redis of its own. Prints a line per size: milliseconds from FLUSHALL to the first answer
//! with the true rank, and whether everybody is back in the same order.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]

use embedded::{Durability, Stores};
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::Standing;
use services::limits::Limits;
use services::stores::{Secret, Settings};
use services::{Clock, Error, Services, queue};
use std::time::Instant;

const SIZES: [i64; 3] = [1_000, 10_000, 100_000];

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let stores = Stores::start(dir.path(), Durability::Durable)
        .await
        .unwrap();
    let services = Services::connect(Settings {
        database_url: stores.database_url().into(),
        redis_url: stores.redis_url().into(),
        redis_prefix: String::new(),
        token_secrets: vec![Secret::new("the secret of this benchmark, long enough")],
        clock: Clock::default(),
        limits: Limits::NONE,
    })
    .await
    .unwrap();
    println!(
        "{:>10} {:>12} {:>12}",
        "waiting", "rebuilt, ms", "same order"
    );
    for size in SIZES {
        measure(&services, size).await;
    }
    services.close().await;
    stores.stop().await.unwrap();
}

async fn measure(services: &Services, size: i64) {
    let (concert, last) = fill(services, size).await;
    ready(services, concert, last).await;
    let before = order(services, concert).await;
    let mut redis = services.redis.connection();
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
    let began = Instant::now();
    let rank = ready(services, concert, last).await;
    let took = began.elapsed();
    assert_eq!(rank, size as u64);
    let same = before == order(services, concert).await;
    println!("{size:>10} {:>12} {same:>12}", took.as_millis());
    assert!(same);
}

/// A paused sale with `size` people waiting, as the journal of a real one would look; returns it and who came last.
async fn fill(services: &Services, size: i64) -> (ConcertId, AccountId) {
    let concert: i64 = sqlx::query_scalar(
        "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                               capacity, sale_opens_at, batch_size, interval_ms, state)
         VALUES ('A', 'A', 'indie', 'A', now() + interval '30 days', now() + interval '31 days', 90, 1, '', 1000,
                 now() - interval '1 hour', 10, 1000, 'paused')
         RETURNING id",
    )
    .fetch_one(&services.db)
    .await
    .unwrap();
    let last: i64 = sqlx::query_scalar(
        "WITH fans AS (
             INSERT INTO accounts (account_name, email, name, nickname, password_hash)
             SELECT 'fan' || $1 || '.' || n, 'fan' || $1 || '.' || n || '@example.com', 'Fan', 'Fan', 'none'
               FROM generate_series(1, $2) AS n
             RETURNING id),
         joined AS (
             INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
             SELECT $1, (extract(epoch FROM now()) * 1000000)::bigint - $2 + row_number() OVER (ORDER BY md5(id::text)), id, 1,
                    'waiting'
               FROM fans
             RETURNING account_id, arrival)
         SELECT account_id FROM joined ORDER BY arrival DESC LIMIT 1",
    )
    .bind(concert)
    .bind(size)
    .fetch_one(&services.db)
    .await
    .unwrap();
    sqlx::query("ANALYZE").execute(&services.db).await.unwrap();
    (ConcertId(concert), AccountId(last))
}

/// Asks, as often as it takes, where the last one stands.
async fn ready(services: &Services, concert: ConcertId, last: AccountId) -> u64 {
    loop {
        match queue::view(services, last, concert).await {
            Ok(view) => match view.standing {
                Standing::Waiting { rank, .. } => return rank,
                other => panic!("{other:?}"),
            },
            Err(Error::Rebuilding) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn order(services: &Services, concert: ConcertId) -> Vec<(i64, f64)> {
    redis::cmd("ZRANGE")
        .arg(format!("queue:{{{concert}}}:waiting"))
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES")
        .query_async(&mut services.redis.connection())
        .await
        .unwrap()
}
