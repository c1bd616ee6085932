//! A Redis Cluster: which master has which slots, and a connection to each master.
//!
//! redis-rs has its own cluster client (`cluster_async`), which is not used: as of 1.8.1 its
//! masters share a task and a lock, which block permanently when a few dozen requests meet a master
//! that has died; and it does not notice when a hanging master was replaced. Here masters share
//! nothing but the slot map: one that is away or hangs costs only its own keys, as a single Redis
//! would.

use super::{RESPONSE_PATIENCE, manager};
use futures::future;
use redis::aio::{ConnectionLike, ConnectionManager, PubSub};
use redis::cluster_routing::Slot;
use redis::io::tcp::TcpSettings;
use redis::{
    Arg, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, RedisFuture,
    RedisResult, ServerError, ServerErrorKind, Value, from_redis_value,
};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The scheme of a URL that names a cluster.
const SCHEME: &str = "redis-cluster://";
/// How often a request is sent while masters only answer that another one has the slot, or that the
/// slot is being moved.
const TRIES: u32 = 4;
/// Delay between two tries while a slot is being moved.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// Delay between two reads of the slot map: thousands of requests may find it wrong at once.
const RELEARN: Duration = Duration::from_millis(200);

type Address = Arc<str>;
/// The address of the master of each slot. Slots without a master are missing.
type Slots = HashMap<Slot, Address>;

/// Shared by the whole process.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    /// `user:password@`, or empty.
    user: String,
    /// The nodes that the setting names.
    seeds: Vec<Address>,
    slots: watch::Sender<Arc<Slots>>,
    /// Held by the one task that reads the slot map.
    learning: tokio::sync::Mutex<()>,
    learning_soon: AtomicBool,
    connections: Mutex<HashMap<Address, ConnectionManager>>,
}

impl Cluster {
    /// Returns `None` if the URL names a single server. Does not connect yet.
    pub fn open(url: &str) -> RedisResult<Option<Cluster>> {
        let Some((user, seeds)) = parse(url)? else {
            return Ok(None);
        };
        let cluster = Cluster(Arc::new(Shared {
            user,
            seeds,
            slots: watch::Sender::default(),
            learning: tokio::sync::Mutex::default(),
            learning_soon: AtomicBool::default(),
            connections: Mutex::default(),
        }));
        for seed in &cluster.0.seeds {
            cluster.connection_to(seed)?;
        }
        Ok(Some(cluster))
    }

    pub fn connection(&self) -> Connection {
        Connection {
            cluster: self.clone(),
            script_slot: None,
        }
    }

