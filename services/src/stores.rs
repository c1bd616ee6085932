//! The two stores: PostgreSQL, the record of truth, and Redis, the order of the queues and the
//! sessions.

mod cluster;
mod primary;

use crate::limits::Limits;
use crate::{Clock, Error, Result};
use cluster::Cluster;
pub use model::Secret;
pub use primary::Primary;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig, PubSubStream};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, Value};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Configuration of [`crate::Services`].
#[derive(Clone)]
pub struct Settings {
    pub database_url: String,
    pub redis_url: String,
    /// Prefix of every key: lets several Frontrows share one Redis. Usually empty.
    pub redis_prefix: String,
    /// Secrets that sessions are signed with: the one in use, then the previous ones.
    pub token_secrets: Vec<Secret>,
    pub clock: Clock,
    pub limits: Limits,
}

/// Omits the secrets, and the URLs, which may contain passwords.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("redis_prefix", &self.redis_prefix)
            .finish_non_exhaustive()
    }
}

/// No statement of ours takes this long unless something is wrong; then an error is better than a
/// connection that is lost.
const STATEMENT_PATIENCE: &str = "10s";

/// A server that is suspended in a transaction would hold its locks, and a whole sale, until it
/// resumes.
const IDLE_PATIENCE: &str = "5s";

/// A connection that was idle for longer is pinged before it is used again. A ping before each
/// statement would double its round trips, and a PostgreSQL that was away does not return within
/// this time.
const STANDS_FOR: Duration = Duration::from_millis(100);

