//! Three servers over one PostgreSQL and one Redis, all started here. Each server has its own
//! proxies to the stores.

use crate::plan::{Plan, Process, SERVERS};
use crate::proxy::Proxy;
use crate::records;
use anyhow::{Context, Result, ensure};
use embedded::{Durability, Store, Stores};
use futures::{StreamExt, TryStreamExt, stream};
use model::accounts::Account;
use model::concerts::ConcertId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use services::limits::Limits;
use services::sessions::{self, Tokens};
use services::stores::Secret;
use services::{Client, Clock, Services, Settings};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "what all servers in the chaos sign with";
/// What a server prints to standard error when it reaches a fail point.
const REACHED: &str = "fail point reached: ";
/// Delay between attempts to start a server whose stores are down.
const TRY_AGAIN: Duration = Duration::from_millis(150);
/// Time-out for the return of all connections at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// A PostgreSQL cluster with the schema, made once and copied for every seed.
pub struct Template {
    dir: TempDir,
}

impl Template {
    pub async fn make() -> Result<Template> {
        let dir = embedded::testing::tempdir()?;
        let stores = Stores::start(dir.path(), Durability::Throwaway).await?;
        services::stores::migrate(stores.database_url()).await?;
        stores.stop().await?;
        Ok(Template { dir })
    }

    async fn copy_to(&self, dir: &Path) -> Result<()> {
        // With owners: PostgreSQL's files belong to another user when the harness runs as root.
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.dir.path().join("postgres"))
            .arg(dir.join("postgres"))
            .status()
            .await?;
        ensure!(copied.success(), "the template could not be copied");
        Ok(())
    }
}

/// The clock of a run: monotonic, in microseconds since the epoch, comparable with PostgreSQL's
/// commit times.
#[derive(Clone, Copy)]
pub struct Timeline {
    began: Instant,
    epoch: i64,
}

impl Timeline {
    fn start() -> Timeline {
        Timeline {
            began: Instant::now(),
            epoch: Clock::default().now().timestamp_micros(),
        }
    }

    pub fn now(&self) -> i64 {
        self.epoch + self.began.elapsed().as_micros() as i64
    }

    /// Waits for an instant of the run, counted from its start.
    pub async fn reach(&self, at: Duration) {
        tokio::time::sleep_until((self.began + at).into()).await;
    }
}

/// What PostgreSQL has lost: nothing from before `from`, and some or all between `from` and
/// `until`.
#[derive(Clone, Copy, Debug)]
pub struct Forgotten {
    pub from: i64,
    pub until: i64,
}

/// The events of a run in order, for diagnosing a broken promise.
#[derive(Clone)]
pub struct Diary(Arc<Mutex<File>>);

impl Diary {
    fn begin(path: &Path) -> Result<Diary> {
        Ok(Diary(Arc::new(Mutex::new(File::create(path)?))))
    }

    pub fn note(&self, what: impl fmt::Display) {
        let now = Clock::default().now().timestamp_micros();
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An error, such as a full disk, costs nothing but the line.
        let _ = writeln!(file, "{now} {what}");
    }
}

/// Everything that one seed runs in. Stopped by [`World::close`], killed on drop.
pub struct World {
    pub services: Services,
    pub stores: Stores,
    pub servers: Vec<Arc<Server>>,
    /// The logged-in accounts of each sale.
    pub people: Vec<Vec<(Account, Tokens)>>,
    /// Set when PostgreSQL is replaced by one without its last commits.
    pub forgot: watch::Sender<Option<Forgotten>>,
    pub diary: Diary,
    keepers: Vec<JoinHandle<()>>,
    healed: CancellationToken,
    stop: CancellationToken,
    dir: TempDir,
}

