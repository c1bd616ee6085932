//! PostgreSQL and Redis as child processes: the stores of a `frontrow` that was given none, and of the tests.
//!
//! Both listen on Unix sockets only, so that ports never clash and nobody else gets in. What they keep is open to the account
//! that runs them and to nobody else, and they are told nothing that this process knows by its environment.

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

/// How much is promised when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was acknowledged is on disk.
    Durable,
    /// Nothing survives; for tests.
    Throwaway,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Postgres,
    Redis,
}

/// A running PostgreSQL and a running Redis: started again when they die, stopped by [`Stores::stop`], signalled to stop
/// when dropped.
pub struct Stores {
    postgres: postgres::Postgres,
    redis: redis::Redis,
    _lock: File,
}

impl Stores {
    /// Starts both in `dir`, which is made when it is missing and closed to others, and waits until they answer. As root,
    /// they run as the account that the data belong to ([`Account::of_data`]).
    ///
    /// Stores left over from a process that was killed are stopped first. Fails when a program is missing (the error
    /// says which package to install), or when another process uses the directory.
    pub async fn start(dir: &Path, durability: Durability) -> Result<Stores> {
        Stores::start_with(dir, durability, &[]).await
    }

    /// The same, with settings for PostgreSQL, each as `name=value`.
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

    /// For `DATABASE_URL`.
    pub fn database_url(&self) -> &str {
        &self.postgres.url
    }

    /// For `REDIS_URL`.
    pub fn redis_url(&self) -> &str {
        &self.redis.url
    }

    /// Ends one of them with a signal, waits until it is gone, does `meanwhile`, and starts it again: for tests of what
    /// happens then. Returns when it has been started; it may not answer yet.
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

    /// Where Redis keeps its files.
    pub fn redis_data(&self) -> &Path {
        &self.redis.data
    }

    /// Where PostgreSQL keeps its files.
    pub fn postgres_data(&self) -> &Path {
        &self.postgres.data
    }

    /// Stops both in order and waits until they are gone.
    pub async fn stop(self) -> Result<()> {
        tokio::try_join!(self.postgres.process.stop(), self.redis.process.stop())?;
        Ok(())
    }
}

/// Where the stores run, and as whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    dir: &'a Path,
    sockets: &'a Path,
    /// None: as we do.
    account: Option<&'a Account>,
}

/// The addresses of stores that another process has started.
pub struct Running {
    pub database_url: String,
    pub redis_url: String,
}

/// The stores that another process runs in `dir` at the moment, if one does.
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

/// None: another process holds it.
fn try_lock(dir: &Path) -> Result<Option<File>> {
    let file = folder::open_file(&dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
