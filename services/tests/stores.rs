//! Guarantees of the connection pool for callers that hang up, and for transactions that PostgreSQL
//! aborts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use services::{Error, stores};
use sqlx::postgres::PgPoolOptions;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::world;

/// A pooled connection with an unnoticed open transaction looks like any other, and everything
/// written on it is lost.
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
        // In a transaction, `now()` is constant.
        let now = async || -> chrono::DateTime<chrono::Utc> {
            sqlx::query_scalar("SELECT now()")
                .fetch_one(&db)
                .await
                .unwrap()
        };
        assert_ne!(now().await, now().await, "after {micros} microseconds");
    }
}

/// Fails with this error code of PostgreSQL.
async fn raise(db: &sqlx::PgPool, code: &str) -> services::Result<()> {
    let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
    sqlx::raw_sql(sqlx::AssertSqlSafe(raise))
        .execute(db)
        .await?;
    Ok(())
}

#[tokio::test]
async fn what_postgresql_undoes_is_done_again_until_it_stands_and_what_it_refuses_is_not() {
    let world = world().await;
    let db = &world.services.db;
    let attempts = AtomicU32::new(0);
    let outcome = async |codes: &[&str], patience| {
        attempts.store(0, Ordering::Relaxed);
        stores::in_time(patience, || async {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            match codes.get(attempt as usize) {
                Some(code) => raise(db, code).await,
                None => Ok(()),
            }
        })
        .await
    };
    let made = || attempts.load(Ordering::Relaxed);

    let circles = ["40P01", "40P01", "40001"];
    outcome(&circles, Duration::from_secs(60)).await.unwrap();
    assert_eq!(made(), 4);

    let refused = outcome(&["40P01", "23505"], Duration::from_secs(60)).await;
    assert!(matches!(refused, Err(Error::Database(_))));
    assert_eq!(made(), 2);

    let in_vain = outcome(&["40P01"; 1_000_000], Duration::from_millis(100)).await;
    assert!(matches!(in_vain, Err(Error::Rebuilding)));
}
