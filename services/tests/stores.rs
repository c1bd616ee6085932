//! What the pool promises to everyone who hangs up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use services::stores;
use sqlx::postgres::PgPoolOptions;
use std::time::Duration;
use support::world;

/// A connection in a transaction that nobody knows of looks like any other, and all that is written on it is lost.
#[tokio::test]
async fn hanging_up_while_a_transaction_begins_leaves_no_transaction_behind() {
    let world = world().await;
    let db = PgPoolOptions::new()
        .max_connections(1)
        .connect(&world.stores.database_url)
        .await
        .unwrap();
    for micros in 0..300 {
        let patience = Duration::from_micros(micros);
        drop(tokio::time::timeout(patience, stores::begin(&db)).await);
        // In a transaction, now() stands still.
        let now = async || -> chrono::DateTime<chrono::Utc> {
            sqlx::query_scalar("SELECT now()")
                .fetch_one(&db)
                .await
                .unwrap()
        };
        assert_ne!(now().await, now().await, "after {micros} microseconds");
    }
}
