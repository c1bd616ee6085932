//! Finding, starting and stopping other people's programs.

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// The user that PostgreSQL runs as when we are root, which it refuses to be.
pub fn unprivileged_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as"
    )
}

/// The path of a program on PATH or in one of `folders`.
pub fn find(name: &str, folders: &[PathBuf], package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            anyhow!("`{name}` is not installed: install {package}, or set DATABASE_URL and REDIS_URL to servers of your own")
        })
}

/// A child process in a process group of its own, so that Ctrl-C in a terminal reaches only us and we stop it in order.
pub struct Process {
    name: &'static str,
    child: Child,
    stop_signal: Signal,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`.
    pub fn start(
        name: &'static str,
        mut command: Command,
        stop_signal: Signal,
        log: &Path,
    ) -> Result<Process> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Process {
            name,
            child,
            stop_signal,
            log: log.to_owned(),
        })
    }

    /// An error with the end of the log when the process has ended by itself.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            bail!("{} ended with {status}: {}", self.name, tail.join(" | "));
        }
        Ok(())
    }

    /// Asks the process to stop and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        self.signal();
        self.child.wait().await?;
        Ok(())
    }

    fn signal(&self) {
        // No id: it has been waited for and is gone.
        if let Some(id) = self.child.id() {
            let _ = kill(Pid::from_raw(id as i32), self.stop_signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal();
    }
}
