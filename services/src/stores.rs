//! The two stores: PostgreSQL, the record of truth, and Redis, the order and the sessions.

use crate::{Clock, Error, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// What [`crate::Services`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    pub database_url: String,
    pub redis_url: String,
    /// Put before every key: lets several Frontrows share one Redis. Usually empty.
    pub redis_prefix: String,
    pub token_secret: Secret,
    pub clock: Clock,
}

/// A text that does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// No statement of ours takes this long unless something is wrong; then an error is better than a connection that is gone.
const STATEMENT_PATIENCE: &str = "10s";

/// At most `connections` to PostgreSQL.
pub async fn connect_database(url: &str, connections: u32) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::Setting(format!("DATABASE_URL cannot be used: {error}")))?
        .application_name("frontrow")
        .options([("statement_timeout", STATEMENT_PATIENCE)]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        // Somebody is waiting for a page: better a clear "try again" than a long silence.
        .acquire_timeout(Duration::from_secs(3))
        .connect_with(options)
        .await?)
}

/// Applies the migrations that are missing. Safe when several servers start at once: sqlx takes a lock, for which the
/// others wait as long as it takes.
pub async fn migrate(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url)
        .await
        .map_err(|error| match error {
            sqlx::Error::Configuration(error) => {
                Error::Setting(format!("DATABASE_URL cannot be used: {error}"))
            }
            error => error.into(),
        })?;
    sqlx::migrate!().run(&mut connection).await?;
    Ok(connection.close().await?)
}

/// A connection that mends itself, shared by everyone in the process: commands of many tasks travel in one pipeline.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    prefix: Arc<str>,
}

impl Redis {
    /// Does not connect yet.
    pub fn new(url: &str, prefix: &str) -> Result<Redis> {
        let client = redis::Client::open(url)
            .map_err(|error| Error::Setting(format!("REDIS_URL cannot be used: {error}")))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(3)))
            .set_number_of_retries(2)
            .set_max_delay(Duration::from_millis(500));
        Ok(Redis {
            connection: client.get_connection_manager_lazy(config)?,
            prefix: prefix.into(),
        })
    }

    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// The full name of a key.
    pub fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<()> {
        Ok(redis::cmd("PING")
            .exec_async(&mut self.connection())
            .await?)
    }
}

/// Whether PostgreSQL answers.
pub async fn ping(db: &PgPool) -> Result<()> {
    sqlx::query("SELECT 1").execute(db).await?;
    Ok(())
}
