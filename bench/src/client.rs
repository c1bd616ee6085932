//! HTTP/1.1 over reused connections, and nothing else: no redirects, no proxy, no name lookup. It
//! uses hyper without a layer on top because client and server often share a machine.

use crate::address::Address;
use anyhow::{Context, Result};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use model::Refusal;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;

/// Time-out of a request. Longer than the server's own limit of 30 s.
const PATIENCE: Duration = Duration::from_secs(40);

type Connection = SendRequest<Full<Bytes>>;

/// Client of one address.
pub struct Client {
    authority: HeaderValue,
    socket: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

/// Outcome of a request.
#[derive(Debug)]
pub enum Answer<T> {
    Done(T),
    Refused(Refusal),
    /// 503, 504, a rate limit, or no connection: repeating the request is safe.
    TryAgain,
    /// The connection broke or the request timed out: it may have been carried out or not.
    Silence,
    /// Neither a result nor a refusal.
    Strange(String),
}

impl Client {
    /// Connects to the first socket of the address that accepts a connection.
    pub async fn connect(address: &Address) -> Result<Client> {
        let authority = HeaderValue::from_str(&address.authority)?;
        let mut failure = None;
        for socket in &address.sockets {
            match connect(*socket).await {
                Ok(connection) => {
                    return Ok(Client {
                        authority,
                        socket: *socket,
                        idle: Mutex::new(vec![connection]),
                    });
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| anyhow::anyhow!("no address")))
            .with_context(|| format!("nobody answers at {}", address.authority))
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        token: &Token,
        fields: &[(&str, &str)],
    ) -> Answer<T> {
        self.ask(Method::GET, endpoint, Some(token), fields).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        token: Option<&Token>,
        fields: &[(&str, &str)],
    ) -> Answer<T> {
        self.ask(Method::POST, endpoint, token, fields).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        endpoint: &str,
        token: Option<&Token>,
        fields: &[(&str, &str)],
    ) -> Answer<T> {
        let asking = async {
            let Ok(mut connection) = self.connection().await else {
                return Answer::TryAgain;
            };
            let Ok(request) = self.request(method, endpoint, token, fields) else {
                return Answer::Strange(format!("{endpoint} cannot be asked like that"));
            };
            let Ok(response) = connection.send_request(request).await else {
                return Answer::Silence;
            };
            let status = response.status();
            let Ok(body) = response.into_body().collect().await else {
                return Answer::Silence;
            };
            self.keep(connection);
            judge(endpoint, status, &body.to_bytes())
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or(Answer::Silence)
    }

    /// Opens an event stream on a connection of its own, which is closed with the stream.
    pub async fn stream(
        &self,
        endpoint: &str,
        token: &Token,
        fields: &[(&str, &str)],
    ) -> Answer<EventStream> {
        let opening = async {
            let Ok(mut connection) = self.connection().await else {
                return Answer::TryAgain;
            };
            let Ok(request) = self.request(Method::GET, endpoint, Some(token), fields) else {
                return Answer::Strange(format!("{endpoint} cannot be asked like that"));
            };
            let Ok(response) = connection.send_request(request).await else {
                return Answer::Silence;
            };
            if response.status() == StatusCode::OK {
                return Answer::Done(EventStream::new(connection, response));
            }
            let status = response.status();
            let Ok(body) = response.into_body().collect().await else {
                return Answer::Silence;
            };
            self.keep(connection);
            match judge::<()>(endpoint, status, &body.to_bytes()) {
                Answer::Done(()) => Answer::Silence,
                Answer::Refused(refusal) => Answer::Refused(refusal),
                Answer::TryAgain => Answer::TryAgain,
                Answer::Silence => Answer::Silence,
                Answer::Strange(what) => Answer::Strange(what),
            }
        };
        tokio::time::timeout(PATIENCE, opening)
            .await
            .unwrap_or(Answer::Silence)
    }

    fn request(
        &self,
        method: Method,
        endpoint: &str,
        token: Option<&Token>,
        fields: &[(&str, &str)],
    ) -> Result<Request<Full<Bytes>>> {
        let encoded = serde_urlencoded::to_string(fields)?;
        let reads = method == Method::GET;
        let path = match reads && !encoded.is_empty() {
            true => format!("/api/{endpoint}?{encoded}"),
            false => format!("/api/{endpoint}"),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        if let Some(Token(bearer)) = token {
            request = request.header(AUTHORIZATION, bearer);
        }
        let body = match reads {
            true => Bytes::new(),
            false => {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                Bytes::from(encoded)
            }
        };
        Ok(request.body(Full::new(body))?)
    }

    async fn connection(&self) -> Result<Connection> {
        loop {
            let kept = self.lock().pop();
            match kept {
                Some(mut connection) => {
                    // The server may have closed it in the meantime.
                    if !connection.is_closed() && connection.ready().await.is_ok() {
                        return Ok(connection);
                    }
                }
                None => return connect(self.socket).await,
            }
        }
    }

    fn keep(&self, connection: Connection) {
        if !connection.is_closed() {
            self.lock().push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // The list stays consistent if a holder panics: no update under this lock is partial.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(socket: SocketAddr) -> Result<Connection> {
    let stream = TcpStream::connect(socket).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Errors of the connection surface in the requests sent over it.
    tokio::spawn(connection);
    Ok(sender)
}

fn judge<T: DeserializeOwned>(endpoint: &str, status: StatusCode, body: &[u8]) -> Answer<T> {
    let strange = || {
        let text: String = String::from_utf8_lossy(body).chars().take(120).collect();
        Answer::Strange(format!("{endpoint}: {status} {text}"))
    };
    match status {
        StatusCode::OK => serde_json::from_slice(body).map_or_else(|_| strange(), Answer::Done),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => Answer::TryAgain,
        _ => match serde_json::from_slice(body) {
            Ok(Refusal::Internal) | Err(_) => strange(),
            // A rehearsal sends many requests from one address, so it does hit rate limits.
            Ok(Refusal::TooManyRequests { .. }) => Answer::TryAgain,
            Ok(refusal) => Answer::Refused(refusal),
        },
    }
}

/// Access token in the form in which it is sent.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    pub fn new(access: &str) -> Result<Token> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {access}")).context("this is no token")?;
        bearer.set_sensitive(true);
        Ok(Token(bearer))
    }
}

/// An open event stream.
pub struct EventStream {
    /// Held because dropping it closes the connection.
    _connection: Connection,
    body: Incoming,
    heard: Vec<u8>,
    /// Number of bytes of `heard` that have been returned as events.
    told: usize,
}

/// One event, without `id` and `retry`.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
}

impl EventStream {
    fn new(connection: Connection, response: Response<Incoming>) -> EventStream {
        EventStream {
            _connection: connection,
            body: response.into_body(),
            heard: Vec::new(),
            told: 0,
        }
    }

    /// Returns the next event, or `None` at the end of the stream. Cancel-safe: no event is lost if
    /// the future is dropped before it completes.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, length)) = first_event(&self.heard[self.told..]) {
                self.told += length;
                if let Some(event) = event {
                    return Some(event);
                }
                continue;
            }
            self.heard.drain(..self.told);
            self.told = 0;
            let frame = self.body.frame().await?.ok()?;
            if let Some(bytes) = frame.data_ref() {
                self.heard.extend_from_slice(bytes);
            }
        }
    }
}

