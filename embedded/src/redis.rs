use crate::program::{self, Program, Running, Starting};
use crate::{Durability, Place, folder};
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const PACKAGE: &str = "Redis (Debian and Ubuntu: redis-server; Homebrew: redis)";

pub struct Redis {
    pub process: Running,
    pub url: String,
    pub data: PathBuf,
}

impl Redis {
    pub async fn start(place: Place<'_>, durability: Durability) -> Result<Redis> {
        let Place {
            dir,
            sockets,
            account,
        } = place;
        let program = program::find("redis-server", &[], PACKAGE)?;
        let data = dir.join("redis");
        folder::own(&data, account)?;
        let socket = socket(sockets);
        let url = url(sockets)?;
        stop_leftover(&url).await;

        let (log, data_dir, account) = (dir.join("redis.log"), data.clone(), account.cloned());
        let command = Box::new(move || {
            let mut command = program::command(&program, account.as_ref());
            command.args([
                "--port",
                "0",
                "--unixsocketperm",
                "700",
                "--daemonize",
                "no",
                "--save",
                "",
            ]);
            command
                .arg("--unixsocket")
                .arg(&socket)
                .arg("--dir")
                .arg(&data_dir);
            match durability {
                // One fsync covers all writes that arrived together, so this costs about a fifth of
                // the throughput.
                Durability::Durable => {
                    command.args(["--appendonly", "yes", "--appendfsync", "always"])
                }
                Durability::Throwaway => command.args(["--appendonly", "no"]),
            };
            Ok(command)
        });
        let program = Program {
            name: "redis-server",
            command,
            stop_signal: Signal::SIGTERM,
            patience: program::PATIENCE,
            log,
        };
        let mut starting = Starting::new(program)?;
        wait_until_ready(&mut starting, &url).await?;
        Ok(Redis {
            process: starting.keep_running(),
            url,
            data,
        })
    }
}

fn socket(sockets: &Path) -> PathBuf {
    sockets.join("redis.sock")
}

pub fn url(sockets: &Path) -> Result<String> {
    let file = url::Url::from_file_path(socket(sockets))
        .ok()
        .context("the data directory's path must be absolute")?;
    Ok(format!("redis+unix://{}", file.path()))
}

async fn ping(url: &str) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    let mut connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    redis::cmd("PING").exec_async(&mut connection).await?;
    Ok(connection)
}

/// Stops a server left over from a killed `frontrow`: the lock on the directory is held here, so a
/// server that answers on its socket is left over.
async fn stop_leftover(url: &str) {
    if let Ok(mut connection) = ping(url).await {
        // Redis answers SHUTDOWN by closing the connection, so an error means success.
        let _ = redis::cmd("SHUTDOWN").exec_async(&mut connection).await;
    }
}

pub async fn wait_until_ready(process: &mut Starting, url: &str) -> Result<()> {
    let patience = Duration::from_secs(60);
    let began = Instant::now();
    loop {
        process.check_running()?;
        match ping(url).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > patience => {
                return Err(error).context("Redis did not answer within a minute");
            }
            // Redis first loads its data. The only sign that it is ready is that it answers.
            Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
}
