//! PostgreSQL and Redis as child processes: the stores of a `frontrow` that was given none, and of the tests.
//!
//! Both listen on Unix sockets only, so that ports never clash and nobody else gets in.

pub mod cluster;
mod postgres;
mod program;
mod redis;
pub mod testing;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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
    /// Starts both in `dir`, which is made when it is missing, and waits until they answer.
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
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let lock = lock(&dir)?;
        let sockets = socket_dir(&dir)?;
        let postgres = postgres::Postgres::start(&dir, &sockets, durability, postgres_settings);
        let redis = redis::Redis::start(&dir, &sockets, durability);
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

    /// Stops both in order and waits until they are gone.
    pub async fn stop(self) -> Result<()> {
        tokio::try_join!(self.postgres.process.stop(), self.redis.process.stop())?;
        Ok(())
    }
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
    let sockets = socket_path(&dir);
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
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Inside the data directory, unless that makes the path longer than a socket's address may be (about 100 bytes).
fn socket_path(dir: &Path) -> PathBuf {
    let inside = dir.join("run");
    if inside.as_os_str().len() <= 80 {
        inside
    } else {
        let mut hasher = DefaultHasher::new();
        dir.hash(&mut hasher);
        std::env::temp_dir().join(format!("frontrow-{:016x}", hasher.finish()))
    }
}

fn socket_dir(dir: &Path) -> Result<PathBuf> {
    let sockets = socket_path(dir);
    fs::create_dir_all(&sockets)?;
    // PostgreSQL runs as another user when we are root, and must be able to make its socket here.
    fs::set_permissions(&sockets, fs::Permissions::from_mode(0o700))?;
    if let Some(user) = program::unprivileged_user()? {
        std::os::unix::fs::chown(&sockets, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    }
    Ok(sockets)
}