/// Parses the first complete event and returns it with its length. The event is `None` if it has no
/// name, as with a comment.
fn first_event(heard: &[u8]) -> Option<(Option<Event>, usize)> {
    let end = heard.windows(2).position(|two| two == b"\n\n")?;
    let text = String::from_utf8_lossy(&heard[..end]);
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let event = field("event:").map(|name| Event {
        name,
        data: field("data:").unwrap_or_default(),
    });
    Some((event, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        let heard = b"event: tick\nid: 5\ndata: {\"id\":5}\n\n: a comment\n\nevent: ali";
        let (event, length) = first_event(heard).unwrap();
        assert_eq!(
            event,
            Some(Event {
                name: "tick".into(),
                data: "{\"id\":5}".into()
            })
        );
        let (comment, more) = first_event(&heard[length..]).unwrap();
        assert_eq!(comment, None);
        assert!(first_event(&heard[length + more..]).is_none());
    }

    #[test]
    fn refusals_results_and_anything_else() {
        let judged = |status, body: &str| judge::<u64>("x", status, body.as_bytes());
        assert!(matches!(judged(StatusCode::OK, "7"), Answer::Done(7)));
        assert!(matches!(
            judged(StatusCode::CONFLICT, r#"{"code":"sale_closed"}"#),
            Answer::Refused(Refusal::SaleClosed)
        ));
        let away = judged(StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"unavailable"}"#);
        assert!(matches!(away, Answer::TryAgain));
        let flood = r#"{"code":"too_many_requests","retry_after_s":2}"#;
        let flood = judged(StatusCode::TOO_MANY_REQUESTS, flood);
        assert!(matches!(flood, Answer::TryAgain));
        for (status, body) in [
            (StatusCode::OK, "<html>"),
            (StatusCode::FOUND, ""),
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"code":"internal"}"#),
        ] {
            assert!(matches!(judged(status, body), Answer::Strange(_)));
        }
    }
}
