//! PostgreSQL and Redis as child processes: the stores of a `frontrow` that has no others, and of
//! the tests.
//!
//! Both listen on Unix sockets only, so that ports never clash and other accounts cannot connect.
//! Their data is accessible only to the account that runs them, and they do not inherit secrets
//! from this process's environment.

pub mod account;
pub mod cluster;
mod folder;
mod postgres;
mod program;
mod redis;
pub mod testing;

use account::Account;
use anyhow::{Result, bail};
pub use folder::prepare;
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use std::fs::{File, TryLockError};
use std::path::Path;

/// What survives a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything acknowledged is on disk.
    Durable,
    /// Nothing; for tests.
    Throwaway,
}

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Postgres,
    Redis,
}

/// A running PostgreSQL and a running Redis. Each is restarted when it dies. Stopped by
/// [`Stores::stop`]; on drop, both are signalled to stop.
pub struct Stores {
    postgres: postgres::Postgres,
    redis: redis::Redis,
    _lock: File,
}

impl Stores {
    /// Starts both in `dir` and waits until they answer. The directory is created if it is missing
    /// and closed to other accounts. As root, the stores run as the account that owns the data
    /// ([`Account::of_data`]).
    ///
    /// Stores left over from a killed process are stopped first. Fails if a program is missing (the
    /// error names the package to install), or if another process uses the directory.
    pub async fn start(dir: &Path, durability: Durability) -> Result<Stores> {
        Stores::start_with(dir, durability, &[]).await
    }

    /// Like [`Stores::start`], with settings for PostgreSQL, each as `name=value`.
    pub async fn start_with(
        dir: &Path,
        durability: Durability,
        postgres_settings: &[&str],
    ) -> Result<Stores> {
        let account = match Uid::effective().is_root() {
            true => Some(Account::of_data(dir)?),
            false => None,
        };
        let account = account.as_ref();
        let dir = prepare(dir, account)?;
        let lock = lock(&dir)?;
        let sockets = folder::make_sockets(&dir, account)?;
        let place = Place {
            dir: &dir,
            sockets: &sockets,
            account,
        };
        let postgres = postgres::Postgres::start(place, durability, postgres_settings);
        let redis = redis::Redis::start(place, durability);
        let (postgres, redis) = tokio::try_join!(postgres, redis)?;
        Ok(Stores {
            postgres,
            redis,
            _lock: lock,
        })
    }

    /// Value for `DATABASE_URL`.
    pub fn database_url(&self) -> &str {
        &self.postgres.url
    }

    /// Value for `REDIS_URL`.
    pub fn redis_url(&self) -> &str {
        &self.redis.url
    }

    /// Ends one store with a signal, waits until it has exited, runs `meanwhile`, and restarts it,
    /// for tests of such failures. Returns once it has been started; it may not answer yet.
    pub async fn interrupt(
        &self,
        store: Store,
        signal: Signal,
        meanwhile: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let process = match store {
            Store::Postgres => &self.postgres.process,
            Store::Redis => &self.redis.process,
        };
        process.interrupt(signal, meanwhile).await
    }

    /// Directory of Redis's files.
    pub fn redis_data(&self) -> &Path {
        &self.redis.data
    }

    /// Directory of PostgreSQL's files.
    pub fn postgres_data(&self) -> &Path {
        &self.postgres.data
    }

    /// Stops both and waits until they have exited.
    pub async fn stop(self) -> Result<()> {
        tokio::try_join!(self.postgres.process.stop(), self.redis.process.stop())?;
        Ok(())
    }
}

/// Where the stores run, and under which account.
#[derive(Clone, Copy)]
struct Place<'a> {
    dir: &'a Path,
    sockets: &'a Path,
    /// `None` for the account of this process.
    account: Option<&'a Account>,
}

/// Addresses of stores that another process has started.
pub struct Running {
    pub database_url: String,
    pub redis_url: String,
}

/// Returns the addresses of the stores that another process is running in `dir`, if any.
pub fn running(dir: &Path) -> Result<Option<Running>> {
    if !dir.join("lock").exists() {
        return Ok(None);
    }
    let dir = dir.canonicalize()?;
    if try_lock(&dir)?.is_some() {
        return Ok(None);
    }
    let Some(sockets) = folder::sockets(&dir) else {
        return Ok(None);
    };
    Ok(Some(Running {
        database_url: postgres::url(&sockets, postgres::DATABASE),
        redis_url: redis::url(&sockets)?,
    }))
}

fn lock(dir: &Path) -> Result<File> {
    match try_lock(dir)? {
        Some(lock) => Ok(lock),
        None => bail!(
            "the data directory {} is used by another frontrow",
            dir.display()
        ),
    }
}

/// Returns `None` if another process holds the lock.
fn try_lock(dir: &Path) -> Result<Option<File>> {
    let file = folder::open_file(&dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
