//! `chaos`: breaks servers and stores at random while clients queue, and checks every promise. See
//! docs/chaos.md.

mod faults;
mod people;
mod plan;
mod proxy;
mod records;
mod report;
mod run;
mod verdict;
mod world;

use anyhow::{Result, ensure};
use clap::Parser;
use futures::{StreamExt, stream};
use report::Report;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use world::Template;

/// Breaks servers and stores at random while people queue, and checks every promise.
#[derive(Parser)]
#[command(name = "chaos", max_term_width = 100)]
struct Cli {
    /// How many seeds to run.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// How many to run at once.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// The server, built with the feature `failpoints`.
    #[arg(long, default_value = "target/debug/frontrow")]
    frontrow: PathBuf,
    /// Where the plan and the logs of a seed that fails are put.
    #[arg(long, default_value = "target/chaos")]
    logs: PathBuf,
    /// Put them there for every seed.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    ensure!(
        cli.frontrow.is_file(),
        "there is no {}: build it, or run scripts/chaos.sh",
        cli.frontrow.display()
    );
    let frontrow = Arc::new(cli.frontrow.canonicalize()?);
    let seeds = match cli.seed {
        Some(seed) => seed..seed + 1,
        None => cli.first..cli.first + cli.seeds,
    };
    let stop = stop_on_signal()?;
    let template = Arc::new(Template::make().await?);
    let mut report = Report::new(cli.logs, cli.keep);
    let running = stream::iter(seeds)
        .take_until(stop.clone().cancelled_owned())
        .map(|seed| {
            let (template, frontrow, stop) = (template.clone(), frontrow.clone(), stop.clone());
            async move { (seed, run::run(&template, &frontrow, seed, stop).await) }
        })
        .buffer_unordered(cli.jobs.max(1));
    let mut running = pin!(running);
    while let Some((seed, ended)) = running.next().await {
        match ended {
            Ok(outcome) => report.add(outcome)?,
            Err(error) => report.failed(seed, &error),
        }
    }
    report.summary();
    let interrupted = stop.is_cancelled();
    Ok(if report.all_passed() && !interrupted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns a token that SIGINT, SIGTERM and SIGHUP cancel, so that everything that was started is
/// stopped in order.
fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signals.recv().await;
            stop.cancel();
        });
    }
    Ok(stop)
}
