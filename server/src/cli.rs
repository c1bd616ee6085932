//! The command line. Every setting is a flag and an environment variable; `--help` prints the
//! defaults.

use crate::trusted_proxies::TrustedProxies;
use clap::builder::{BoolishValueParser, RangedI64ValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::accounts::Role;
use model::rehearsals::{DEFAULT_SIGN_INS, LATEST_OPENING_S, MOST_PEOPLE, MOST_SIGN_INS};
use services::limits::Limits as Most;
use std::fmt;
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
    /// Practise a concert's sale on a copy of it: simulated people sign in, join, watch, leave and receive tickets, every
    /// promise is checked from the outside, and a report is written.
    ///
    /// For organisers: it needs a server that runs and an account that may edit the concert, and no store. Exits with 1
    /// when a promise was broken, and with 2 when that could not be found out. Ctrl-C ends it early, and takes it away.
    Rehearse(Rehearse),
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
    /// The proxies in front, whose X-Forwarded-For is believed: addresses and networks with commas between them, such as
    /// 10.0.0.0/8,192.0.2.7 [default: none]
    #[arg(
        long,
        env = "FRONTROW_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: TrustedProxies,
    #[command(flatten)]
    pub limits: Limits,
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

// No doc comment: clap would use it as the description of the command.
#[derive(Clone, Copy, Debug, Args)]
pub struct Limits {
    /// Log-ins a minute from one address, and as many at once; 0 for no limit. Behind the one address of a mobile network
    /// there are thousands of people: keep this and the next two generous.
    #[arg(long = "limit-log-ins", env = "FRONTROW_LIMIT_LOG_INS", value_name = "PER_MINUTE", default_value_t = Most::DEFAULT.log_ins, value_parser = a_minute())]
    pub log_ins: u32,
    /// Sign-ups a minute from one address, and as many at once; 0 for no limit.
    #[arg(long = "limit-sign-ups", env = "FRONTROW_LIMIT_SIGN_UPS", value_name = "PER_MINUTE", default_value_t = Most::DEFAULT.sign_ups, value_parser = a_minute())]
    pub sign_ups: u32,
    /// Sessions refreshed a minute from one address, and as many at once; 0 for no limit. One session may be refreshed 30
    /// times a minute in any case.
    #[arg(long = "limit-refreshes", env = "FRONTROW_LIMIT_REFRESHES", value_name = "PER_MINUTE", default_value_t = Most::DEFAULT.refreshes, value_parser = a_minute())]
    pub refreshes: u32,
    /// Joins a minute of one account, and as many at once; 0 for no limit. The first three on each server are not counted.
    #[arg(long = "limit-joins", env = "FRONTROW_LIMIT_JOINS", value_name = "PER_MINUTE", default_value_t = Most::DEFAULT.joins, value_parser = a_minute())]
    pub joins: u32,
    /// Joins a minute from one address, and as many at once; 0 for no limit. The people of a whole campus or mobile network come
    /// from one address in the second in which a sale opens. The first sixtieth of it on each server is not counted.
    #[arg(long = "limit-address-joins", env = "FRONTROW_LIMIT_ADDRESS_JOINS", value_name = "PER_MINUTE", default_value_t = Most::DEFAULT.address_joins, value_parser = a_minute())]
    pub address_joins: u32,
}

fn a_minute() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=1_000_000)
}

impl From<Limits> for Most {
    fn from(limits: Limits) -> Most {
        let Limits {
            log_ins,
            sign_ups,
            refreshes,
            joins,
            address_joins,
        } = limits;
        Most {
            log_ins,
            sign_ups,
            refreshes,
            joins,
            address_joins,
        }
    }
}

#[derive(Clone, Args)]
pub struct Stores {
    /// PostgreSQL to use, for example postgres://user:password@host/database; with REDIS_URL. What is said in an argument
    /// stands in `ps` and in the shell's history: say an address with a password, and a secret, by the environment.
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
    /// makes one up and keeps it in the data directory. By the environment: arguments stand in `ps`.
    #[arg(long, env = "FRONTROW_TOKEN_SECRET", hide_env_values = true)]
    pub token_secret: Option<String>,
    /// A second secret: what was signed with it is good, too. For changing the first one without logging anyone out
    /// (docs/operations.md).
    #[arg(long, env = "FRONTROW_OTHER_TOKEN_SECRET", hide_env_values = true)]
    pub other_token_secret: Option<String>,
    /// The account, by name or number, that it becomes when root starts it, once it has its port; `root` to stay root.
    /// [default: frontrow; if there is none, postgres with stores of its own (whose data belong to it), else nobody]
    #[arg(long, env = "FRONTROW_USER")]
    pub user: Option<String>,
}

