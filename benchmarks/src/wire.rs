//! Minimal HTTP/1.1 client: prepared requests over reused connections, in a thread of its own, so
//! that it uses as little as possible of a machine shared with the server. Frontrow and the
//! baseline are measured with the same client.

use anyhow::{Context, Result, ensure};
use bench::statistics::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// A request as bytes on the wire.
pub type Request = Arc<[u8]>;

/// When the next request is sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// As soon as the previous answer has arrived.
    Greedy,
    /// At this rate per second, regardless of other requests.
    PerSecond(f64),
}

/// When the measurement ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// After every request has been sent once.
    Once,
    /// After this time, with the requests repeated in a loop.
    For(Duration),
}

#[derive(Default)]
pub struct Outcome {
    pub answered: u64,
    pub took: Duration,
    /// From when a request was due to its answer, in microseconds.
    pub latency: Histogram,
    /// Number of answers by status.
    pub status: BTreeMap<u16, u64>,
    /// When each thousand of answers was complete, since the start.
    pub thousands: Vec<Duration>,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Returns an error unless all answers have this status.
    pub fn all(self, status: u16) -> Result<Outcome> {
        let good = self.status.get(&status).copied().unwrap_or_default();
        ensure!(
            good == self.answered && good > 0,
            "answers by status: {:?}",
            self.status
        );
        Ok(self)
    }

    pub fn p99_ms(&self) -> f64 {
        self.latency.percentile(0.99) as f64 / 1000.0
    }
}

/// Sends the requests over this many connections.
pub async fn ask(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Request>,
    pace: Pace,
    until: Until,
) -> Result<Outcome> {
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, all(address, connections, requests, pace, until))
    };
    tokio::task::spawn_blocking(asking).await?
}

struct Shared {
    requests: Vec<Request>,
    pace: Pace,
    until: Until,
    began: Instant,
    next: Cell<usize>,
    outcome: RefCell<Outcome>,
}

async fn all(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Request>,
    pace: Pace,
    until: Until,
) -> Result<Outcome> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let shared = Rc::new(Shared {
        requests,
        pace,
        until,
        began: Instant::now(),
        next: Cell::new(0),
        outcome: RefCell::default(),
    });
    let mut talks = Vec::new();
    for stream in streams {
        talks.push(tokio::task::spawn_local(talk(shared.clone(), stream)));
    }
    for talk in talks {
        talk.await??;
    }
    let mut outcome = shared.outcome.take();
    outcome.took = shared.began.elapsed();
    Ok(outcome)
}

impl Shared {
    /// Returns the next request and when it is due.
    fn next(&self) -> Option<(&Request, Option<Instant>)> {
        let n = self.next.get();
        match self.until {
            Until::Once if n >= self.requests.len() => return None,
            Until::For(time) if self.began.elapsed() >= time => return None,
            _ => self.next.set(n + 1),
        }
        let due = match self.pace {
            Pace::Greedy => None,
            Pace::PerSecond(rate) => Some(self.began + Duration::from_secs_f64(n as f64 / rate)),
        };
        Some((&self.requests[n % self.requests.len()], due))
    }

    fn note(&self, status: u16, since: Instant) {
        let mut outcome = self.outcome.borrow_mut();
        outcome.answered += 1;
        outcome.latency.add(since.elapsed().as_micros() as u64);
        *outcome.status.entry(status).or_default() += 1;
        if outcome.answered.is_multiple_of(1000) {
            outcome.thousands.push(self.began.elapsed());
        }
    }
}

async fn talk(shared: Rc<Shared>, mut stream: TcpStream) -> Result<()> {
    let mut heard = Vec::with_capacity(64 * 1024);
    while let Some((request, due)) = shared.next() {
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        let since = due.unwrap_or_else(Instant::now);
        stream.write_all(request).await?;
        let status = answer(&mut stream, &mut heard).await?;
        shared.note(status, since);
    }
    Ok(())
}

