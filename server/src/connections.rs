//! Connections: HTTP/1.1 with whoever connects, and an end to waiting for what they have to say.
//!
//! `axum::serve` does the same but sets no clock, without which hyper waits for the rest of a request's head for ever: whoever
//! opens connections and says half a line on each would keep them all (Slowloris).

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long the head of a request may take to come, and how long a connection may be idle before the next one.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a request's head: eight cookies as long as browsers allow, and what else there is.
const LONGEST_HEAD: usize = 48 * 1024;

/// Serves until `stop`, and returns when the last request that was under way has been answered.
pub async fn serve(
    mut listener: impl Listener<Io = TcpStream, Addr = SocketAddr>,
    router: Router,
    patience: Duration,
    stop: CancellationToken,
) {
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
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            router.clone().oneshot(request)
        });
        // Boxed: an async block has room twice for what it has taken in and pins.
        let mut connection = Box::pin(http.serve_connection(TokioIo::new(connection), service));
        let stop = stop.clone();
        connections.spawn(async move {
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
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio::time::Instant;
    use tower_http::timeout::TimeoutLayer;

    const SHORT: Duration = Duration::from_millis(300);
    /// Until something is wrong.
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
        let serving = tokio::spawn(serve(listener, router, patience, stop.clone()));
        Served {
            address,
            stop,
            serving,
        }
    }

    /// What is said until the other side hangs up.
    async fn said(connection: &mut TcpStream) -> String {
        let mut said = Vec::new();
        tokio::time::timeout(LONG, connection.read_to_end(&mut said))
            .await
            .expect("the connection stays open")
            .unwrap();
        String::from_utf8(said).unwrap()
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
        // Nor whoever asks nothing more.
        let mut connection = TcpStream::connect(served.address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).await.unwrap();
        assert!(said(&mut connection).await.ends_with("here"));
        // Not even by saying a little from time to time.
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
        // Ends or breaks off, whichever comes first.
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
        // Refused before all of it was taken in, which may break the writing off.
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
