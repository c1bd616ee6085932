//! HTTP/1.1 connections, with a time-out for reading requests.
//!
//! `axum::serve` does the same but sets no timer, without which hyper waits forever for the rest of
//! a request's head: a client that opens connections and sends half a line on each would hold them
//! all (Slowloris).

use crate::trusted_proxies::TrustedProxies;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::serve::Listener;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use moka::sync::Cache;
use services::limits::Network;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

/// Time-out for the head of a request to arrive, which is also how long a connection may be idle
/// before the next request.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Maximum bytes of a request's head: eight cookies of the maximum length in browsers, and the
/// other headers.
const LONGEST_HEAD: usize = 48 * 1024;

/// Connections that may wait to be accepted, in order of arrival. At an opening thousands arrive at
/// once. A connection beyond the backlog is dropped and retried by its client a second later, so
/// its order then depends on chance, not on its arrival.
const BACKLOG: u32 = 16_384;
/// A kernel limit below this is logged as a warning.
const ENOUGH: u32 = 4096;

/// File with the kernel's limit of the backlog.
const KERNELS_BACKLOG: &str = "/proc/sys/net/core/somaxconn";

/// Listens on an address. Logs nothing, because the rest of the configuration may still be refused.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted server can bind its port even if connections of the old one linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Logs how many connections may wait to be accepted: [`BACKLOG`], or the kernel's limit if lower.
pub fn log_backlog() {
    let allowed = std::fs::read_to_string(KERNELS_BACKLOG).ok();
    let allowed = allowed.and_then(|allowed| allowed.trim().parse::<u32>().ok());
    match allowed {
        Some(backlog) if backlog < ENOUGH => {
            tracing::warn!(
                backlog,
                enough = ENOUGH,
                "listen backlog limited by net.core.somaxconn"
            );
        }
        _ => tracing::info!(
            backlog = allowed.unwrap_or(BACKLOG).min(BACKLOG),
            "listening"
        ),
    }
}

/// Minimum time between two log lines about the same network.
const SAID_ONCE_IN: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: u64 = 10_000;

/// Limits the concurrent connections per network, so that one cannot take them all. This machine
/// and the trusted proxies are exempt, because they connect for many clients.
pub struct PerAddress {
    most: usize,
    exempt: TrustedProxies,
    held: Mutex<HashMap<Network, usize>>,
    /// Networks for which the limit was logged recently.
    said: Cache<Network, ()>,
}

/// One connection counted for its network, or `None` if the network is exempt.
struct Held(Option<(Arc<PerAddress>, Network)>);

impl PerAddress {
    pub fn new(most: usize, exempt: TrustedProxies) -> Arc<PerAddress> {
        Arc::new(PerAddress {
            most,
            exempt,
            held: Mutex::default(),
            said: Cache::builder()
                .max_capacity(ADDRESSES_MAX)
                .time_to_live(SAID_ONCE_IN)
                .build(),
        })
    }

