use crate::account::Account;
use crate::program::{self, Program, Running, Starting};
use crate::{Durability, Place, folder};
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use sqlx::{Connection, PgConnection};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

const PACKAGE: &str = "PostgreSQL (Debian and Ubuntu: postgresql; Homebrew: postgresql@17)";
pub const DATABASE: &str = "frontrow";

pub struct Postgres {
    pub process: Running,
    pub url: String,
    pub data: PathBuf,
}

impl Postgres {
    pub async fn start(
        place: Place<'_>,
        durability: Durability,
        settings: &[&str],
    ) -> Result<Postgres> {
        let Place {
            dir,
            sockets,
            account,
        } = place;
        let data = dir.join("postgres");
        let programs = Programs::find(account)?;
        programs.initialise(&data).await?;
        programs.stop_leftover(&data).await?;

        let (log, data_dir, socket_dir) =
            (dir.join("postgres.log"), data.clone(), sockets.to_owned());
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let command = Box::new(move || {
            let mut command = programs.command(&programs.postgres);
            command.arg("-D").arg(&data_dir).arg("-k").arg(&socket_dir);
            for setting in [
                "listen_addresses=",
                "unix_socket_permissions=0700",
                "max_connections=200",
                "timezone=UTC",
            ] {
                command.args(["-c", setting]);
            }
            for setting in &settings {
                command.arg("-c").arg(setting);
            }
            if durability == Durability::Throwaway {
                command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
            }
            Ok(command)
        });
        let program = Program {
            name: "postgres",
            command,
            stop_signal: Signal::SIGINT,
            patience: program::PATIENCE,
            log,
        };
        let mut starting = Starting::new(program)?;
        wait_until_ready(&mut starting, sockets).await?;
        Ok(Postgres {
            process: starting.keep_running(),
            url: url(sockets, DATABASE),
            data,
        })
    }
}

struct Programs {
    postgres: PathBuf,
    initdb: PathBuf,
    pg_ctl: PathBuf,
    /// The account that runs them, or `None` for that of this process.
    account: Option<Account>,
}

impl Programs {
    fn find(account: Option<&Account>) -> Result<Programs> {
        let folders = folders();
        let find = |name| program::find(name, &folders, PACKAGE);
        Ok(Programs {
            postgres: find("postgres")?,
            initdb: find("initdb")?,
            pg_ctl: find("pg_ctl")?,
            account: account.cloned(),
        })
    }

    fn command(&self, program: &Path) -> Command {
        program::command(program, self.account.as_ref())
    }

    async fn initialise(&self, data: &Path) -> Result<()> {
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        // Initialised in a folder beside it, which is then renamed: an interrupted first start
        // leaves no directory that looks complete.
        let unfinished = data.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        folder::own(&unfinished, self.account.as_ref())?;
        let mut initdb = self.command(&self.initdb);
        initdb.arg("-D").arg(&unfinished).args([
            "--username=frontrow",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        ]);
        let output = initdb.output().await.context("cannot start initdb")?;
        if !output.status.success() {
            bail!(
                "initdb could not make {}: {} (the account that runs PostgreSQL has to be able to reach the directory)",
                data.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(fs::rename(&unfinished, data)?)
    }

    /// Stops a server left over from a killed `frontrow`.
    async fn stop_leftover(&self, data: &Path) -> Result<()> {
        if !data.join("postmaster.pid").exists() {
            return Ok(());
        }
        let mut status = self.command(&self.pg_ctl);
        if status
            .arg("-D")
            .arg(data)
            .arg("status")
            .output()
            .await?
            .status
            .success()
        {
            let mut stop = self.command(&self.pg_ctl);
            stop.arg("-D")
                .arg(data)
                .args(["stop", "--mode=fast", "--wait"])
                .output()
                .await?;
        }
        Ok(())
    }
}

/// Returns the folders in which packages install the programs outside PATH, newest version first.
fn folders() -> Vec<PathBuf> {
    let versions = |parent: &str, prefix: &str| -> Vec<PathBuf> {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = name.strip_prefix(prefix)?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found.into_iter().map(|(_, path)| path).collect()
    };
    [
        versions("/usr/lib/postgresql", ""),
        versions("/usr", "pgsql-"),
        versions("/opt/homebrew/opt", "postgresql@"),
        versions("/usr/local/opt", "postgresql@"),
    ]
    .concat()
}

pub fn url(sockets: &Path, database: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("host", &sockets.to_string_lossy())
        .append_pair("user", "frontrow")
        .finish();
    format!("postgres:///{database}?{query}")
}

async fn wait_until_ready(process: &mut Starting, sockets: &Path) -> Result<()> {
    let patience = Duration::from_secs(60);
    let began = Instant::now();
    let mut connection = loop {
        process.check_running()?;
        match PgConnection::connect(&url(sockets, "postgres")).await {
            Ok(connection) => break connection,
            Err(error) if began.elapsed() > patience => {
                return Err(error).context("PostgreSQL did not answer within a minute");
            }
            // The only sign that PostgreSQL is ready is that it answers.
            Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    };
    let known: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut connection)
            .await?;
    if !known {
        sqlx::query("CREATE DATABASE frontrow")
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}