impl World {
    pub async fn start(template: &Template, plan: &Plan, frontrow: &Path) -> Result<World> {
        let dir = embedded::testing::tempdir()?;
        template.copy_to(dir.path()).await?;
        // `restore_command`: a standby is promoted without an archive.
        let settings = ["track_commit_timestamp=on", "restore_command=false"];
        let stores = Stores::start_with(dir.path(), Durability::Durable, &settings).await?;
        let services = Services::connect(Settings {
            database_url: stores.database_url().to_owned(),
            redis_url: stores.redis_url().to_owned(),
            redis_prefix: String::new(),
            token_secrets: vec![Secret::new(SECRET)],
            clock: Clock::default(),
            limits: Limits::NONE,
        })
        .await?;
        let site = dir.path().join("site");
        std::fs::create_dir(&site)?;

        let diary = Diary::begin(&dir.path().join("diary.log"))?;
        let (healed, stop) = (CancellationToken::new(), CancellationToken::new());
        let (mut servers, mut keepers) = (Vec::new(), Vec::new());
        for index in 0..SERVERS {
            let sockets = dir.path().join("run");
            let server = Arc::new(Server {
                index,
                to_redis: Proxy::start(sockets.join("redis.sock")).await?,
                to_postgres: Proxy::start(sockets.join(".s.PGSQL.5432")).await?,
                address: watch::Sender::new(None),
                process: watch::Sender::new(None),
                heard: Mutex::default(),
                diary: diary.clone(),
                log: dir.path().join(format!("server-{index}.log")),
                site: site.clone(),
                frontrow: frontrow.to_owned(),
                lease: plan.lease,
                clock_ahead_ms: plan.clocks_ahead_ms[index],
            });
            let processes = plan.processes[index].clone();
            let keeping = keep(server.clone(), processes, healed.clone(), stop.clone());
            keepers.push(tokio::spawn(keeping));
            servers.push(server);
        }
        let mut logged_in = log_in(&services, plan.people()).await?.into_iter();
        let people = plan
            .sales
            .iter()
            .map(|sale| logged_in.by_ref().take(sale.people.len()).collect());
        let people = people.collect();
        let world = World {
            services,
            stores,
            servers,
            people,
            forgot: watch::Sender::new(None),
            diary,
            keepers,
            healed,
            stop,
            dir,
        };
        for server in &world.servers {
            let up = server.address.subscribe();
            let up = async { up.clone().wait_for(Option::is_some).await.map(|_| ()) };
            tokio::time::timeout(Duration::from_secs(60), up)
                .await
                .with_context(|| format!("server {} did not start", server.index))??;
        }
        Ok(world)
    }

    /// Puts the concerts on sale. The run's clock starts here.
    pub async fn begin(&self, plan: &Plan) -> Result<(Vec<ConcertId>, Timeline)> {
        let db = &self.services.db;
        let mut concerts = Vec::new();
        for sale in &plan.sales {
            concerts.push(records::insert_concert(db, sale).await?);
        }
        let leaver = self.people[0][0].0.id;
        records::insert_left(db, concerts[0], leaver, plan.left_before).await?;
        let now = self.services.clock.now();
        for (sale, concert) in plan.sales.iter().zip(&concerts) {
            let opens_at = match sale.opens_in {
                Some(opens_in) => now + opens_in,
                None => now - Duration::from_secs(60),
            };
            records::put_on_sale(db, *concert, opens_at).await?;
        }
        Ok((concerts, Timeline::start()))
    }

    /// Heals every line; servers that start from now on arm no fail points.
    pub fn heal(&self) {
        self.healed.cancel();
        for server in &self.servers {
            server.line(Store::Redis).set(None);
            server.line(Store::Postgres).set(None);
        }
    }

    pub fn all_serve(&self) -> bool {
        self.servers.iter().all(|server| server.serves())
    }

    /// Stops everything and waits until it is gone. Returns the folder with the logs.
    pub async fn close(self) -> Result<TempDir> {
        self.stop.cancel();
        for keeper in self.keepers {
            keeper.await?;
        }
        // An interrupted task may hold a connection that is never returned.
        let _ = tokio::time::timeout(CLOSING, self.services.close()).await;
        self.stores.stop().await?;
        Ok(self.dir)
    }
}

