//! Finding, starting and stopping other people's programs.

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

/// Longer than a checkpoint usually takes.
pub const PATIENCE: Duration = Duration::from_secs(15);
const RESTART_PAUSE: Duration = Duration::from_millis(300);

/// What a program is told by its environment: where to find programs and libraries, and in which language and time to speak.
/// All else may be secret (addresses of stores, passwords, keys), or mean something to PostgreSQL that was not meant for it.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "LANG",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LOCALE_ARCHIVE",
    // By which `make test` finds what was left running.
    "FRONTROW_TEST_RUN",
];

/// The program, to be run by the account, in a world-readable working directory, and with none of our secrets.
pub fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    let passed_on = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        PASSED_ON.contains(&name.as_ref()) || name.starts_with("LC_")
    });
    command.env_clear().envs(passed_on).current_dir("/");
    if let Some(account) = account {
        // Without root's groups: the standard library drops them together with the user.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    command
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

/// How a program is started, and asked to stop.
pub struct Program {
    pub name: &'static str,
    pub command: Box<dyn Fn() -> Result<Command> + Send + Sync>,
    pub stop_signal: Signal,
    /// How long it may take to end.
    pub patience: Duration,
    /// Takes what the program prints.
    pub log: PathBuf,
}

impl Program {
    /// In a process group of its own, so that Ctrl-C in a terminal reaches only us and we stop it in order.
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

    /// An error with the end of the log when the process has ended by itself.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.program.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(5)..].join(" | ");
            bail!("{} ended with {status}: {tail}", self.program.name);
        }
        Ok(())
    }

    /// From now on the program runs until it is told to stop: when it dies it is started again.
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

/// A program that is kept running. Asked to stop when dropped.
pub struct Running {
    /// 0: there is no process at the moment.
    id: Arc<AtomicU32>,
    stop: CancellationToken,
    interruptions: mpsc::Sender<Interruption>,
    stop_signal: Signal,
    task: Option<JoinHandle<()>>,
}

/// To be ended, and started again after something was done.
struct Interruption {
    signal: Signal,
    meanwhile: Pin<Box<dyn Future<Output = ()> + Send>>,
    started: oneshot::Sender<()>,
}

impl Running {
    /// Ends the process with a signal, waits until it is gone, does `meanwhile`, and starts it again.
    ///
    /// Returns when the new process has been started; it may not be ready yet.
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

    /// Asks the process to stop and waits until it has.
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
        // The supervisor may not get to run any more: the runtime itself may be ending.
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
            // The handle is gone: `stop` says so as well.
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
        // `meanwhile` was the pause that whoever interrupted wanted.
        let mut at_once = started.is_some();
        child = loop {
            if !std::mem::take(&mut at_once) {
                tokio::select! {
                    // Not at once: what the dead process held (a socket, shared memory) may take a moment to be free.
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
            // Whoever asked may have gone.
            let _ = started.send(());
        }
    }
}

/// Sends the signal and waits until the process is gone.
/// PostgreSQL forgets a signal that comes in its first moments, and then ignores all others but SIGKILL; so whoever does not
/// end in time is made to.
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

/// Does nothing for a process that is not there.
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
