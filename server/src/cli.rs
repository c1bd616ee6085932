//! The command line. Every setting is a flag and an environment variable; `--help` prints the defaults.

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::accounts::Role;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// Concert tickets, first come, first served, for when a hundred times more people arrive than there are tickets.
#[derive(Debug, Parser)]
#[command(name = "frontrow", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the site and issue the tickets, until Ctrl-C.
    ///
    /// Without DATABASE_URL and REDIS_URL it starts a PostgreSQL and a Redis of its own in the data directory and stops
    /// them when it stops. Any number of servers may share one pair.
    Serve(Serve),
    /// Bring the database's schema up to date and stop. `serve` does the same when it starts.
    Migrate(Stores),
    /// Check every promise from the stores alone: print what was counted, and exit with 1 and the rows that break one.
    ///
    /// May run beside servers that are selling. It finds the stores of a server that runs in the data directory by itself.
    Audit(Audit),
    /// Manage accounts from the command line.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub stores: Stores,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "FRONTROW_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Where visitors reach the site; with https, cookies are sent over https only [default: http:// and the address]
    #[arg(long, env = "FRONTROW_PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// The folder that holds the built style, scripts and images.
    #[arg(long, env = "LEPTOS_SITE_ROOT", default_value = "target/site")]
    pub site_root: PathBuf,
    /// For how long a batch that a server has claimed is kept for it, in milliseconds; if the server dies, the batch waits
    /// that long. Longer than any commit takes, and the same on all servers.
    #[arg(long, env = "FRONTROW_LEASE_MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub lease_ms: u64,
    /// How many people may watch their place through this server at once; whoever comes after them asks every few seconds.
    /// Each takes one open file.
    #[arg(long, env = "FRONTROW_MAX_STREAMS", default_value_t = 20_000)]
    pub max_streams: usize,
    /// Load demo concerts when there are none, make an admin, and let a simulated crowd queue.
    #[arg(long, env = "FRONTROW_DEMO", value_parser = BoolishValueParser::new())]
    pub demo: bool,
    /// What to log, in the syntax of tracing's EnvFilter.
    #[arg(long, env = "FRONTROW_LOG", default_value = "info,sqlx=warn")]
    pub log: String,
    /// Log JSON, one object a line.
    #[arg(long, env = "FRONTROW_LOG_JSON", value_parser = BoolishValueParser::new())]
    pub log_json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Stores {
    /// PostgreSQL to use, for example postgres://user:password@host/database; with REDIS_URL.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Redis to use, for example redis://host:6379, or a cluster by some of its nodes,
    /// redis-cluster://host:6379,host:6379; with DATABASE_URL.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// Put before every Redis key, so that several Frontrows can share one Redis.
    #[arg(long, env = "FRONTROW_REDIS_PREFIX", default_value = "")]
    pub redis_prefix: String,
    /// Where the server's own stores and secrets are kept [default: the user's data folder; /var/lib/frontrow for root]
    #[arg(long, env = "FRONTROW_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// At least 32 characters with which sessions are signed, the same on all servers. With stores of its own the server
    /// makes one up and keeps it in the data directory.
    #[arg(long, env = "FRONTROW_TOKEN_SECRET", hide_env_values = true)]
    pub token_secret: Option<String>,
}

#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    pub stores: Stores,
    /// The concert's id [default: all of them]
    pub concert: Option<i64>,
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make an account that may create concerts (organiser) or do everything (admin).
    Create(AdminCreate),
}

#[derive(Debug, Args)]
pub struct AdminCreate {
    #[command(flatten)]
    pub stores: Stores,
    /// What the person logs in with.
    #[arg(long)]
    pub account_name: String,
    #[arg(long)]
    pub email: String,
    #[arg(long, default_value = "Administrator")]
    pub name: String,
    /// What others see [default: the account's name]
    #[arg(long)]
    pub nickname: Option<String>,
    #[arg(long, value_enum, default_value = "admin")]
    pub role: GrantedRole,
    /// Generated and printed when it is not given.
    #[arg(long, env = "FRONTROW_ADMIN_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GrantedRole {
    User,
    Organiser,
    Admin,
}

impl From<GrantedRole> for Role {
    fn from(role: GrantedRole) -> Role {
        match role {
            GrantedRole::User => Role::User,
            GrantedRole::Organiser => Role::Organiser,
            GrantedRole::Admin => Role::Admin,
        }
    }
}
