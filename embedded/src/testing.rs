//! Stores for one test: a database and a key prefix of its own.

use crate::cluster::Cluster;
use crate::{Durability, Stores};
use anyhow::{Context, Result};
use rand::Rng;
use sqlx::{Connection, Executor, PgConnection};

/// Set by the `with-stores` command for what it runs.
pub const DATABASE_URL: &str = "FRONTROW_TEST_DATABASE_URL";
/// Set by the `with-stores` command for what it runs.
pub const REDIS_URL: &str = "FRONTROW_TEST_REDIS_URL";

/// For a `frontrow` that is to use the stores of a test: as root it would step down to an account that cannot reach their sockets.
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

/// In the stores that `with-stores` started, or in ones started for this test alone when there are none.
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

/// A Redis Cluster in a temporary directory, which goes with the second value.
pub async fn throwaway_cluster() -> Result<(Cluster, tempfile::TempDir)> {
    let dir = tempdir()?;
    let cluster = Cluster::start(dir.path()).await?;
    Ok((cluster, dir))
}

/// PostgreSQL and Redis in a temporary directory, which goes with the second value.
pub async fn throwaway() -> Result<(Stores, tempfile::TempDir)> {
    let dir = tempdir()?;
    let stores = Stores::start(dir.path(), Durability::Throwaway).await?;
    Ok((stores, dir))
}

/// Where files are in memory.
const MEMORY: &str = "/dev/shm";
/// Bytes that the stores of a whole run may come to.
const ROOM: u128 = 6 << 30;

/// A directory that goes with the value: in memory where there is room, since some disks stop for seconds while a test that
/// has a limit waits for them.
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

/// To one Redis by itself, for what a test looks at behind the program's back: however long it takes.
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
    // The name is ours, made of letters and digits: there is nothing to bind in a CREATE DATABASE.
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
    /// The address of the Redis, or of each master of the cluster by itself, for what concerns a whole server.
    pub fn redis_servers(&self) -> Vec<String> {
        match self.redis_url.strip_prefix("redis-cluster://") {
            Some(masters) => masters
                .split(',')
                .map(|master| format!("redis://{master}"))
                .collect(),
            None => vec![self.redis_url.clone()],
        }
    }

    /// The only user of stores that a test has started itself, and takes away.
    pub fn of(stores: &Stores) -> TestStores {
        TestStores {
            database_url: stores.database_url().to_owned(),
            redis_url: stores.redis_url().to_owned(),
            redis_prefix: String::new(),
            _own: None,
        }
    }
}