async fn log_in(services: &Services, number: usize) -> Result<Vec<(Account, Tokens)>> {
    let accounts = records::insert_people(&services.db, number, services.clock.now()).await?;
    stream::iter(accounts)
        .map(async |account| {
            let tokens = sessions::open(
                services,
                &Client::new(Ipv4Addr::LOCALHOST.into(), "chaos"),
                &account,
            )
            .await?;
            Ok((account, tokens))
        })
        .buffered(16)
        .try_collect()
        .await
}

/// One of the three servers, across its processes.
pub struct Server {
    pub index: usize,
    to_redis: Proxy,
    to_postgres: Proxy,
    /// `None` while the server does not serve.
    address: watch::Sender<Option<SocketAddr>>,
    process: watch::Sender<Option<Running>>,
    heard: Mutex<Heard>,
    diary: Diary,
    log: PathBuf,
    site: PathBuf,
    frontrow: PathBuf,
    lease: Duration,
    clock_ahead_ms: i64,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    id: Pid,
    asleep: bool,
}

/// What is known about a server's processes.
#[derive(Clone, Default)]
pub struct Heard {
    /// `point=kill` or `point=stop`, in the order in which they were reached.
    pub points: Vec<String>,
    /// Events that must never happen.
    pub broken: Vec<String>,
}

impl Server {
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    pub fn line(&self, store: Store) -> &Proxy {
        match store {
            Store::Redis => &self.to_redis,
            Store::Postgres => &self.to_postgres,
        }
    }

    pub fn heard(&self) -> Heard {
        self.listen().clone()
    }

    fn listen(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn serves(&self) -> bool {
        self.address().is_some() && self.process.borrow().is_some_and(|process| !process.asleep)
    }

    /// Waits for a process that serves, but no longer than 2 s: its stores may be down.
    async fn up(&self) {
        let mut address = self.address.subscribe();
        let up = address.wait_for(Option::is_some);
        let _ = tokio::time::timeout(Duration::from_secs(2), up).await;
    }

    pub async fn kill(&self) {
        self.up().await;
        self.signal(Signal::SIGKILL);
    }

    /// Stops the process for `asleep`, unless it dies meanwhile.
    pub async fn stop_for(&self, asleep: Duration) {
        self.up().await;
        let Some(id) = self.process.borrow().map(|process| process.id) else {
            return;
        };
        self.signal(Signal::SIGSTOP);
        self.wake_after(id, asleep).await;
    }

    async fn wake_after(&self, id: Pid, asleep: Duration) {
        let set = |asleep: bool| {
            self.process.send_if_modified(|process| match process {
                Some(process) if process.id == id => {
                    process.asleep = asleep;
                    true
                }
                _ => false,
            })
        };
        set(true);
        tokio::time::sleep(asleep).await;
        if set(false) {
            self.signal(Signal::SIGCONT);
        }
    }

    fn note(&self, what: impl fmt::Display) {
        self.diary
            .note(format_args!("server {}: {what}", self.index));
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = *self.process.borrow() {
            self.note(format_args!("{signal}"));
            let _ = kill(process.id, signal);
        }
    }

    fn start(&self, armed: &str) -> Result<Child> {
        let postgres = self.to_postgres.address;
        Command::new(&self.frontrow)
            .args(["serve", "--listen", "127.0.0.1:0", "--lease-ms"])
            .arg(self.lease.as_millis().to_string())
            .env(
                "DATABASE_URL",
                format!("postgres://frontrow@{postgres}/frontrow?sslmode=disable"),
            )
            .env("REDIS_URL", format!("redis://{}", self.to_redis.address))
            .env("FRONTROW_REDIS_PREFIX", "")
            .env("FRONTROW_TOKEN_SECRET", SECRET)
            .envs(embedded::testing::stay_root())
            .env("LEPTOS_SITE_ROOT", &self.site)
            .env("FRONTROW_FAILPOINTS", armed)
            .env("FRONTROW_CLOCK_AHEAD_MS", self.clock_ahead_ms.to_string())
            .env("FRONTROW_LOG", "info,sqlx=warn")
            // All clients share the one address of this machine.
            .envs([
                ("FRONTROW_LIMIT_LOG_INS", "0"),
                ("FRONTROW_LIMIT_SIGN_UPS", "0"),
                ("FRONTROW_LIMIT_REFRESHES", "0"),
                ("FRONTROW_LIMIT_JOINS", "0"),
                ("FRONTROW_LIMIT_ADDRESS_JOINS", "0"),
            ])
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches only the harness, which stops the server.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.frontrow.display()))
    }
}

