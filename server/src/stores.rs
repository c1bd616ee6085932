//! The stores named on the command line, or embedded ones.

use crate::cli;
use anyhow::{Context, Result, bail, ensure};
use embedded::Durability;
use embedded::account::Account;
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use rand::Rng;
use rand::distr::Alphanumeric;
use services::limits::Limits;
use services::stores::{Secret, Settings};
use services::{Clock, Services};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const SHORTEST_SECRET: usize = 32;
/// Minimum number of different characters. A random secret has more, even in hexadecimal.
const FEWEST_DIFFERENT: usize = 10;
/// Words that examples contain in place of a secret.
const PLACEHOLDERS: [&str; 7] = [
    "change",
    "replace",
    "example",
    "placeholder",
    "secret",
    "password",
    "12345678",
];

/// Services over running stores, and the embedded stores if this process has to stop them.
pub struct Stores {
    pub services: Services,
    pub own: Option<embedded::Stores>,
    pub data_dir: PathBuf,
}

/// Whether embedded stores that another `frontrow` runs in the data directory may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    Yes,
    No,
}

/// Validated settings, before anything is started, bound or written.
pub struct Opening {
    /// `None` for embedded stores.
    addresses: Option<Addresses>,
    data_dir: PathBuf,
    redis_prefix: String,
    /// `None` for the secret in the data directory.
    token_secret: Option<Secret>,
    other_token_secret: Option<Secret>,
    /// The account that root steps down to.
    user: Option<Account>,
}

struct Addresses {
    database: String,
    redis: String,
}

impl Opening {
    pub fn check(options: cli::Stores) -> Result<Opening> {
        let addresses = match (options.database_url, options.redis_url) {
            (Some(database), Some(redis)) => Some(Addresses { database, redis }),
            (None, None) => None,
            (Some(_), None) => {
                bail!("REDIS_URL is missing: set it together with DATABASE_URL, or neither")
            }
            (None, Some(_)) => {
                bail!("DATABASE_URL is missing: set it together with REDIS_URL, or neither")
            }
        };
        if addresses.is_some() && options.token_secret.is_none() {
            bail!(
                "FRONTROW_TOKEN_SECRET is missing: servers that share their stores need the same one"
            );
        }
        let checked = |setting, secret: Option<String>| {
            secret.map(|secret| checked(setting, secret)).transpose()
        };
        Ok(Opening {
            addresses,
            data_dir: match options.data_dir {
                Some(dir) => dir,
                None => default_data_dir()?,
            },
            redis_prefix: options.redis_prefix,
            token_secret: checked("FRONTROW_TOKEN_SECRET", options.token_secret)?,
            other_token_secret: checked("FRONTROW_OTHER_TOKEN_SECRET", options.other_token_secret)?,
            user: user(options.user)?,
        })
    }

    /// Returns whether this process uses embedded stores.
    pub fn has_own(&self) -> bool {
        self.addresses.is_none()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Changes the process to an account with fewer rights if it runs as root; afterwards it cannot
    /// do what needs root. With embedded stores the data directory is given to that account.
    /// Returns the account, or `None` if the process keeps its own.
    pub fn step_down(&self) -> Result<Option<Account>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        match self.has_own() {
            true => self.step_down_to_owner(),
            false => step_down_without_data(self.user.as_ref()),
        }
    }

    fn step_down_to_owner(&self) -> Result<Option<Account>> {
        let account = match &self.user {
            // PostgreSQL and Redis still run as the owner of the data.
            Some(root) if root.uid.is_root() => return Ok(None),
            Some(account) => account.clone(),
            None => Account::of_data(&self.data_dir)?,
        };
        account.check_may_own().context("--user")?;
        if embedded::running(&self.data_dir)?.is_none() {
            embedded::prepare(&self.data_dir, Some(&account))?;
        }
        account.step_down()?;
        fs::metadata(self.data_dir.join(".")).with_context(|| {
            format!(
                "the account {account} (--user) cannot reach the data directory {}",
                self.data_dir.display()
            )
        })?;
        Ok(Some(account))
    }

    /// Starts embedded stores or connects to those named, and brings the schema up to date.
    pub async fn open(self, sharing: Sharing, limits: Limits) -> Result<Stores> {
        let data_dir = self.data_dir;
        let (own, addresses) = match self.addresses {
            Some(addresses) => (None, addresses),
            None => own(&data_dir, sharing).await?,
        };
        let token_secret = match self.token_secret {
            Some(secret) => secret,
            None => checked(
                "FRONTROW_TOKEN_SECRET",
                kept(&data_dir.join("token-secret"), || random_text(64))?,
            )?,
        };
        let settings = Settings {
            database_url: addresses.database,
            redis_url: addresses.redis,
            redis_prefix: self.redis_prefix,
            token_secrets: [Some(token_secret), self.other_token_secret]
                .into_iter()
                .flatten()
                .collect(),
            clock: clock()?,
            limits,
        };
        let services = Services::connect(settings).await.map_err(explain)?;
        Ok(Stores {
            services,
            own,
            data_dir,
        })
    }
}

/// This machine's clock, until PostgreSQL's time is known.
#[cfg(not(feature = "failpoints"))]
fn clock() -> Result<Clock> {
    Ok(Clock::default())
}

#[cfg(feature = "failpoints")]
fn clock() -> Result<Clock> {
    crate::failpoints::clock()
}

