//! `frontrow serve`.

use crate::admin;
use crate::cli;
use crate::connections::{self, PerAddress};
use crate::reach::Held;
use crate::router;
use crate::state::{AppState, Shared};
use crate::stores::{Opening, Sharing, Stores};
use anyhow::{Context, Result, bail};
use app::queue::Seats;
use app::settings::Settings;
use axum::serve::ListenerExt;
use embedded::account::Account;
use leptos::config::LeptosOptions;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use nix::unistd::Uid;
use services::{background, demo};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// One network may hold at most this fraction (1/n) of all connections.
const CONNECTIONS_SHARE: usize = 4;
/// Lower bound on the connections of one network: a few browsers in one household.
const LEAST_CONNECTIONS: usize = 64;

/// Time that requests in progress may still take when the server stops.
const GRACE: Duration = Duration::from_secs(5);

pub async fn run(options: cli::Serve) -> Result<()> {
    start_logging(&options)?;
    if !options.site_root.is_dir() {
        bail!(
            "LEPTOS_SITE_ROOT is missing: there is no folder {} (build with `make run`)",
            options.site_root.display()
        );
    }
    let opening = Opening::check(options.stores.clone())?;
    // First of all the port: one that is taken is reported before anything is started, and some
    // ports need root.
    let listener = connections::listen(options.listen)
        .with_context(|| format!("FRONTROW_LISTEN: cannot listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    // From here on Ctrl-C stops the server in order.
    let stop = stop_on_signal()?;
    let site = Site::hold(&options.site_root);
    let (demo, own) = (options.demo, opening.has_own());
    let demo_password = |dir: &Path| demo.then(|| admin::demo_password(dir)).transpose();
    // Without embedded stores, root owns the data directory.
    let kept_by_root = match own {
        true => None,
        false => demo_password(opening.data_dir())?,
    };
    let account = opening.step_down()?;
    let site = site.within_reach()?;
    if own {
        say("Starting PostgreSQL and Redis …");
    }
    let stores = opening.open(Sharing::No, options.limits.into()).await?;
    // Not earlier: an invalid setting is reported as one line, and the only one.
    connections::log_backlog();
    log_account(&options, account.as_ref());
    let demo_password = match own {
        true => demo_password(&stores.data_dir)?,
        false => kept_by_root,
    };
    let served = serve(
        &options,
        &stores,
        &site,
        demo_password,
        listener,
        address,
        stop,
    )
    .await;
    let closed = stores.close().await;
    say("Stopped.");
    served.and(closed)
}

async fn serve(
    options: &cli::Serve,
    stores: &Stores,
    site: &Site<PathBuf>,
    demo_password: Option<String>,
    listener: TcpListener,
    address: SocketAddr,
    stop: Stop,
) -> Result<()> {
    let Stop { asked: stop, hurry } = stop;
    let services = stores.services.clone();
    spare_memory();
    let settings = settings(options, address);
    let most_streams = most_streams()?;
    let seats = Seats::new(options.max_streams.min(most_streams));
    let per_address = PerAddress::new(
        (most_streams / CONNECTIONS_SHARE).max(LEAST_CONNECTIONS),
        options.trusted_proxies.clone(),
    );
    let mut login = None;
    if let Some(password) = demo_password {
        let made = demo::load(&services).await?;
        if made > 0 {
            say(&format!("Loaded {made} demo concerts."));
        }
        login = Some(admin::demo(&services, password).await?);
    }
    let scheduler = tokio::spawn(background::run(
        services.clone(),
        Duration::from_millis(options.lease_ms),
        stop.clone(),
    ));
    let crowd = options
        .demo
        .then(|| tokio::spawn(demo::run_crowd(services.clone(), stop.clone())));

    let state = AppState::new(Shared {
        leptos_options: leptos_options(site, address),
        services,
        settings,
        trusted_proxies: options.trusted_proxies.clone(),
        stop: stop.clone(),
        seats,
    });
    announce(&state.settings.public_url, login, &stores.data_dir);
    let serving = connections::serve(
        listener.tap_io(give_up_in_time),
        router::app(state),
        connections::PATIENCE,
        per_address,
        stop.clone(),
    );
    let grace = async {
        stop.cancelled().await;
        tokio::select! {
            () = tokio::time::sleep(GRACE) => {}
            () = hurry.cancelled() => {}
        }
    };
    tokio::select! {
        () = serving => {}
        () = grace => {}
    }
    // A claimed batch is finished before the stores stop.
    scheduler.await?;
    if let Some(crowd) = crowd {
        crowd.await?;
    }
    Ok(())
}

/// Disables huge pages: each stream has buffers of which it uses a small part, so the waste should
/// be at most the rest of a page of 4 KB, not of 2 MB.
#[cfg(target_os = "linux")]
fn spare_memory() {
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "huge pages cannot be turned off");
    }
}

#[cfg(not(target_os = "linux"))]
fn spare_memory() {}

/// Open files besides those of streams: connections of short requests, stores, pages.
const OTHER_FILES: u64 = 1_000;

