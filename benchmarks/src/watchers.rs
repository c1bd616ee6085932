//! Thousands of watchers: open event streams in one thread, which records when each tick arrives.

use anyhow::{Result, bail, ensure};
use bench::statistics::Histogram;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::LocalSet;

use crate::wire::Request;

/// Connections opened at the same time.
const OPENING: usize = 64;
/// Time-out for opening all streams.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the watchers have received so far.
#[derive(Clone, Default)]
pub struct Told {
    /// Number of ticks, summed over all watchers.
    pub ticks: u64,
    /// From the instant in a tick to its arrival, in microseconds.
    pub lag: Histogram,
    /// Bytes received.
    pub bytes: u64,
    /// Streams that the server has closed.
    pub ended: u64,
}

/// Open streams, closed on drop.
pub struct Watchers {
    number: usize,
    told: Arc<Mutex<Told>>,
    _close: oneshot::Sender<()>,
}

impl Watchers {
    /// Opens one stream per request, and returns once all have been answered.
    pub async fn open(address: SocketAddr, requests: Vec<Request>) -> Result<Watchers> {
        let (number, told) = (requests.len(), Arc::new(Mutex::new(Told::default())));
        let (close, closed) = oneshot::channel::<()>();
        let (opened, all_open) = oneshot::channel::<Result<()>>();
        let into = told.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else {
                return;
            };
            LocalSet::new().block_on(&runtime, async move {
                let watching = watch(address, requests, into).await;
                // Fails if `open` has timed out or was dropped, which is fine.
                let _ = opened.send(watching);
                let _ = closed.await;
            });
        });
        tokio::time::timeout(PATIENCE, all_open).await???;
        Ok(Watchers {
            number,
            told,
            _close: close,
        })
    }

    pub fn number(&self) -> usize {
        self.number
    }

    /// Resets the counts.
    pub fn begin(&self) {
        *self.lock() = Told::default();
    }

    pub fn told(&self) -> Told {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(address: SocketAddr, requests: Vec<Request>, told: Arc<Mutex<Told>>) -> Result<()> {
    let turns = Rc::new(Semaphore::new(OPENING));
    // Shared buffer: data read into it is processed before the next read.
    let page = Rc::new(RefCell::new(vec![0; 64 * 1024]));
    let mut opening = Vec::new();
    for request in requests {
        let (turns, page, told) = (turns.clone(), page.clone(), told.clone());
        opening.push(tokio::task::spawn_local(async move {
            let turn = turns.acquire().await?;
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(&request).await?;
            let first = read(&stream, &page, |bytes| {
                ensure!(
                    bytes.starts_with(b"HTTP/1.1 200"),
                    "a stream was refused: {}",
                    String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
                );
                Ok(())
            });
            first.await?;
            drop(turn);
            tokio::task::spawn_local(follow(stream, page, told));
            anyhow::Ok(())
        }));
    }
    for opened in opening {
        opened.await??;
    }
    Ok(())
}

async fn follow(stream: TcpStream, page: Rc<RefCell<Vec<u8>>>, told: Arc<Mutex<Told>>) {
    loop {
        let heard = read(&stream, &page, |bytes| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.bytes += bytes.len() as u64;
            for tick in ticks(bytes) {
                told.ticks += 1;
                told.lag.add(now().saturating_sub(tick));
            }
            Ok(())
        });
        if heard.await.is_err() {
            told.lock().unwrap_or_else(PoisonError::into_inner).ended += 1;
            return;
        }
    }
}

/// Reads available data into the shared buffer and passes it to `look`.
async fn read(
    stream: &TcpStream,
    page: &RefCell<Vec<u8>>,
    look: impl Fn(&[u8]) -> Result<()>,
) -> Result<()> {
    loop {
        stream.readable().await?;
        let mut page = page.borrow_mut();
        match stream.try_read(&mut page) {
            Ok(0) => bail!("the server has ended the stream"),
            Ok(read) => return look(&page[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the instants of the ticks that begin in `bytes`, in microseconds since the epoch.
fn ticks(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split("event: tick\n").skip(1).filter_map(|event| {
        let (_, rest) = event.split_once("\"id\":")?;
        rest.split(',').next()?.parse().ok()
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}
