//! The stores that the command line names, or our own.

use crate::cli;
use anyhow::{Context, Result, bail};
use embedded::Durability;
use rand::Rng;
use rand::distr::Alphanumeric;
use services::limits::Limits;
use services::stores::{Secret, Settings};
use services::{Clock, Services};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const SHORTEST_SECRET: usize = 32;
/// A secret that was drawn at random has more different characters than this, also one of hexadecimal digits.
const FEWEST_DIFFERENT: usize = 10;
/// What examples say where a secret belongs.
const PLACEHOLDERS: [&str; 7] = [
    "change",
    "replace",
    "example",
    "placeholder",
    "secret",
    "password",
    "12345678",
];

/// Services over stores that are running, and the stores if they are ours to stop.
pub struct Stores {
    pub services: Services,
    pub own: Option<embedded::Stores>,
    pub data_dir: PathBuf,
}

/// Whether stores that another `frontrow` has started in the data directory will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    Yes,
    No,
}

impl Stores {
    /// Starts our own stores or connects to those named, and brings the schema up to date.
    pub async fn open(options: cli::Stores, sharing: Sharing, limits: Limits) -> Result<Stores> {
        let data_dir = match &options.data_dir {
            Some(dir) => dir.clone(),
            None => default_data_dir()?,
        };
        let (own, database_url, redis_url, token_secret) = match (
            options.database_url,
            options.redis_url,
        ) {
            (Some(database_url), Some(redis_url)) => {
                let secret = options
                    .token_secret
                    .context("FRONTROW_TOKEN_SECRET is missing: servers that share their stores need the same one")?;
                (None, database_url, redis_url, secret)
            }
            (None, None) => {
                let running = if sharing == Sharing::Yes {
                    embedded::running(&data_dir)?
                } else {
                    None
                };
                let (own, database_url, redis_url) = match running {
                    Some(running) => (None, running.database_url, running.redis_url),
                    None => {
                        let own = embedded::Stores::start(&data_dir, Durability::Durable).await?;
                        let (database_url, redis_url) =
                            (own.database_url().to_owned(), own.redis_url().to_owned());
                        (Some(own), database_url, redis_url)
                    }
                };
                let secret = match options.token_secret {
                    Some(secret) => secret,
                    None => kept(&data_dir.join("token-secret"), || random_text(64))?,
                };
                (own, database_url, redis_url, secret)
            }
            (Some(_), None) => {
                bail!("REDIS_URL is missing: set it together with DATABASE_URL, or neither")
            }
            (None, Some(_)) => {
                bail!("DATABASE_URL is missing: set it together with REDIS_URL, or neither")
            }
        };
        let mut token_secrets = vec![checked("FRONTROW_TOKEN_SECRET", token_secret)?];
        if let Some(secret) = options.other_token_secret {
            token_secrets.push(checked("FRONTROW_OTHER_TOKEN_SECRET", secret)?);
        }
        let settings = Settings {
            database_url,
            redis_url,
            redis_prefix: options.redis_prefix,
            token_secrets,
            clock: Clock::default(),
            limits,
        };
        let services = Services::connect(settings).await.map_err(explain)?;
        Ok(Stores {
            services,
            own,
            data_dir,
        })
    }

    /// Stops what was started.
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
    // The schema is all that is touched: no Redis and no secret is needed for it.
    match &options.database_url {
        Some(url) => {
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

/// Names the setting behind an error.
fn explain(error: services::Error) -> anyhow::Error {
    match error {
        services::Error::Database(error) => anyhow::anyhow!("DATABASE_URL: {error}"),
        error => error.into(),
    }
}

fn default_data_dir() -> Result<PathBuf> {
    if nix::unistd::Uid::effective().is_root() {
        // PostgreSQL runs as another user, who cannot look into root's home.
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

/// What the file says; made up and written, readable by us alone, when there is none.
pub fn kept(path: &Path, make_up: impl FnOnce() -> String) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => {
            let text = make_up();
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(text.as_bytes())?;
            Ok(text)
        }
    }
}

pub fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