/// Returns the stores that another process runs in the data directory if sharing is allowed, else
/// starts new ones, which this process has to stop.
async fn own(data_dir: &Path, sharing: Sharing) -> Result<(Option<embedded::Stores>, Addresses)> {
    let running = match sharing {
        Sharing::Yes => embedded::running(data_dir)?,
        Sharing::No => None,
    };
    if let Some(running) = running {
        let addresses = Addresses {
            database: running.database_url,
            redis: running.redis_url,
        };
        return Ok((None, addresses));
    }
    let own = embedded::Stores::start(data_dir, Durability::Durable).await?;
    let addresses = Addresses {
        database: own.database_url().to_owned(),
        redis: own.redis_url().to_owned(),
    };
    Ok((Some(own), addresses))
}

/// Returns the account to run as, if named. Only root can choose another account.
fn user(name: Option<String>) -> Result<Option<Account>> {
    let Some(name) = name else {
        return Ok(None);
    };
    let account = Account::named(&name).context("--user")?;
    let us = Uid::effective();
    ensure!(
        us.is_root() || us == account.uid,
        "--user: only root can become another account"
    );
    Ok(Some(account))
}

/// Steps down, or stays root without --user if no account can be switched to (a container with root
/// alone, or without the capability).
fn step_down_without_data(user: Option<&Account>) -> Result<Option<Account>> {
    let account = match user {
        Some(account) => Some(account.clone()),
        None => Account::without_data()?,
    };
    let Some(account) = account.filter(|account| !account.uid.is_root()) else {
        return Ok(None);
    };
    match account.step_down() {
        Err(error) if user.is_some() => Err(error),
        stepped => Ok(stepped.is_ok().then_some(account)),
    }
}

impl Stores {
    /// Opens the stores for a short-lived command: checks the settings, steps down from root, and
    /// opens the stores.
    pub async fn open(options: cli::Stores, sharing: Sharing, limits: Limits) -> Result<Stores> {
        let opening = Opening::check(options)?;
        opening.step_down()?;
        opening.open(sharing, limits).await
    }

    /// Stops what `open` has started.
    pub async fn close(self) -> Result<()> {
        self.services.close().await;
        match self.own {
            Some(own) => own.stop().await,
            None => Ok(()),
        }
    }
}

/// `frontrow migrate`.
pub async fn migrate(options: cli::Stores) -> Result<()> {
    // Only the schema is changed, so neither Redis nor a secret is needed.
    match &options.database_url {
        Some(url) => {
            if Uid::effective().is_root() {
                step_down_without_data(user(options.user.clone())?.as_ref())?;
            }
            services::stores::migrate(url).await.map_err(explain)?;
        }
        None => {
            Stores::open(options, Sharing::Yes, Limits::NONE)
                .await?
                .close()
                .await?
        }
    }
    println!("The schema is up to date.");
    Ok(())
}

/// Names the setting that caused an error.
fn explain(error: services::Error) -> anyhow::Error {
    match error {
        services::Error::Database(error) if is_forbidden(&error) => {
            anyhow::anyhow!("DATABASE_URL: {error}, for the account that it runs as (--user)")
        }
        services::Error::Database(error) => anyhow::anyhow!("DATABASE_URL: {error}"),
        error => error.into(),
    }
}

/// Returns whether the cause is a missing permission, as for a socket in a folder that the account
/// cannot enter.
fn is_forbidden(error: &impl std::error::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::PermissionDenied)
}

fn default_data_dir() -> Result<PathBuf> {
    if Uid::effective().is_root() {
        // PostgreSQL runs as another user, which cannot read root's home.
        return Ok("/var/lib/frontrow".into());
    }
    directories::ProjectDirs::from("", "", "frontrow")
        .map(|dirs| dirs.data_local_dir().to_owned())
        .context("FRONTROW_DATA_DIR is missing, and this user has no home to keep data in")
}

const DRAW_ONE: &str = "make one with: openssl rand -hex 32";

/// Refuses a secret that could be guessed.
fn checked(setting: &str, secret: String) -> Result<Secret> {
    if secret.chars().count() < SHORTEST_SECRET {
        bail!("{setting} is too short: it needs at least {SHORTEST_SECRET} characters; {DRAW_ONE}");
    }
    let different = secret.chars().collect::<BTreeSet<_>>().len();
    if different < FEWEST_DIFFERENT {
        bail!("{setting} is too simple: it has only {different} different characters; {DRAW_ONE}");
    }
    let folded = secret.to_ascii_lowercase();
    if let Some(word) = PLACEHOLDERS.iter().find(|word| folded.contains(**word)) {
        bail!(
            "{setting} is a placeholder: it has \"{word}\" in it, and whoever guesses it can be anyone; {DRAW_ONE}"
        );
    }
    Ok(Secret::new(secret))
}

/// Returns the contents of the file; if it is missing or empty, generates a value and writes it,
/// readable by this account only. Symlinks are not followed.
pub fn kept(path: &Path, make_up: impl FnOnce() -> String) -> Result<String> {
    let options = || {
        let mut options = fs::OpenOptions::new();
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
        options
    };
    let mut text = String::new();
    match options().read(true).open(path) {
        Ok(mut file) => file.read_to_string(&mut text),
        // The file exists: a new value must not replace it.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) => Ok(0),
    }
    .with_context(|| format!("cannot read {}", path.display()))?;
    if !text.trim().is_empty() {
        return Ok(text.trim().to_owned());
    }
    let text = make_up();
    let mut file = options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(text)
}

pub fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
