//! The `frontrow` binary: command line, stores, web server, background work.

// The types of Leptos views nest as deeply as the page.
#![recursion_limit = "256"]

mod admin;
mod audit;
mod cli;
mod connections;
#[cfg(feature = "failpoints")]
mod failpoints;
mod middleware;
mod passwords;
mod reach;
mod rehearse;
mod router;
mod serve;
mod sharing;
mod state;
mod stores;
mod tickets;
mod trusted_proxies;

use clap::Parser;
use clap::error::ErrorKind;
use nix::sys::stat::{Mode, umask};
use std::process::ExitCode;

/// With the system's allocator, a sixth of the server's time under load goes into allocating
/// (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    // Files are private to this account and its child processes. A report may be read by others.
    if !matches!(cli.command, cli::Command::Rehearse(_)) {
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
    }
    #[cfg(feature = "failpoints")]
    if let Err(error) = failpoints::arm() {
        return fail(&error);
    }
    let outcome = match cli.command {
        cli::Command::Serve(serve) => serve::run(serve).await,
        cli::Command::Migrate(stores) => stores::migrate(stores).await,
        cli::Command::Audit(audit) => return audit::run(audit).await,
        cli::Command::Rehearse(rehearse) => return rehearse::run(rehearse).await,
        cli::Command::Admin {
            command: cli::AdminCommand::Create(create),
        } => admin::create(create).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("frontrow: {error:#}");
    ExitCode::from(2)
}

/// Prints help in full, and a wrong or missing value as one line that names it.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(if error.use_stderr() { 2 } else { 0 })
        }
        _ => {
            let text = error.to_string();
            let lines = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
            let line = lines
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            eprintln!(
                "frontrow: {} (see frontrow --help)",
                line.trim_start_matches("error: ")
            );
            ExitCode::from(2)
        }
    }
}
