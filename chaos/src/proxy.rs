//! Proxy between one server and one store, whose connections can be disturbed.

use crate::plan::Trouble;
use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Listens on the loopback address and forwards to a Unix socket, in both directions. Dropping it
/// closes the listener and every connection.
pub struct Proxy {
    pub address: SocketAddr,
    trouble: watch::Sender<Option<Trouble>>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(socket: PathBuf) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (trouble, line) = watch::channel(None);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((server, _)) = accepted {
                            connections.spawn(carry(server, socket.clone(), line.clone()));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Proxy {
            address,
            trouble,
            task,
        })
    }

    /// Sets the trouble of the line; `None` heals it.
    pub fn set(&self, trouble: Option<Trouble>) {
        self.trouble.send_replace(trouble);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Line = watch::Receiver<Option<Trouble>>;

async fn carry(server: TcpStream, socket: PathBuf, line: Line) {
    let _ = server.set_nodelay(true);
    let lost = dropped(line.clone());
    let carrying = async {
        if flows(&mut line.clone()).await.is_none() {
            return;
        }
        let Ok(store) = UnixStream::connect(socket).await else {
            return;
        };
        let (from_server, to_server) = server.into_split();
        let (from_store, to_store) = store.into_split();
        let questions = forward(from_server, to_store, line.clone(), false);
        let answers = forward(from_store, to_server, line, true);
        // When either side closes, so does the other.
        tokio::select! {
            () = questions => {}
            () = answers => {}
        }
    };
    tokio::select! {
        () = carrying => {}
        () = lost => {}
    }
}

/// Returns when the connection has to be dropped.
async fn dropped(mut line: Line) {
    let mut mute = false;
    loop {
        match *line.borrow_and_update() {
            Some(Trouble::Cut) => return,
            Some(Trouble::Mute) => mute = true,
            _ if mute => return,
            _ => {}
        }
        if line.changed().await.is_err() {
            return;
        }
    }
}

/// Waits while the line is stalled. Returns `None` if the proxy is gone.
async fn flows(line: &mut Line) -> Option<Option<Trouble>> {
    let trouble = line
        .wait_for(|trouble| *trouble != Some(Trouble::Stalled))
        .await;
    trouble.ok().map(|trouble| *trouble)
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut line: Line,
    answers: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut missing = false;
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        match flows(&mut line).await {
            None => return,
            Some(Some(Trouble::Mute)) if answers => missing = true,
            // Bytes were dropped: forwarding later ones would corrupt the stream.
            Some(_) if missing => return,
            Some(_) => {}
        }
        if !missing && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