/// Omits the secrets, and the addresses, which may contain passwords.
impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("redis_prefix", &self.redis_prefix)
            .field("data_dir", &self.data_dir)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    pub stores: Stores,
    /// The concert's id [default: all of them]
    pub concert: Option<i64>,
}

#[derive(Args)]
pub struct Rehearse {
    /// The server's own address; the only one that is contacted.
    #[arg(long, env = "FRONTROW_URL", default_value = "http://127.0.0.1:3000")]
    pub url: Url,
    /// Let --url lead to another machine than this one. Ask whoever runs it first: a rehearsal is a flood.
    #[arg(long)]
    pub not_only_loopback: bool,
    /// The concert's id. Its sale is copied; the concert itself is not touched.
    #[arg(long)]
    pub concert: i64,
    /// How many people come.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PEOPLE)))]
    pub people: u32,
    /// When they come: evenly, most at the opening, or as recorded in the file of --arrivals.
    #[arg(long, value_enum, default_value = "spike")]
    pub curve: CurveName,
    /// For --curve csv: one arrival a line, in seconds or as an instant, in the first column that has one.
    #[arg(long, required_if_eq("curve", "csv"))]
    pub arrivals: Option<PathBuf>,
    /// Seconds from the opening until everybody has come [default: 30, or as long as the recording]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub duration: Option<u32>,
    /// The share of people who leave again while they wait.
    #[arg(long, default_value_t = 0.1, value_parser = share)]
    pub leave: f64,
    /// The share of people who watch their place by event stream; the others ask every few seconds.
    #[arg(long, default_value_t = 1.0, value_parser = share)]
    pub watch: f64,
    /// How many people log in with a password before they join. The others have sessions from the beginning: hashing
    /// passwords for all would be all that is measured.
    #[arg(long, default_value_t = DEFAULT_SIGN_INS, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_SIGN_INS)))]
    pub sign_ins: u32,
    /// Seconds from when everybody is ready to the opening.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(LATEST_OPENING_S)))]
    pub opens_in: u32,
    /// Seconds after the opening after which it is over, whoever still waits. A rehearsal lives for two hours.
    #[arg(long, default_value_t = 1800, value_parser = clap::value_parser!(u32).range(1..=7000))]
    pub at_most: u32,
    /// With the same seed everybody does the same at the same moment.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder for report.html and report.json.
    #[arg(long, default_value = "rehearsal")]
    pub report: PathBuf,
    /// The organiser's access token, good for a quarter of an hour; for longer rehearsals give name and password. By the
    /// environment: arguments stand in `ps` and in the shell's history.
    #[arg(
        long,
        env = "FRONTROW_TOKEN",
        hide_env_values = true,
        conflicts_with = "account_name",
        required_unless_present = "account_name"
    )]
    pub token: Option<String>,
    /// What the organiser logs in with.
    #[arg(long, env = "FRONTROW_ACCOUNT_NAME")]
    pub account_name: Option<String>,
    /// The password. As an argument it is seen by whoever looks at `ps`, and kept in the shell's history: prefer
    /// --password-file, or the environment.
    #[arg(long, env = "FRONTROW_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// A file with the password in its first line, or - for standard input; wins over --password.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Omits token and password.
impl fmt::Debug for Rehearse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearse")
            .field("url", &self.url.as_str())
            .field("concert", &self.concert)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CurveName {
    Flat,
    Spike,
    Csv,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make an account that may create concerts (organiser) or do everything (admin).
    Create(AdminCreate),
}

#[derive(Args)]
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
    /// The password; generated and printed when none is given. As an argument it is seen by whoever looks at `ps`, and kept
    /// in the shell's history: prefer --password-file, or the environment.
    #[arg(long, env = "FRONTROW_ADMIN_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// A file with the password in its first line, or - for standard input; wins over --password.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Omits the password.
impl fmt::Debug for AdminCreate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminCreate")
            .field("account_name", &self.account_name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_does_not_print() {
        let stores = [
            "--database-url",
            "postgres://user:SEKRIT@host/db",
            "--redis-url",
            "redis://:SEKRIT@host",
            "--token-secret",
            "SEKRIT",
        ];
        let account = ["--account-name=a", "--email=b", "--password=SEKRIT"];
        for (command, more) in [
            (&["serve"][..], &[][..]),
            (&["migrate"], &[]),
            (&["audit"], &[]),
            (&["admin", "create"], &account),
        ] {
            let arguments = ["frontrow"]
                .iter()
                .chain(command)
                .chain(&stores)
                .chain(more);
            let printed = format!("{:?}", Cli::try_parse_from(arguments).unwrap());
            assert!(!printed.contains("SEKRIT"), "{printed}");
        }
        let rehearse = ["frontrow", "rehearse", "--concert=1", "--token=SEKRIT"];
        let printed = format!("{:?}", Cli::try_parse_from(rehearse).unwrap());
        assert!(!printed.contains("SEKRIT"), "{printed}");
    }
}
