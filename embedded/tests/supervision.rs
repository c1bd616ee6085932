//! Embedded stores that die are restarted, with all durable data.

use embedded::{Durability, Store, Stores, testing};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use std::time::Duration;

#[tokio::test]
async fn killed_stores_come_back_with_everything_and_stop_when_told() {
    let dir = tempfile::Builder::new()
        .prefix("frontrow-")
        .tempdir()
        .unwrap();
    let stores = Stores::start(dir.path(), Durability::Durable)
        .await
        .unwrap();
    assert!(
        Stores::start(dir.path(), Durability::Durable)
            .await
            .is_err(),
        "one directory, one owner"
    );
    let running = embedded::running(dir.path())
        .unwrap()
        .expect("others can find them");
    assert_eq!(
        (running.database_url.as_str(), running.redis_url.as_str()),
        (stores.database_url(), stores.redis_url())
    );

    let mut connection = testing::connect(stores.redis_url()).await.unwrap();
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut connection)
        .await
        .unwrap();
    let redis_id: i32 = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    redis::cmd("SET")
        .arg("kept")
        .arg(1)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let mut database = PgConnection::connect(stores.database_url()).await.unwrap();
    sqlx::query("CREATE TABLE kept ()")
        .execute(&mut database)
        .await
        .unwrap();
    let postmaster = std::fs::read_to_string(dir.path().join("postgres/postmaster.pid")).unwrap();
    let postgres_id: i32 = postmaster.lines().next().unwrap().trim().parse().unwrap();

    for id in [redis_id, postgres_id] {
        kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
    }
    let kept: i64 = loop {
        if let Ok(mut connection) = testing::connect(stores.redis_url()).await
            && let Ok(kept) = redis::cmd("GET")
                .arg("kept")
                .query_async(&mut connection)
                .await
        {
            break kept;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(kept, 1);
    let mut database = loop {
        match PgConnection::connect(stores.database_url()).await {
            Ok(database) => break database,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    sqlx::query("SELECT * FROM kept")
        .execute(&mut database)
        .await
        .unwrap();

    stores.stop().await.unwrap();
    assert!(embedded::running(dir.path()).unwrap().is_none());
    assert!(!dir.path().join("postgres/postmaster.pid").exists());
    assert!(!dir.path().join("run/redis.sock").exists());
}

#[tokio::test]
async fn what_is_done_between_the_end_and_the_start_is_done_to_files_that_nobody_uses() {
    let (stores, _dir) = embedded::testing::throwaway().await.unwrap();
    let set = async |value: i64| {
        let mut connection = testing::connect(stores.redis_url()).await?;
        redis::cmd("SET")
            .arg("kept")
            .arg(value)
            .exec_async(&mut connection)
            .await
    };
    set(1).await.unwrap();
    let url = stores.redis_url().to_owned();
    let (was_gone, gone) = tokio::sync::oneshot::channel();
    let meanwhile = async move {
        let _ = was_gone.send(testing::connect(&url).await.is_err());
    };
    stores
        .interrupt(Store::Redis, Signal::SIGKILL, meanwhile)
        .await
        .unwrap();
    assert!(gone.await.unwrap());
    while set(2).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stores.stop().await.unwrap();
}