/// Keeps a server running: when a process dies, the next one is started, until `stop`.
async fn keep(
    server: Arc<Server>,
    processes: Vec<Process>,
    healed: CancellationToken,
    stop: CancellationToken,
) {
    let mut processes = processes.into_iter().peekable();
    loop {
        if healed.is_cancelled() {
            processes = Vec::new().into_iter().peekable();
        }
        let armed = processes
            .peek()
            .map(ToString::to_string)
            .unwrap_or_default();
        let (sleep, away) = processes.peek().map_or((TRY_AGAIN, TRY_AGAIN), |process| {
            (process.sleep, process.away)
        });
        let served = tokio::select! {
            served = live(&server, &armed, sleep) => served,
            () = stop.cancelled() => break,
        };
        server.process.send_replace(None);
        server.address.send_replace(None);
        let pause = match served {
            Ok(true) => {
                processes.next();
                away
            }
            Ok(false) => TRY_AGAIN,
            Err(error) => {
                server
                    .listen()
                    .broken
                    .push(format!("server {}: {error:#}", server.index));
                TRY_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => break,
        }
    }
    server.process.send_replace(None);
    server.address.send_replace(None);
}

/// Runs one process from start to end. Returns whether it ever served; it may not if a store is
/// down.
async fn live(server: &Arc<Server>, armed: &str, sleep: Duration) -> Result<bool> {
    let mut child = server.start(armed)?;
    let id = Pid::from_raw(child.id().context("it has ended already")? as i32);
    server
        .process
        .send_replace(Some(Running { id, asleep: false }));
    let log = child.stderr.take().context("its standard error")?;
    // Lines from just before the process died are still read afterwards.
    let reading = tokio::spawn(read_log(server.clone(), id, log, sleep));
    let mut said = BufReader::new(child.stdout.take().context("its output")?).lines();
    while let Ok(Some(line)) = said.next_line().await {
        if let Some((_, url)) = line.split_once("Frontrow is at http://") {
            server.address.send_replace(Some(url.trim().parse()?));
            server.note(format_args!("serves at {url} with {armed:?}"));
        }
    }
    let status = child.wait().await?;
    server.note(format_args!("ended with {status}"));
    reading.await?;
    let served = server.address().is_some();
    let killed = status.signal() == Some(Signal::SIGKILL as i32);
    ensure!(killed || !served, "ended by itself with {status}");
    Ok(served)
}

async fn read_log(server: Arc<Server>, id: Pid, log: impl AsyncRead + Unpin, sleep: Duration) {
    let file = File::options().create(true).append(true).open(&server.log);
    let (mut file, mut lines) = (file.ok(), BufReader::new(log).lines());
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = &mut file {
            let _ = writeln!(file, "{line}");
        }
        if let Some(point) = line.strip_prefix(REACHED) {
            server.note(line.as_str());
            server.listen().points.push(point.to_owned());
            if point.ends_with("=stop") {
                let server = server.clone();
                tokio::spawn(async move { server.wake_after(id, sleep).await });
            }
        } else if line.contains("panicked at") {
            server
                .listen()
                .broken
                .push(format!("server {}: {line}", server.index));
        }
    }
}