/// Raises the limit of open files as far as possible, and returns the number of streams that it
/// allows.
fn most_streams() -> Result<usize> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit of open files")?;
    // macOS reports no limit and then refuses to set it.
    let most = most.min(1 << 20);
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit of open files")?;
    Ok(files.saturating_sub(OTHER_FILES.min(files / 2)) as usize)
}

/// Time-out for a client to acknowledge sent data, whether it is slow or gone without closing.
#[cfg(target_os = "linux")]
const STALLED: Duration = Duration::from_secs(30);

/// Limits how long unread data of a stalled client is held. The client catches up when it
/// reconnects.
fn give_up_in_time(connection: &mut TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = setsockopt(connection, TcpUserTimeout, &(STALLED.as_millis() as u32)) {
        tracing::debug!(%error, "a connection without a time limit");
    }
    // A tick is small and must not wait for the next one.
    let _ = connection.set_nodelay(true);
}

fn settings(options: &cli::Serve, address: SocketAddr) -> Settings {
    let public_url = match &options.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    };
    Settings {
        secure: public_url.starts_with("https://"),
        public_url,
    }
}

/// Folders from which pages are served.
struct Site<Folder> {
    root: Folder,
    /// The program's own folder if it contains the names of the hashed files; without them, files
    /// have plain names.
    hashes: Option<Folder>,
}

/// File with these names, written beside the program by site/build.mjs.
const HASHES: &str = "hash.txt";

impl Site<Held> {
    /// Opens the folders. Must be called before the process changes its account.
    fn hold(root: &Path) -> Site<Held> {
        let program = std::env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent);
        Site {
            root: Held::open(root.to_owned()),
            hashes: beside
                .filter(|folder| folder.join(HASHES).exists())
                .map(|folder| Held::open(folder.to_owned())),
        }
    }

    /// Resolves their paths. Must be called after the process has changed its account.
    fn within_reach(self) -> Result<Site<PathBuf>> {
        Ok(Site {
            root: self.root.within_reach()?,
            hashes: self.hashes.map(Held::within_reach).transpose()?,
        })
    }
}

fn leptos_options(site: &Site<PathBuf>, address: SocketAddr) -> LeptosOptions {
    let hashes = site.hashes.as_ref().map(|folder| folder.join(HASHES));
    let hash_file = hashes.as_deref().unwrap_or(Path::new(HASHES));
    LeptosOptions::builder()
        .output_name("frontrow")
        .site_root(Arc::<str>::from(site.root.to_string_lossy()))
        .site_pkg_dir("pkg")
        .site_addr(address)
        .reload_port(3001)
        .env(if std::env::var_os("LEPTOS_WATCH").is_some() {
            leptos::config::Env::DEV
        } else {
            leptos::config::Env::PROD
        })
        .hash_file(Arc::<str>::from(hash_file.to_string_lossy()))
        .hash_files(hashes.is_some())
        .build()
}

fn announce(public_url: &str, login: Option<(String, String)>, data_dir: &Path) {
    say(&format!("\n  Frontrow is at {public_url}\n"));
    if let Some((name, password)) = login {
        say(&format!(
            "  Log in as {name} with the password {password} to create concerts."
        ));
        say(&format!(
            "  (Kept in {}.)",
            data_dir.join("demo-admin-password").display()
        ));
        say(
            "  A simulated crowd is queueing for the concert that sells now: sign up, join, and watch your place fall.",
        );
    }
    say("  Ctrl-C stops everything.\n");
}

fn say(line: &str) {
    // Output may be closed, which is no reason to stop serving.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn log_account(options: &cli::Serve, account: Option<&Account>) {
    match account {
        Some(account) => tracing::info!(%account, "stepped down from root"),
        None if Uid::effective().is_root() && options.stores.user.is_none() => {
            tracing::warn!(
                "running as root: there is no account to step down to; name one with --user"
            );
        }
        None => {}
    }
}

fn start_logging(options: &cli::Serve) -> Result<()> {
    let mut filter = EnvFilter::try_new(&options.log).context("FRONTROW_LOG")?;
    if Uid::effective().is_root() {
        // The account that root steps down to cannot read root's ~/.pgpass, and need not.
        filter = filter.add_directive("sqlx_postgres::options::pgpass=error".parse()?);
    }
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if options.log_json {
        logging.json().init()
    } else {
        logging.init()
    }
    Ok(())
}

/// The two stages of stopping.
#[derive(Clone)]
struct Stop {
    /// Cancelled by the first Ctrl-C, SIGTERM or SIGHUP.
    asked: CancellationToken,
    /// Cancelled by the second: requests in progress are aborted; the stores still stop in order.
    hurry: CancellationToken,
}

fn stop_on_signal() -> Result<Stop> {
    let stop = Stop {
        asked: CancellationToken::new(),
        hurry: CancellationToken::new(),
    };
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    for kind in kinds {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if stop.asked.is_cancelled() {
                    stop.hurry.cancel();
                }
                stop.asked.cancel();
            }
        });
    }
    Ok(stop)
}
