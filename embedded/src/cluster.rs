//! A Redis Cluster of three masters without replicas, for tests.
//!
//! Nodes of a cluster find each other over TCP, so these listen on free ports of the loopback
//! address.

use crate::account::Account;
use crate::folder;
use crate::program::{self, Program, Running, Starting};
use crate::redis::PACKAGE;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use redis::aio::MultiplexedConnection;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// A cluster whose data does not survive. Masters that die are restarted, empty and at the same
/// address; the others continue in the meantime. Stopped by [`Cluster::stop`]; on drop, the
/// processes are signalled to stop.
pub struct Cluster {
    masters: Vec<Master>,
    url: String,
}

struct Master {
    process: Running,
    port: u16,
}

impl Cluster {
    /// Starts the masters in `dir`, which must exist, and waits until together they serve all
    /// slots.
    pub async fn start(dir: &Path) -> Result<Cluster> {
        let program = program::find("redis-server", &[], PACKAGE)?;
        let account = match Uid::effective().is_root() {
            true => Some(Account::of_data(dir)?),
            false => None,
        };
        let dir = folder::prepare(dir, account.as_ref())?;
        // All ports are bound before any is released, so that they differ. Each master needs a
        // second one for the cluster bus.
        let free = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listeners: Vec<TcpListener> = (0..2 * MASTERS).map(free).collect::<Result<_, _>>()?;
        let ports: Vec<u16> = listeners
            .iter()
            .map(|listener| Ok(listener.local_addr()?.port()))
            .collect::<Result<_>>()?;
        drop(listeners);

        let mut masters = Vec::new();
        for pair in ports.chunks_exact(2) {
            masters.push(Master::start(&program, &dir, account.clone(), pair[0], pair[1]).await?);
        }
        let mut first = connect(ports[0]).await?;
        for (index, pair) in ports.chunks_exact(2).enumerate() {
            let mut master = connect(pair[0]).await?;
            redis::cmd("CLUSTER")
                .arg("ADDSLOTSRANGE")
                .arg(index * SLOTS / MASTERS)
                .arg((index + 1) * SLOTS / MASTERS - 1)
                .exec_async(&mut master)
                .await?;
            // Distinct epochs: otherwise the nodes would have to resolve the conflict first.
            redis::cmd("CLUSTER")
                .arg("SET-CONFIG-EPOCH")
                .arg(index + 1)
                .exec_async(&mut master)
                .await?;
            if index > 0 {
                redis::cmd("CLUSTER")
                    .arg("MEET")
                    .arg("127.0.0.1")
                    .arg(pair[0])
                    .arg(pair[1])
                    .exec_async(&mut first)
                    .await?;
            }
        }
        let hosts: Vec<String> = masters
            .iter()
            .map(|master| format!("127.0.0.1:{}", master.port))
            .collect();
        let cluster = Cluster {
            masters,
            url: format!("redis-cluster://{}", hosts.join(",")),
        };
        cluster.wait_until_whole().await?;
        Ok(cluster)
    }

    /// Value for `REDIS_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of each master as a single Redis.
    pub fn masters(&self) -> Vec<String> {
        self.masters.iter().map(|master| url(master.port)).collect()
    }

    /// Kills a master as a power failure would. It is restarted at once.
    pub async fn kill(&self, master: usize) -> Result<()> {
        let mut connection = connect(self.masters[master].port).await?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let id = info
            .lines()
            .find_map(|line| line.strip_prefix("process_id:"))
            .context("Redis does not say which process it is")?;
        kill(Pid::from_raw(id.trim().parse()?), Signal::SIGKILL)?;
        Ok(())
    }

    /// Waits until every master reports that all slots are served.
    pub async fn wait_until_whole(&self) -> Result<()> {
        let patience = Duration::from_secs(60);
        let began = Instant::now();
        for master in &self.masters {
            while !is_whole(master.port).await {
                ensure!(
                    began.elapsed() < patience,
                    "the cluster was not whole within a minute"
                );
                // Nodes gossip ten times a second, and do not notify clients of the result.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Stops all masters and waits until they have exited.
    pub async fn stop(self) -> Result<()> {
        for master in self.masters {
            master.process.stop().await?;
        }
        Ok(())
    }
}

impl Master {
    async fn start(
        program: &Path,
        dir: &Path,
        account: Option<Account>,
        port: u16,
        bus_port: u16,
    ) -> Result<Master> {
        let data = dir.join(format!("redis-{port}"));
        folder::own(&data, account.as_ref())?;
        let log = dir.join(format!("redis-{port}.log"));
        let program = program.to_owned();
        let command = Box::new(move || {
            let mut command = program::command(&program, account.as_ref());
            command
                .args(["--bind", "127.0.0.1", "--daemonize", "no"])
                .args(["--save", "", "--appendonly", "no"])
                .args([
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "15000",
                ])
                .args(["--cluster-require-full-coverage", "no"])
                .args(["--port", &port.to_string()])
                .args(["--cluster-port", &bus_port.to_string()])
                .arg("--dir")
                .arg(&data);
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
        crate::redis::wait_until_ready(&mut starting, &url(port)).await?;
        Ok(Master {
            process: starting.keep_running(),
            port,
        })
    }
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

async fn connect(port: u16) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url(port))?
        .get_multiplexed_async_connection()
        .await
}

async fn is_whole(port: u16) -> bool {
    let info = async {
        let mut master = connect(port).await?;
        redis::cmd("CLUSTER")
            .arg("INFO")
            .query_async::<String>(&mut master)
            .await
    };
    info.await.is_ok_and(|info| {
        let all = format!("cluster_slots_ok:{SLOTS}");
        info.lines().any(|line| line == "cluster_state:ok")
            && info.lines().any(|line| line == all)
            && info
                .lines()
                .any(|line| line == format!("cluster_known_nodes:{MASTERS}"))
    })
}