    /// Checks that the cluster serves its keys, as at least one of its nodes sees it.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("INFO");
        self.ask_any(&command, |_, info: String| {
            if info.lines().any(|line| line.trim() == "cluster_state:ok") {
                return Ok(());
            }
            let kind = ErrorKind::Server(ServerErrorKind::ClusterDown);
            Err((kind, "the cluster does not serve its keys").into())
        })
        .await
    }

    /// Publishes through any node: each one forwards to all others, and a duplicate does no harm.
    pub async fn publish(&self, command: &Cmd) -> RedisResult<()> {
        self.ask_any(command, |_, _: Value| Ok(())).await
    }

    /// Opens a connection for subscriptions to the first master that can be reached: each master
    /// receives all messages. Nodes that the setting names are used only while no master is known:
    /// they may have been removed from the cluster.
    pub async fn subscription(&self) -> RedisResult<PubSub> {
        let masters: BTreeSet<Address> = self.0.slots.borrow().values().cloned().collect();
        let nodes = if masters.is_empty() {
            self.nodes()
        } else {
            masters
        };
        let subscribing = nodes
            .into_iter()
            .map(|node| Box::pin(async move { self.client_of(&node)?.get_async_pubsub().await }));
        Ok(future::select_ok(subscribing).await?.0)
    }

    /// Returns all known nodes.
    fn nodes(&self) -> BTreeSet<Address> {
        let mut nodes: BTreeSet<Address> = self.0.seeds.iter().cloned().collect();
        nodes.extend(self.0.slots.borrow().values().cloned());
        nodes
    }

    fn client_of(&self, address: &Address) -> RedisResult<Client> {
        let info = format!("redis://{}{address}", self.0.user)
            .into_connection_info()?
            .set_tcp_settings(tcp_settings());
        Client::open(info)
    }

    fn connection_to(&self, address: &Address) -> RedisResult<ConnectionManager> {
        let connections = &self.0.connections;
        let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.get(address) {
            return Ok(connection.clone());
        }
        let connection = manager(self.client_of(address)?)?;
        connections.insert(address.clone(), connection.clone());
        Ok(connection)
    }

    /// Returns the first answer of any node that `judge` accepts.
    async fn ask_any<A: FromRedisValue + Send, T: Send>(
        &self,
        command: &Cmd,
        judge: impl Fn(&Address, A) -> RedisResult<T> + Send + Sync,
    ) -> RedisResult<T> {
        let asking = self.nodes().into_iter().map(|node| {
            let judge = &judge;
            Box::pin(async move {
                let mut connection = self.connection_to(&node)?;
                judge(&node, command.query_async(&mut connection).await?)
            })
        });
        Ok(future::select_ok(asking).await?.0)
    }

    /// Reads the slot map, unless another task has done so since `known`.
    async fn learn(&self, known: &Arc<Slots>) -> RedisResult<()> {
        let _turn = self.0.learning.lock().await;
        if !Arc::ptr_eq(&self.0.slots.borrow(), known) {
            return Ok(());
        }
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let slots = self.ask_any(&command, slots).await?;
        let mut used: BTreeSet<Address> = slots.values().cloned().collect();
        used.extend(self.0.seeds.iter().cloned());
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|address, _| used.contains(address));
        self.0.slots.send_replace(Arc::new(slots));
        Ok(())
    }

    /// Does the same in the background, and not in a tight loop.
    fn learn_soon(&self, known: &Arc<Slots>) {
        if self.0.learning_soon.swap(true, Ordering::Relaxed) {
            return;
        }
        let (cluster, known) = (self.clone(), known.clone());
        tokio::spawn(async move {
            // If no node answers, the next failed request starts this again.
            let _ = cluster.learn(&known).await;
            tokio::time::sleep(RELEARN).await;
            cluster.0.learning_soon.store(false, Ordering::Relaxed);
        });
    }

    /// Sends the request to the master of the slot and follows redirections. The request is
    /// executed at most once: it is sent again only after a refusal.
    async fn send(&self, slot: Slot, request: &Request<'_>) -> RedisResult<Vec<Value>> {
        let mut slots = self.0.slots.borrow().clone();
        if slots.is_empty() {
            self.learn(&slots).await?;
            slots = self.0.slots.borrow().clone();
        }
        let mut master = slots.get(&slot).cloned();
        let mut tries = 1;
        loop {
            let Some(address) = &master else {
                self.learn_soon(&slots);
                let kind = ErrorKind::Server(ServerErrorKind::ClusterDown);
                return Err((kind, "no master serves this key").into());
            };
            let result = request.send(self.connection_to(address)?).await;
            match Refusal::of(&result) {
                Some(Refusal::Moved(to)) if tries < TRIES => {
                    self.learn_soon(&slots);
                    master = Some(completed(&to, address));
                }
                Some(Refusal::OnItsWay) if tries < TRIES => tokio::time::sleep(TRY_AGAIN).await,
                refusal => {
                    if refusal.is_none() && result.is_err() {
                        // Another master may have taken over.
                        self.learn_soon(&slots);
                    }
                    return result;
                }
            }
            tries += 1;
        }
    }
}

enum Request<'a> {
    Command(&'a Cmd),
    Pipeline {
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    },
}

impl Request<'_> {
    async fn send(&self, mut connection: ConnectionManager) -> RedisResult<Vec<Value>> {
        match *self {
            Request::Command(command) => {
                let answer = connection.req_packed_command(command).await?;
                Ok(vec![answer])
            }
            Request::Pipeline {
                pipeline,
                offset,
                count,
            } => {
                connection
                    .req_packed_commands(pipeline, offset, count)
                    .await
            }
        }
    }
}

/// Why a node of a cluster did nothing.
enum Refusal {
    /// Another node has the slot.
    Moved(String),
    /// The slot is being moved: a script has to wait until all of its keys are on one node again.
    OnItsWay,
}

impl Refusal {
    fn of(result: &RedisResult<Vec<Value>>) -> Option<Refusal> {
        match result {
            Ok(answers) => answers.iter().find_map(|answer| match answer {
                Value::ServerError(error) => Refusal::in_words(error),
                _ => None,
            }),
            Err(error) => {
                let errors = error.clone().into_server_errors()?;
                errors
                    .iter()
                    .find_map(|(_, error)| Refusal::in_words(error))
            }
        }
    }

    fn in_words(error: &ServerError) -> Option<Refusal> {
        match error.kind()? {
            ServerErrorKind::Moved => {
                let to = error.details()?.split_ascii_whitespace().nth(1)?;
                Some(Refusal::Moved(to.to_owned()))
            }
            ServerErrorKind::Ask | ServerErrorKind::TryAgain => Some(Refusal::OnItsWay),
            _ => None,
        }
    }
}

/// Completes an address: a node that does not know its own name leaves it out, and means the node
/// that was asked.
fn completed(address: &str, asked: &Address) -> Address {
    match address.rsplit_once(':') {
        Some((host, port)) => joined(Some(host), port, asked),
        None => address.into(),
    }
}

fn joined(host: Option<&str>, port: impl fmt::Display, asked: &Address) -> Address {
    let asked = asked.rsplit_once(':').map(|(host, _)| host);
    match host.filter(|host| !host.is_empty()).or(asked) {
        // IPv6.
        Some(host) if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        host => format!("{}:{port}", host.unwrap_or_default()),
    }
    .into()
}

