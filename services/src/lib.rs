//! Everything that Frontrow does on a server, apart from HTTP.
//!
//! A feature is a folder. Functions take [`Services`] first, use the types of `model`, and fail
//! with [`Error`].

pub mod accounts;
pub mod admin;
mod admin_log;
pub mod admission;
pub mod background;
mod client;
pub mod clock;
pub mod concerts;
pub mod demo;
pub mod desk;
pub mod drawing;
mod edits;
mod error;
mod fair;
mod housekeeping;
pub mod limits;
pub mod posters;
pub mod queue;
pub mod rehearsals;
pub mod sessions;
pub mod sharing;
mod spare;
pub mod stores;
pub mod tickets;
mod to_the_end;
mod together;

pub use client::Client;
pub use clock::Clock;
pub use error::{Error, Result};
pub use stores::Settings;

use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Upper bound on accounts that a cache of this process remembers, to spare the stores.
const MOST_KNOWN: u64 = 200_000;

/// The stores and the state shared by everything in this process. Cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

/// Contents of [`Services`].
pub struct Shared {
    pub db: sqlx::PgPool,
    /// For the scheduler alone: a rush of page views must not keep it waiting. The journal has its
    /// own pool.
    pub engine: sqlx::PgPool,
    pub redis: stores::Redis,
    pub clock: Clock,
    pub primary: stores::Primary,
    pub tokens: sessions::TokenKeys,
    pub tickets: tickets::TicketKeys,
    pub passwords: accounts::PasswordHasher,
    pub journal: queue::Journal,
    pub(crate) asked: queue::Asked,
    pub ticks: queue::TickHub,
    /// Permits to build a queue that a request waits for.
    pub(crate) builder: queue::Turns,
    /// Permits of the drivers to build queues.
    pub(crate) builds: Semaphore,
    pub(crate) newest_builds: queue::Builds,
    pub(crate) desks: desk::Desks,
    pub(crate) door: limits::Door,
    pub(crate) posters: posters::Workshop,
    pub(crate) audiences: concerts::KnownAudiences,
    pub(crate) held: Arc<sessions::Held>,
    pub(crate) looked_up: Arc<sessions::LookedUp>,
    pub(crate) refreshing: sessions::Refreshing,
    pub(crate) presence: sessions::Presence,
    pub(crate) places: queue::Places,
}

impl Services {
    /// Connects to both stores and brings the schema up to date.
    ///
    /// Fails if PostgreSQL does not answer. Does not wait for Redis: requests that need it do.
    pub async fn connect(settings: Settings) -> Result<Services> {
        let redis = stores::Redis::new(&settings.redis_url, &settings.redis_prefix)?;
        stores::migrate(&settings.database_url).await?;
        let primary = stores::Primary::new(settings.clock.clone());
        let connect = |connections, lock_patience| {
            stores::connect_database(&settings.database_url, connections, lock_patience, &primary)
        };
        let db = connect(20, "0").await?;
        let engine = connect(6, "2s").await?;
        let journal = connect(queue::COMMITS, queue::LOCK_PATIENCE).await?;
        let secrets = || settings.token_secrets.iter().map(stores::Secret::expose);
        let tickets = tickets::TicketKeys::new(secrets())?;
        tickets::publish(&db, &tickets).await?;
        Ok(Services(Arc::new(Shared {
            tickets,
            journal: queue::Journal::new(journal),
            asked: queue::Asked::default(),
            db,
            engine,
            redis,
            tokens: sessions::TokenKeys::new(secrets())?,
            clock: settings.clock,
            primary,
            passwords: accounts::PasswordHasher::new()?,
            ticks: queue::TickHub::default(),
            builder: queue::Turns::new(queue::BUILDS),
            builds: Semaphore::new(queue::BUILDS),
            newest_builds: queue::Builds::default(),
            desks: desk::Desks::default(),
            door: limits::Door::new(settings.limits),
            posters: posters::Workshop::new()?,
            audiences: Default::default(),
            held: Arc::default(),
            looked_up: Arc::new(sessions::LookedUp::new(sessions::MOST_LOOKED_UP, 2)),
            refreshing: sessions::Refreshing::default(),
            presence: sessions::Presence::default(),
            places: queue::Places::default(),
        })))
    }

    /// Closes the connections to PostgreSQL, after their current work has finished.
    pub async fn close(&self) {
        self.db.close().await;
        self.engine.close().await;
        self.journal.close().await;
    }
}

impl Deref for Services {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