    /// Counts a connection, or returns `None` if its network is at the limit.
    fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        let network = Network::of(address);
        if network.is_this_machine() || self.exempt.trusts(address.to_canonical()) {
            return Some(Held(None));
        }
        let mut all = self.lock();
        let held = all.entry(network).or_default();
        if *held >= self.most {
            drop(all);
            self.say_full(network);
            return None;
        }
        *held += 1;
        Some(Held(Some((self.clone(), network))))
    }

    fn say_full(&self, network: Network) {
        if self.said.entry(network).or_insert(()).is_fresh() {
            let connections = self.most;
            tracing::warn!(target: "security", event = "connections_full", address = %network, connections);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // The counts stay consistent if a holder panics: no update under this lock is partial.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((per_address, network)) = &self.0 else {
            return;
        };
        if let Entry::Occupied(mut held) = per_address.lock().entry(*network) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

/// Serves until `stop` is cancelled, and returns once all requests in progress have been answered.
pub async fn serve<App>(
    mut listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
    app: App,
    patience: Duration,
    per_address: Arc<PerAddress>,
    stop: CancellationToken,
) where
    App: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    App::Future: Send,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(LONGEST_HEAD);
    let connections = TaskTracker::new();
    loop {
        let (connection, address) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        // Excess connections are closed without an answer, which would use the resources that the
        // limit protects.
        let Some(held) = per_address.admit(address.ip()) else {
            continue;
        };
        let app = app.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            app.clone().oneshot(request)
        });
        // Boxed: an async block reserves space twice for a captured value that it pins.
        let mut connection = Box::pin(http.serve_connection(TokioIo::new(connection), service));
        let stop = stop.clone();
        connections.spawn(async move {
            let _held = held;
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::trace!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;
    use tower_http::timeout::TimeoutLayer;

    const SHORT: Duration = Duration::from_millis(300);
    /// Time-out of the tests.
    const LONG: Duration = Duration::from_secs(20);

    struct Served {
        address: SocketAddr,
        stop: CancellationToken,
        serving: JoinHandle<()>,
    }

    async fn served(patience: Duration) -> Served {
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/take", post(async |body: Bytes| body.len().to_string()))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::GATEWAY_TIMEOUT,
                SHORT,
            ));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let per_address = PerAddress::new(700, TrustedProxies::default());
        let serving = serve(listener, router, patience, per_address, stop.clone());
        let serving = tokio::spawn(serving);
        Served {
            address,
            stop,
            serving,
        }
    }

    /// Reads until the server closes the connection.
    async fn said(connection: &mut TcpStream) -> String {
        let mut said = Vec::new();
        tokio::time::timeout(LONG, connection.read_to_end(&mut said))
            .await
            .expect("the connection stays open")
            .unwrap();
        String::from_utf8(said).unwrap()
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections_and_no_more() {
        let per_address = PerAddress::new(2, "10.0.0.0/8".parse().unwrap());
        let admit = |address: &str| per_address.admit(address.parse().unwrap());
        let held = [admit("203.0.113.7"), admit("::ffff:203.0.113.7")];
        assert!(held.iter().all(Option::is_some));
        assert!(admit("203.0.113.7").is_none() && admit("203.0.113.8").is_some());
        let proxy: Vec<_> = (0..5).map(|_| admit("10.0.0.1")).collect();
        assert!(proxy.iter().all(Option::is_some));
        drop(held);
        assert!(admit("203.0.113.7").is_some());
        assert!(per_address.lock().is_empty());
    }

    /// No connection is accepted until all have connected: with a backlog as short as the standard
    /// library's default, connections beyond it would wait forever.
    #[tokio::test]
    async fn all_who_come_at_once_are_heard() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let coming = (0..600).map(|_| TcpStream::connect(address));
        let come = tokio::time::timeout(LONG, futures::future::try_join_all(coming)).await;
        assert_eq!(come.expect("heard").unwrap().len(), 600);
        let mut first = None;
        for _ in 0..600 {
            let (connection, _) = listener.accept().await.unwrap();
            first.get_or_insert(connection);
        }
    }

    #[tokio::test]
    async fn whoever_does_not_finish_a_head_is_hung_up_on() {
        let served = served(SHORT).await;
        for head in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: y"] {
            let mut connection = TcpStream::connect(served.address).await.unwrap();
            let since = Instant::now();
            connection.write_all(head.as_bytes()).await.unwrap();
            assert!(!said(&mut connection).await.contains("here"));
            assert!(since.elapsed() >= SHORT, "{head:?}");
        }
        // An idle connection is closed as well.
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).await.unwrap();
        assert!(said(&mut connection).await.ends_with("here"));
        // So is one that sends a header line from time to time.
        let connection = TcpStream::connect(served.address).await.unwrap();
        let (mut from, mut to) = connection.into_split();
        let trickling = tokio::spawn(async move {
            to.write_all(b"GET / HTTP/1.1\r\n").await?;
            let mut often = tokio::time::interval(SHORT / 10);
            loop {
                often.tick().await;
                to.write_all(b"x-slow: y\r\n").await?;
            }
            #[expect(unreachable_code, reason = "names the error's type")]
            std::io::Result::Ok(())
        });
        let mut said = Vec::new();
        // Either end of file or a reset.
        let ended = tokio::time::timeout(LONG, from.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "the connection stays open");
        trickling.abort();
    }

    #[tokio::test]
    async fn whoever_does_not_finish_a_body_is_answered_and_hung_up_on() {
        let served = served(LONG).await;
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        let half = b"POST /take HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf";
        connection.write_all(half).await.unwrap();
        assert!(said(&mut connection).await.starts_with("HTTP/1.1 504"));
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let served = served(LONG).await;
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        let head = format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
            "y".repeat(LONGEST_HEAD)
        );
        // The server answers before it has read everything, so the write may fail.
        let _ = connection.write_all(head.as_bytes()).await;
        let mut said = vec![0; 12];
        connection.read_exact(&mut said).await.unwrap();
        assert_eq!(said, b"HTTP/1.1 431");
    }

    #[tokio::test]
    async fn a_connection_carries_many_requests_and_ends_with_the_server() {
        let served = served(LONG).await;
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        for _ in 0..3 {
            let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
            connection.write_all(request).await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"here") {
                assert_ne!(connection.read_buf(&mut heard).await.unwrap(), 0);
            }
        }
        served.stop.cancel();
        assert_eq!(said(&mut connection).await, "");
        tokio::time::timeout(LONG, served.serving)
            .await
            .expect("the server stays")
            .unwrap();
    }
}