/// Opens a pool of at most `connections` to PostgreSQL, each of which updates `primary` first. No
/// statement waits for a lock longer than `lock_patience`, in PostgreSQL's notation: "0" is as long
/// as the statement may take.
pub async fn connect_database(
    url: &str,
    connections: u32,
    lock_patience: &str,
    primary: &Primary,
) -> Result<PgPool> {
    let primary = primary.clone();
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| Error::Setting(format!("DATABASE_URL cannot be used: {error}")))?
        .application_name("frontrow")
        .options([
            ("statement_timeout", STATEMENT_PATIENCE),
            ("lock_timeout", lock_patience),
            ("idle_in_transaction_session_timeout", IDLE_PATIENCE),
            // No statement of ours runs long enough to be worth compiling, and PostgreSQL decides
            // by its estimate.
            ("jit", "off"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        // A user waits for a page: a clear "try again" is better than a long silence.
        .acquire_timeout(Duration::from_secs(3))
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let primary = primary.clone();
            Box::pin(async move { primary.ask(connection).await })
        })
        .before_acquire(|connection, at| {
            Box::pin(async move {
                if at.idle_for > STANDS_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?)
}

/// Returns the result of `write`, which is retried for as long as PostgreSQL undoes it (class 40:
/// to break a deadlock; 55P03: after the lock timeout of its connection).
///
/// One retry would not do: a transaction that begins again at once may lock the first row before
/// the one that waited for it has woken, and cause the same deadlock. No attempt is quick, since
/// PostgreSQL looks for deadlocks after a second.
///
/// [`Error::Rebuilding`] if this takes longer than `patience`: a connection that died silently must
/// not hold up all later requests.
pub async fn in_time<T, F: Future<Output = Result<T>>>(
    patience: Duration,
    write: impl Fn() -> F,
) -> Result<T> {
    let writing = async {
        loop {
            match write().await {
                Err(error) if was_undone(&error) => {
                    tracing::debug!(%error, "PostgreSQL undid it; again");
                }
                outcome => return outcome,
            }
        }
    };
    tokio::time::timeout(patience, writing)
        .await
        .unwrap_or(Err(Error::Rebuilding))
}

fn was_undone(error: &Error) -> bool {
    let Error::Database(error) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("40") || code == "55P03")
}

/// Begins a transaction, which is rolled back if it is dropped before the commit.
///
/// Runs in a task of its own: the caller may be cancelled, and a `BEGIN` whose answer is not read
/// would leave a connection of the pool in a transaction that is never ended. Later writes on this
/// connection would look committed and be lost.
pub async fn begin(db: &PgPool) -> Result<Transaction<'static, Postgres>> {
    let db = db.clone();
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let beginning = tokio::spawn(async move { db.begin().await });
    Ok(beginning
        .await
        .map_err(|error| Error::Broken(error.to_string()))??)
}

/// Applies the missing migrations. Safe if several servers start at once: sqlx takes a lock, for
/// which the others wait without a limit.
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

/// Timeout for a connection to Redis.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);
/// Timeout for an answer of Redis. A user waits for a page.
const RESPONSE_PATIENCE: Duration = Duration::from_secs(3);

/// One Redis or a cluster, behind a connection that reconnects, shared by the whole process:
/// commands of many tasks are sent in one pipeline.
#[derive(Clone)]
pub struct Redis {
    store: RedisStore,
    prefix: Arc<str>,
}

#[derive(Clone)]
enum RedisStore {
    /// With the client that opens further connections.
    Server(ConnectionManager, redis::Client),
    Cluster(Cluster),
}

impl Redis {
    /// `redis://…` and similar URLs name one server,
    /// `redis-cluster://[user:password@]host:port[,host:port…]` some nodes of a cluster, which name
    /// the others. Does not wait for a connection: requests that need a Redis that is away wait for
    /// it.
    pub fn new(url: &str, prefix: &str) -> Result<Redis> {
        let unusable = |error| Error::Setting(format!("REDIS_URL cannot be used: {error}"));
        let store = match Cluster::open(url).map_err(unusable)? {
            Some(_) if prefix.contains(['{', '}']) => {
                return Err(Error::Setting(
                    "FRONTROW_REDIS_PREFIX cannot have braces in it: in a cluster they say which keys belong together"
                        .into(),
                ));
            }
            Some(cluster) => RedisStore::Cluster(cluster),
            None => {
                let client = redis::Client::open(url).map_err(unusable)?;
                RedisStore::Server(manager(client.clone())?, client)
            }
        };
        Ok(Redis {
            store,
            prefix: prefix.into(),
        })
    }

    /// Returns a connection. A command with several keys, a pipeline and a transaction must use
    /// keys with the same hash tag.
    pub fn connection(&self) -> RedisConnection {
        match &self.store {
            RedisStore::Server(manager, _) => RedisConnection::Server(manager.clone()),
            RedisStore::Cluster(cluster) => RedisConnection::Cluster(cluster.connection()),
        }
    }

    /// Sends independent commands in as few round trips as possible, and returns their results in
    /// the same order.
    pub async fn each(&self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        match &self.store {
            RedisStore::Server(manager, _) => {
                let count = commands.len();
                let mut pipeline = redis::pipe();
                for command in commands {
                    pipeline.add_command(command);
                }
                let sent = manager
                    .clone()
                    .req_packed_commands(&pipeline, 0, count)
                    .await;
                match sent {
                    Ok(values) => values.into_iter().map(Value::extract_error).collect(),
                    Err(error) => (0..count).map(|_| Err(error.clone())).collect(),
                }
            }
            // Each is sent to the master that has its key, in one pipeline with others for that
            // master.
            RedisStore::Cluster(cluster) => {
                let sent = commands
                    .into_iter()
                    .map(async |command| cluster.connection().req_packed_command(&command).await);
                futures::future::join_all(sent).await
            }
        }
    }

    /// Returns the values of pairs of keys that share a slot, in the same order. A single server
    /// gets all of them in one command, which costs it and us much less than a command per pair.
    pub async fn get_pairs<V: redis::FromRedisValue + Clone>(
        &self,
        pairs: Vec<[String; 2]>,
    ) -> Vec<RedisResult<(V, V)>> {
        let get = |keys: &[[String; 2]]| {
            let mut get = redis::cmd("MGET");
            for key in keys.iter().flatten() {
                get.arg(key);
            }
            get
        };
        match &self.store {
            RedisStore::Server(manager, _) => {
                let got = get(&pairs)
                    .query_async::<Vec<V>>(&mut manager.clone())
                    .await;
                let mut values = match got {
                    Ok(values) => values.into_iter(),
                    Err(error) => return pairs.iter().map(|_| Err(error.clone())).collect(),
                };
                let short = || RedisError::from((ErrorKind::Parse, "too few values"));
                pairs
                    .iter()
                    .map(|_| values.next().zip(values.next()).ok_or_else(short))
                    .collect()
            }
            RedisStore::Cluster(_) => {
                let commands = pairs.iter().map(|pair| get(std::slice::from_ref(pair)));
                let values = self.each(commands.collect()).await.into_iter();
                values
                    .map(|value| Ok(redis::from_redis_value(value?)?))
                    .collect()
            }
        }
    }

    /// Returns how many independent keys one script call may have: `most`, or one in a cluster.
    pub fn in_one_call(&self, most: usize) -> usize {
        match &self.store {
            RedisStore::Server(..) => most,
            RedisStore::Cluster(_) => 1,
        }
    }

    /// Publishes a message to all subscribers of the channel.
    pub async fn publish(&self, channel: &str, message: &str) -> Result<()> {
        let mut command = redis::cmd("PUBLISH");
        command.arg((channel, message));
        match &self.store {
            RedisStore::Server(manager, _) => command.exec_async(&mut manager.clone()).await?,
            // In a cluster, any node that answers publishes it: no master needs to be available.
            RedisStore::Cluster(cluster) => cluster.publish(&command).await?,
        }
        Ok(())
    }

    /// Returns the messages of a channel from now on, on a connection of their own. The stream ends
    /// when the connection breaks.
    pub async fn subscribe(&self, channel: &str) -> Result<PubSubStream> {
        let subscribing = async {
            let mut subscription = match &self.store {
                RedisStore::Server(_, client) => client.get_async_pubsub().await?,
                RedisStore::Cluster(cluster) => cluster.subscription().await?,
            };
            subscription.subscribe(channel).await?;
            Ok(subscription.into_on_message())
        };
        tokio::time::timeout(CONNECTION_PATIENCE, subscribing)
            .await
            .unwrap_or(Err(Error::Rebuilding))
    }

    /// Returns the full name of a key.
    pub fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Checks that Redis accepts writes, which it does not if it is full or may not write to its
    /// disk.
    pub async fn takes_writes(&self) -> Result<()> {
        redis::cmd("SET")
            .arg((self.key("ready"), 1, "EX", 60))
            .exec_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// Returns how full Redis is. Returns `None` if it has no limit of its own, or is a cluster,
    /// whose nodes report that individually.
    pub async fn room(&self) -> Result<Option<Room>> {
        let RedisStore::Server(manager, _) = &self.store else {
            return Ok(None);
        };
        let info: redis::InfoDict = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut manager.clone())
            .await?;
        let bytes = |name| info.get::<u64>(name).unwrap_or_default();
        Ok(match bytes("maxmemory") {
            0 => None,
            most => Some(Room {
                used: bytes("used_memory"),
                most,
            }),
        })
    }

    /// Checks that Redis answers; for a cluster, that it serves its keys.
    pub async fn ping(&self) -> Result<()> {
        match &self.store {
            RedisStore::Server(manager, _) => {
                redis::cmd("PING").exec_async(&mut manager.clone()).await?;
            }
            RedisStore::Cluster(cluster) => cluster.ping().await?,
        }
        Ok(())
    }
}

/// Bytes that Redis uses, and those that it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub used: u64,
    pub most: u64,
}