/// Returns user and nodes, or `None` if the scheme is a different one.
fn parse(url: &str) -> RedisResult<Option<(String, Vec<Address>)>> {
    let Some(rest) = url.strip_prefix(SCHEME) else {
        return Ok(None);
    };
    let (user, hosts) = match rest.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), rest),
    };
    let node = |host: &str| -> RedisResult<Address> {
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
        if has_port && !host.contains(['/', '?', '#']) {
            Ok(host.into())
        } else {
            Err((
                ErrorKind::InvalidClientConfig,
                "a cluster is redis-cluster://[user:password@]host:port[,host:port…]",
            )
                .into())
        }
    };
    let seeds = hosts.split(',').map(node).collect::<RedisResult<_>>()?;
    Ok(Some((user, seeds)))
}

/// Parses the answer to `CLUSTER SLOTS`: first slot, last slot, master (host, port, …), replicas.
fn slots(asked: &Address, ranges: Vec<Vec<Value>>) -> RedisResult<Slots> {
    let mut slots = Slots::new();
    for range in ranges {
        let mut range = range.into_iter();
        let (Some(first), Some(last), Some(Value::Array(master))) =
            (range.next(), range.next(), range.next())
        else {
            continue;
        };
        let (first, last): (u16, u16) = (from_redis_value(first)?, from_redis_value(last)?);
        let mut master = master.into_iter();
        let host: Option<String> = from_redis_value(master.next().unwrap_or(Value::Nil))?;
        let port: u16 = from_redis_value(master.next().unwrap_or(Value::Nil))?;
        let address = joined(host.as_deref(), port, asked);
        slots.extend(
            (first..=last)
                .filter_map(Slot::new)
                .map(|slot| (slot, address.clone())),
        );
    }
    if slots.is_empty() {
        let kind = ErrorKind::Server(ServerErrorKind::ClusterDown);
        return Err((kind, "no master serves any key").into());
    }
    Ok(slots)
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    // A machine that is gone sends nothing. Without this its connections would seem open for a
    // quarter of an hour.
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(RESPONSE_PATIENCE);
    settings
}

/// A connection for the requests of one caller, one after the other.
#[derive(Clone)]
pub struct Connection {
    cluster: Cluster,
    /// Slot of the script that was called last.
    script_slot: Option<Slot>,
}

impl Connection {
    /// Returns the slot that the keys of a command share. Knows only the commands that Frontrow
    /// uses.
    fn slot(&mut self, command: &Cmd) -> RedisResult<Slot> {
        let mut arguments = command.args_iter().filter_map(|argument| match argument {
            Arg::Simple(bytes) => Some(bytes),
            _ => None,
        });
        let slot = match arguments.next() {
            Some(b"EVALSHA") => {
                self.script_slot = arguments.nth(2).map(Slot::for_key);
                self.script_slot
            }
            // A script is loaded where it is missing, and not on all nodes: another node may be
            // away.
            Some(b"SCRIPT") => self.script_slot,
            // These commands concern a whole server.
            Some(b"CLUSTER" | b"INFO" | b"KEYS" | b"SCAN") => None,
            _ => arguments.next().map(Slot::for_key),
        };
        slot.ok_or_else(|| (ErrorKind::Client, "a command without a key").into())
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let slot = self.slot(command)?;
            let answers = self.cluster.send(slot, &Request::Command(command)).await?;
            Ok(answers.into_iter().next().unwrap_or(Value::Nil))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let slots: RedisResult<HashSet<Slot>> = pipeline
                .cmd_iter()
                .map(|command| self.slot(command))
                .collect();
            let mut slots = slots?.into_iter();
            let (Some(slot), None) = (slots.next(), slots.next()) else {
                let kind = ErrorKind::Server(ServerErrorKind::CrossSlot);
                return Err((kind, "a pipeline keeps to one slot").into());
            };
            let request = Request::Pipeline {
                pipeline,
                offset,
                count,
            };
            self.cluster.send(slot, &request).await
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_by_the_scheme() {
        let parse = |url: &str| parse(url).map_err(|error| error.kind());
        assert_eq!(parse("redis://a:1"), Ok(None));
        let seeds = |hosts: &[&str]| hosts.iter().map(|&host| host.into()).collect();
        assert_eq!(
            parse("redis-cluster://a:1,b:2,[::1]:3"),
            Ok(Some((String::new(), seeds(&["a:1", "b:2", "[::1]:3"]))))
        );
        assert_eq!(
            parse("redis-cluster://me:p%40ss@a:1,b:2"),
            Ok(Some(("me:p%40ss@".into(), seeds(&["a:1", "b:2"]))))
        );
        for bad in [
            "",
            "a",
            "a:",
            ":1",
            "a:1,",
            "a:1/0",
            "a:1,redis://b:2",
            "a:99999",
        ] {
            assert_eq!(
                parse(&format!("{SCHEME}{bad}")),
                Err(ErrorKind::InvalidClientConfig),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_node_without_a_name_is_the_one_that_was_asked() {
        let asked = Address::from("a:1");
        assert_eq!(&*completed("b:2", &asked), "b:2");
        assert_eq!(&*completed(":2", &asked), "a:2");
        assert_eq!(&*completed("::1:2", &asked), "[::1]:2");
    }
}
