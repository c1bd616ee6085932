//! Stores for one test: a database and a key prefix of its own.

use crate::cluster::Cluster;
use crate::{Durability, Stores};
use anyhow::{Context, Result};
use rand::Rng;
use sqlx::{Connection, Executor, PgConnection};

/// Set by the `with-stores` command for the command that it runs.
pub const DATABASE_URL: &str = "FRONTROW_TEST_DATABASE_URL";
/// Set by the `with-stores` command for the command that it runs.
pub const REDIS_URL: &str = "FRONTROW_TEST_REDIS_URL";

/// Returns the variable for a `frontrow` that uses the stores of a test: started as root it would
/// otherwise step down to an account that cannot reach their sockets.
pub fn stay_root() -> Option<(&'static str, &'static str)> {
    let is_root = nix::unistd::Uid::effective().is_root();
    is_root.then_some(("FRONTROW_USER", "root"))
}

/// An empty database and an unused key prefix.
pub struct TestStores {
    pub database_url: String,
    pub redis_url: String,
    pub redis_prefix: String,
    _own: Option<(Stores, tempfile::TempDir)>,
}

/// Creates a database in the stores that `with-stores` has started, or starts stores for this test
/// alone if there are none.
pub async fn stores() -> Result<TestStores> {
    match (std::env::var(DATABASE_URL), std::env::var(REDIS_URL)) {
        (Ok(database_url), Ok(redis_url)) => fresh(&database_url, redis_url, None).await,
        _ => {
            let (stores, dir) = throwaway().await?;
            let (database_url, redis_url) = (
                stores.database_url().to_owned(),
                stores.redis_url().to_owned(),
            );
            fresh(&database_url, redis_url, Some((stores, dir))).await
        }
    }
}

/// Starts a Redis Cluster in a temporary directory, which is deleted when the second value is
/// dropped.
pub async fn throwaway_cluster() -> Result<(Cluster, tempfile::TempDir)> {
    let dir = tempdir()?;
    let cluster = Cluster::start(dir.path()).await?;
    Ok((cluster, dir))
}

/// Starts PostgreSQL and Redis in a temporary directory, which is deleted when the second value is
/// dropped.
pub async fn throwaway() -> Result<(Stores, tempfile::TempDir)> {
    let dir = tempdir()?;
    let stores = Stores::start(dir.path(), Durability::Throwaway).await?;
    Ok((stores, dir))
}

/// File system in memory.
const MEMORY: &str = "/dev/shm";
/// Upper bound on the bytes that the stores of a whole run occupy.
const ROOM: u128 = 6 << 30;

/// Creates a directory that is deleted on drop. It is in memory if there is space, because some
/// disks stall for seconds, which would exceed the time limits of tests.
pub fn tempdir() -> std::io::Result<tempfile::TempDir> {
    let mut dir = tempfile::Builder::new();
    let dir = dir.prefix("frontrow-");
    let free = nix::sys::statvfs::statvfs(MEMORY)
        .map(|memory| u128::from(memory.blocks_available()) * u128::from(memory.fragment_size()));
    match free {
        Ok(free) if free > ROOM => dir.tempdir_in(MEMORY),
        _ => dir.tempdir(),
    }
}

/// Connects to a single Redis with long time-outs, for tests that inspect the data directly.
pub async fn connect(redis_url: &str) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    let patience = Some(std::time::Duration::from_secs(60));
    let settings = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(patience)
        .set_response_timeout(patience);
    redis::Client::open(redis_url)?
        .get_multiplexed_async_connection_with_config(&settings)
        .await
}

async fn fresh(
    database_url: &str,
    redis_url: String,
    own: Option<(Stores, tempfile::TempDir)>,
) -> Result<TestStores> {
    let name = format!("test_{:016x}", rand::rng().random::<u64>());
    let mut connection = PgConnection::connect(database_url)
        .await
        .context("the tests' PostgreSQL is away")?;
    // Bind parameters are not possible in CREATE DATABASE. The name is generated and contains only
    // letters, digits and `_`.
    connection
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await?;
    connection.close().await?;
    let mut url = url::Url::parse(database_url)?;
    url.set_path(&name);
    Ok(TestStores {
        database_url: url.into(),
        redis_url,
        redis_prefix: format!("{name}:"),
        _own: own,
    })
}

impl TestStores {
    /// Returns the URL of the Redis, or of each master of the cluster, for commands that concern a
    /// whole server.
    pub fn redis_servers(&self) -> Vec<String> {
        match self.redis_url.strip_prefix("redis-cluster://") {
            Some(masters) => masters
                .split(',')
                .map(|master| format!("redis://{master}"))
                .collect(),
            None => vec![self.redis_url.clone()],
        }
    }

    /// Wraps stores that a test has started and stops itself, with no other user.
    pub fn of(stores: &Stores) -> TestStores {
        TestStores {
            database_url: stores.database_url().to_owned(),
            redis_url: stores.redis_url().to_owned(),
            redis_prefix: String::new(),
            _own: None,
        }
    }
}