impl Room {
    /// Returns whether it is time to give Redis more memory: beyond this it may be full within one
    /// opening.
    pub fn is_short(&self) -> bool {
        self.used > self.most / 5 * 4
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        write!(f, "{} of {} MiB", mib(self.used), mib(self.most))
    }
}

/// Does not connect yet.
fn manager(client: redis::Client) -> redis::RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECTION_PATIENCE))
        .set_response_timeout(Some(RESPONSE_PATIENCE))
        .set_number_of_retries(2)
        .set_max_delay(Duration::from_millis(500));
    client.get_connection_manager_lazy(config)
}

/// A connection for commands, the same for one Redis and for a cluster.
#[derive(Clone)]
pub enum RedisConnection {
    Server(ConnectionManager),
    Cluster(cluster::Connection),
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            RedisConnection::Server(manager) => manager.req_packed_command(command),
            RedisConnection::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            RedisConnection::Server(manager) => {
                manager.req_packed_commands(pipeline, offset, count)
            }
            RedisConnection::Cluster(connection) => {
                connection.req_packed_commands(pipeline, offset, count)
            }
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            RedisConnection::Server(manager) => manager.get_db(),
            RedisConnection::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Checks that PostgreSQL answers.
pub async fn ping(db: &PgPool) -> Result<()> {
    sqlx::query("SELECT 1").execute(db).await?;
    Ok(())
}
