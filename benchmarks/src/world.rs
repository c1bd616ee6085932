//! Durable stores, one `frontrow serve` and the baseline server on this machine, for one
//! measurement.

use crate::machine;
use anyhow::{Context, Result, ensure};
use embedded::{Durability, Stores};
use services::limits::Limits;
use services::stores::Secret;
use services::{Clock, Services, Settings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const SECRET: &str = "what the servers of this benchmark sign with";
/// Time-out for a server to announce its address, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub services: Services,
    pub frontrow: Server,
    pub ground: Server,
    pub redis_socket: String,
    pub redis: u32,
    pub postgres: u32,
    program: PathBuf,
    stores: Stores,
    _dir: TempDir,
}

pub struct Server {
    pub address: SocketAddr,
    pub process: u32,
    child: Child,
}

impl World {
    pub async fn start(frontrow: &Path, ground: &Path) -> Result<World> {
        let dir = tempfile::Builder::new()
            .prefix("frontrow-bench-")
            .tempdir()?;
        let stores = Stores::start(dir.path(), Durability::Durable).await?;
        // Test data is written without waiting for the disk; the measured writes are durable.
        let hasty = if stores.database_url().contains('?') {
            '&'
        } else {
            '?'
        };
        let services = Services::connect(Settings {
            database_url: format!(
                "{}{hasty}options=-csynchronous_commit%3Doff",
                stores.database_url()
            ),
            redis_url: stores.redis_url().to_owned(),
            redis_prefix: String::new(),
            token_secrets: vec![Secret::new(SECRET)],
            clock: Clock::default(),
            limits: Limits::NONE,
        })
        .await?;
        let frontrow_server = Server::start(serve(frontrow, &stores)).await?;
        let ground = Server::start(Command::new(ground)).await?;
        let redis_socket = stores
            .redis_url()
            .trim_start_matches("redis+unix://")
            .trim_start_matches("unix://")
            .to_owned();
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut services.redis.connection())
            .await?;
        let redis = info
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"))
            .context("Redis does not say which process it is")?
            .trim()
            .parse()?;
        let postgres: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&services.db)
            .await?;
        let postgres = machine::parent(postgres as u32)?;
        Ok(World {
            services,
            frontrow: frontrow_server,
            ground,
            redis_socket,
            redis,
            postgres,
            program: frontrow.to_owned(),
            stores,
            _dir: dir,
        })
    }

    /// Starts another server on the same stores.
    pub async fn another_server(&self) -> Result<Server> {
        Server::start(serve(&self.program, &self.stores)).await
    }

    pub async fn stop(self) -> Result<()> {
        self.frontrow.stop().await?;
        self.ground.stop().await?;
        self.services.close().await;
        self.stores.stop().await
    }
}

fn serve(program: &Path, stores: &Stores) -> Command {
    let mut serve = Command::new(program);
    serve
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", stores.database_url())
        .env("REDIS_URL", stores.redis_url())
        .env("FRONTROW_TOKEN_SECRET", SECRET)
        .envs(embedded::testing::stay_root())
        .env("FRONTROW_LOG", "warn")
        // No rate limits: all requests come from the one address of this machine.
        .envs([
            ("FRONTROW_LIMIT_LOG_INS", "0"),
            ("FRONTROW_LIMIT_SIGN_UPS", "0"),
            ("FRONTROW_LIMIT_REFRESHES", "0"),
            ("FRONTROW_LIMIT_JOINS", "0"),
            ("FRONTROW_LIMIT_ADDRESS_JOINS", "0"),
        ]);
    serve
}

impl Server {
    /// Starts the server and waits until it prints `… http://ADDRESS`.
    async fn start(mut command: Command) -> Result<Server> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.as_std().get_program()))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let announced = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once("http://") {
                    return Ok(address.trim().parse()?);
                }
            }
            anyhow::bail!("it ended before it served")
        };
        let address = tokio::time::timeout(PATIENCE, announced).await??;
        // Drains the remaining output, so that the server never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Server {
            address,
            process: child.id().context("it has ended")?,
            child,
        })
    }

    pub async fn stop(mut self) -> Result<()> {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.process as i32),
            nix::sys::signal::Signal::SIGTERM,
        )?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        ensure!(status.code() != Some(101), "a server broke down");
        Ok(())
    }
}