/// Reads one complete answer and returns its status.
async fn answer(stream: &mut TcpStream, heard: &mut Vec<u8>) -> Result<u16> {
    heard.clear();
    loop {
        let read = stream.read_buf(heard).await?;
        ensure!(read > 0, "the server has hung up");
        if let Some(status) = whole(heard)? {
            return Ok(status);
        }
    }
}

/// Returns the status once the answer is complete.
fn whole(heard: &[u8]) -> Result<Option<u16>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(heard).context("no HTTP")? else {
        return Ok(None);
    };
    let value = |name: &str| {
        let mut headers = response.headers.iter();
        let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let complete = match value("content-length") {
        Some(length) => heard.len() >= head + length.parse::<usize>()?,
        // Chunked: no body here contains these bytes, so they mark its end.
        None => heard.ends_with(b"\r\n0\r\n\r\n") || heard[head..].starts_with(b"0\r\n\r\n"),
    };
    Ok(complete.then_some(response.code.unwrap_or_default()))
}

/// A connection for sequential requests.
pub struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            heard: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a request and returns the complete answer with its head. Fails unless it has the
    /// expected status.
    pub async fn ask(&mut self, request: &[u8], expected: u16) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        let status = answer(&mut self.stream, &mut self.heard).await?;
        ensure!(
            status == expected,
            "answered with {status}: {}",
            String::from_utf8_lossy(&self.heard)
        );
        Ok(&self.heard)
    }

    /// Sends a request whose answer does not end, and returns the first result of `found`.
    pub async fn follow<T>(
        mut self,
        request: &[u8],
        mut found: impl FnMut(&[u8]) -> Result<Option<T>>,
    ) -> Result<T> {
        self.stream.write_all(request).await?;
        self.heard.clear();
        loop {
            let read = self.stream.read_buf(&mut self.heard).await?;
            ensure!(read > 0, "the server has hung up");
            if let Some(found) = found(&self.heard)? {
                return Ok(found);
            }
        }
    }
}

/// Returns the body of an answer with a `Content-Length`.
pub fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(&[], |end| &answer[end + 4..])
}

/// Builds a request as a browser sends it: with the session cookie if there is a token, with
/// `Accept-Encoding` if compressed answers are accepted, and as a POST if there is a form.
pub fn browse(
    path: &str,
    token: Option<&str>,
    encodings: Option<&str>,
    form: Option<&str>,
) -> Request {
    let (method, accept, mode, destination) = match form {
        None => (
            "GET",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "navigate",
            "document",
        ),
        Some(_) => ("POST", "*/*", "cors", "empty"),
    };
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
         Accept: {accept}\r\nAccept-Language: en-US,en;q=0.5\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {destination}\r\n"
    );
    if let Some(encodings) = encodings {
        request += &format!("Accept-Encoding: {encodings}\r\n");
    }
    if let Some(token) = token {
        request += &format!("Cookie: frontrow_access={token}\r\n");
    }
    if let Some(form) = form {
        request += &format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
    }
    request += "\r\n";
    request += form.unwrap_or_default();
    request.into_bytes().into()
}

/// Builds a GET as an API client sends it, with the access token if there is one.
pub fn get(path: &str, token: Option<&str>) -> Request {
    head("GET", path, token, "").into_bytes().into()
}

/// Builds a POST of a form.
pub fn post(path: &str, token: Option<&str>, form: &str) -> Request {
    let content = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        form.len()
    );
    (head("POST", path, token, &content) + form)
        .into_bytes()
        .into()
}

fn head(method: &str, path: &str, token: Option<&str>, more: &str) -> String {
    let bearer = match token {
        Some(token) => format!("Authorization: Bearer {token}\r\n"),
        None => String::new(),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: frontrow\r\n{bearer}{more}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_where_they_say() {
        let status = |text: &str| whole(text.as_bytes()).unwrap();
        assert_eq!(
            status("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"),
            Some(200)
        );
        assert_eq!(
            status("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"),
            None
        );
        assert_eq!(status("HTTP/1.1 404 Not Found\r\nContent-Le"), None);
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n";
        assert_eq!(status(chunked), None);
        assert_eq!(status(&format!("{chunked}0\r\n\r\n")), Some(200));
    }
}
