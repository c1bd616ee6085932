//! Finds, starts, supervises and stops external programs.

use crate::account::Account;
use crate::folder;
use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time-out for a program to stop. Longer than a checkpoint usually takes.
pub const PATIENCE: Duration = Duration::from_secs(15);
const RESTART_PAUSE: Duration = Duration::from_millis(300);

/// Environment variables that programs inherit: the search paths of programs and libraries, the
/// locale and the time zone. All others are withheld: they may be secret (addresses of stores,
/// passwords, keys) or have an unintended meaning for PostgreSQL.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "LANG",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LOCALE_ARCHIVE",
    // `make test` finds processes that were left running by it.
    "FRONTROW_TEST_RUN",
];

/// Builds the command to run the program as `account`, in a world-readable working directory and
/// without secrets in its environment.
pub fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    let passed_on = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        PASSED_ON.contains(&name.as_ref()) || name.starts_with("LC_")
    });
    command.env_clear().envs(passed_on).current_dir("/");
    if let Some(account) = account {
        // The standard library also drops root's supplementary groups when it sets the user.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    command
}

/// Returns the path of a program on PATH or in one of `folders`.
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

/// How to start a program and how to stop it.
pub struct Program {
    pub name: &'static str,
    pub command: Box<dyn Fn() -> Result<Command> + Send + Sync>,
    pub stop_signal: Signal,
    /// Time-out for it to exit.
    pub patience: Duration,
    /// File that receives the output of the program.
    pub log: PathBuf,
}

impl Program {
    /// Spawns the program in a process group of its own, so that Ctrl-C in a terminal reaches only
    /// this process, which then stops the program in order.
    fn spawn(&self) -> Result<Child> {
        let output = folder::open_file(&self.log)?;
        (self.command)()?
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))
    }
}

/// A program that has been started and may not be ready yet.
pub struct Starting {
    program: Program,
    child: Child,
}

impl Starting {
    pub fn new(program: Program) -> Result<Starting> {
        let child = program.spawn()?;
        Ok(Starting { program, child })
    }

    /// Returns an error with the end of the log if the process has exited.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.program.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(5)..].join(" | ");
            bail!("{} ended with {status}: {tail}", self.program.name);
        }
        Ok(())
    }

    /// Supervises the program from now on: it is restarted when it dies, until it is stopped.
    pub fn keep_running(self) -> Running {
        let id = Arc::new(AtomicU32::new(self.child.id().unwrap_or_default()));
        let (stop, stop_signal) = (CancellationToken::new(), self.program.stop_signal);
        let (interruptions, asked) = mpsc::channel(1);
        let task = tokio::spawn(supervise(
            self.program,
            self.child,
            id.clone(),
            stop.clone(),
            asked,
        ));
        Running {
            id,
            stop,
            interruptions,
            stop_signal,
            task: Some(task),
        }
    }
}

/// A supervised program. On drop it is signalled to stop.
pub struct Running {
    /// Process id; 0 while there is no process.
    id: Arc<AtomicU32>,
    stop: CancellationToken,
    interruptions: mpsc::Sender<Interruption>,
    stop_signal: Signal,
    task: Option<JoinHandle<()>>,
}

/// Request to end the process and to restart it after `meanwhile`.
struct Interruption {
    signal: Signal,
    meanwhile: Pin<Box<dyn Future<Output = ()> + Send>>,
    started: oneshot::Sender<()>,
}

impl Running {
    /// Ends the process with a signal, waits until it has exited, runs `meanwhile`, and restarts
    /// it.
    ///
    /// Returns once the new process has been started; it may not be ready yet.
    pub async fn interrupt(
        &self,
        signal: Signal,
        meanwhile: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let (started, has_started) = oneshot::channel();
        let interruption = Interruption {
            signal,
            meanwhile: Box::pin(meanwhile),
            started,
        };
        let stopped = || anyhow!("the program is being stopped");
        self.interruptions
            .send(interruption)
            .await
            .map_err(|_| stopped())?;
        has_started.await.map_err(|_| stopped())
    }

    /// Signals the process to stop and waits until it has exited.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await?;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        // The supervisor may never run again: the runtime itself may be shutting down.
        signal(self.id.load(Ordering::Relaxed), self.stop_signal);
    }
}

async fn supervise(
    program: Program,
    mut child: Child,
    id: Arc<AtomicU32>,
    stop: CancellationToken,
    mut interruptions: mpsc::Receiver<Interruption>,
) {
    loop {
        let mut started = None;
        tokio::select! {
            status = child.wait() => {
                id.store(0, Ordering::Relaxed);
                tracing::error!(program = program.name, ?status, "ended by itself and is started again");
            }
            // `recv` returns `None` once the handle is dropped, which also cancels `stop`.
            Some(interruption) = interruptions.recv() => {
                end(&program, &mut child, &id, interruption.signal).await;
                tokio::select! {
                    () = interruption.meanwhile => {}
                    () = stop.cancelled() => return,
                }
                started = Some(interruption.started);
            }
            () = stop.cancelled() => {
                end(&program, &mut child, &id, program.stop_signal).await;
                return;
            }
        }
        // After an interruption there is no delay: `meanwhile` was it.
        let mut at_once = started.is_some();
        child = loop {
            if !std::mem::take(&mut at_once) {
                tokio::select! {
                    // The resources of the dead process (a socket, shared memory) may take a moment
                    // to be released.
                    () = tokio::time::sleep(RESTART_PAUSE) => {}
                    () = stop.cancelled() => return,
                }
            }
            match program.spawn() {
                Ok(child) => break child,
                Err(error) => {
                    tracing::error!(program = program.name, %error, "cannot be started again")
                }
            }
        };
        id.store(child.id().unwrap_or_default(), Ordering::Relaxed);
        if let Some(started) = started {
            // The caller may have been dropped.
            let _ = started.send(());
        }
    }
}

/// Sends the signal and waits until the process has exited. PostgreSQL loses a signal that arrives
/// in the first moments after its start, and then ignores all others but SIGKILL; so a process that
/// does not exit in time is killed.
async fn end(program: &Program, child: &mut Child, id: &AtomicU32, with: Signal) {
    signal(id.load(Ordering::Relaxed), with);
    if tokio::time::timeout(program.patience, child.wait())
        .await
        .is_err()
    {
        tracing::warn!(program = program.name, "does not stop, and is killed");
        signal(id.load(Ordering::Relaxed), Signal::SIGKILL);
    }
    if let Err(error) = child.wait().await {
        tracing::warn!(program = program.name, %error, "could not be waited for");
    }
    id.store(0, Ordering::Relaxed);
}

/// Sends a signal, or does nothing if there is no process.
fn signal(id: u32, signal: Signal) {
    if id != 0 {
        let _ = kill(Pid::from_raw(id as i32), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_ignores_its_stop_signal_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let script = format!(
            "trap '' TERM; touch {}; while :; do sleep 0.05; done",
            ready.display()
        );
        let program = Program {
            name: "sh",
            command: Box::new(move || {
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                Ok(command)
            }),
            stop_signal: Signal::SIGTERM,
            patience: Duration::from_millis(200),
            log: dir.path().join("log"),
        };
        let running = Starting::new(program).unwrap().keep_running();
        while !ready.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.stop().await.unwrap();
    }
}
