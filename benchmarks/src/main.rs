//! `make bench`: measures the cost of Frontrow next to the best that the same machine can do, in
//! one run.
//!
//! Starts its own stores and servers on this machine and stops them. Every figure is the median of
//! several runs; figures that are compared are measured one after the other in the same run. Writes
//! the measured part of `docs/benchmarks.md` and its plots.

mod machine;
mod measures;
mod page;
mod people;
mod runs;
mod watchers;
mod wire;
mod world;

use anyhow::{Context, Result, bail};
use clap::Parser;
use measures::Scale;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use runs::Runs;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "Measures Frontrow against its own ground level, and writes it down.")]
struct Options {
    /// The program to measure: a release build, with its site.
    #[arg(long, default_value = "target/release/frontrow")]
    frontrow: PathBuf,
    /// What it is held against.
    #[arg(long, default_value = "target/release/ground")]
    ground: PathBuf,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only what has this in its name: joins, floods, watchers, tickets, pages, journeys, rest, polling, reference, redis.
    #[arg(long)]
    only: Option<String>,
    /// A tenth of everything, to see whether it works. Nothing is written.
    #[arg(long)]
    quick: bool,
    /// The folder of benchmarks.md and of its pictures.
    #[arg(long, default_value = "docs")]
    docs: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    open_files()?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // Dropping the future stops the stores and servers that it started.
    tokio::select! {
        measured = measure(options) => measured,
        _ = terminated.recv() => bail!("stopped by hand"),
        _ = interrupted.recv() => bail!("stopped by hand"),
    }
}

async fn measure(options: Options) -> Result<()> {
    let scale = match options.quick {
        true => Scale::TENTH,
        false => Scale::WHOLE,
    };
    let mut runs = Runs::default();
    for run in 1..=options.runs {
        for (name, measure) in measures::all() {
            if options
                .only
                .as_ref()
                .is_some_and(|only| !name.contains(only))
            {
                continue;
            }
            println!("\n{name}, run {run} of {}", options.runs);
            let world = world::World::start(&options.frontrow, &options.ground)
                .await
                .with_context(|| format!("starting for {name}"))?;
            let measured = measure(&world, scale).await;
            world.stop().await?;
            for (what, value) in measured.with_context(|| name)? {
                println!("  {what:<56} {value:>12.2}");
                runs.add(&what, value);
            }
        }
    }
    match options.quick || options.only.is_some() {
        true => println!("\nNothing is written: this was not the whole."),
        false => page::write(&options.docs, &runs, options.runs)?,
    }
    Ok(())
}

/// Raises the limit of open files: thousands of streams are open at once, at both ends.
fn open_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}
