//! `frontrow rehearse`.

use crate::cli::{self, CurveName};
use crate::passwords;
use anyhow::{Context, Result};
use bench::address::{Address, Reach};
use bench::check::Check;
use bench::curve::Curve;
use bench::organiser::Credentials;
use bench::rehearsal::{self, Progress, Settings};
use bench::report::Numbers;
use model::concerts::ConcertId;
use services::Clock;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Exits with 0 if every promise was kept, 1 if one was broken, 2 if the rehearsal could not be
/// completed.
pub async fn run(options: cli::Rehearse) -> ExitCode {
    match rehearse(options).await {
        Ok(numbers) if numbers.kept => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => crate::fail(&error),
    }
}

async fn rehearse(options: cli::Rehearse) -> Result<Numbers> {
    let reach = match options.not_only_loopback {
        true => Reach::Anywhere,
        false => Reach::Loopback,
    };
    let settings = Settings {
        address: Address::resolve(&options.url, reach).await?,
        credentials: credentials(&options)?,
        concert: ConcertId(options.concert),
        people: options.people,
        curve: curve(&options)?,
        duration: options.duration.map(|s| Duration::from_secs(s.into())),
        leave: options.leave,
        watch: options.watch,
        sign_ins: options.sign_ins,
        opens_in_s: options.opens_in,
        at_most: Duration::from_secs(options.at_most.into()),
        seed: options.seed,
    };
    // Fails now rather than after half an hour if the folder cannot be created.
    std::fs::create_dir_all(&options.report)
        .with_context(|| format!("--report {}", options.report.display()))?;
    let stop = stop_on_signal();
    let held_at = Clock::default().now();
    let mut line = Line::new();
    let outcome = {
        let line = std::cell::RefCell::new(&mut line);
        rehearsal::run(
            &settings,
            &stop,
            |step| line.borrow_mut().say(step),
            |progress| line.borrow_mut().show(progress),
        )
        .await?
    };
    let numbers = Numbers::of(&settings, &outcome, held_at);
    let page = numbers.write(&options.report)?;
    for check in &numbers.checks {
        line.say(&sentence(check));
    }
    for (what, times) in &numbers.errors {
        line.say(&format!("error, {times} times: {what}"));
    }
    line.say(&format!("The report is {}.", page.display()));
    match outcome.left_behind {
        Some(reason) => Err(anyhow::anyhow!(reason)),
        None => Ok(numbers),
    }
}

fn credentials(options: &cli::Rehearse) -> Result<Credentials> {
    if let Some(token) = &options.token {
        return Ok(Credentials::Token(token.clone()));
    }
    let password = passwords::given(options.password_file.as_ref(), options.password.clone())?;
    match (&options.account_name, password) {
        (Some(name), Some(password)) => Ok(Credentials::Account {
            name: name.clone(),
            password,
        }),
        _ => anyhow::bail!("--token is missing, or --account-name with --password-file"),
    }
}

fn curve(options: &cli::Rehearse) -> Result<Curve> {
    match (options.curve, &options.arrivals) {
        (CurveName::Flat, _) => Ok(Curve::Flat),
        (CurveName::Spike, _) => Ok(Curve::Spike),
        (CurveName::Csv, Some(file)) => std::fs::read_to_string(file)
            .map_err(Into::into)
            .and_then(|text| Curve::recorded(&text))
            .with_context(|| format!("--arrivals {}", file.display())),
        (CurveName::Csv, None) => anyhow::bail!("--arrivals is missing"),
    }
}

fn sentence(check: &Check) -> String {
    let words = check.promise.words();
    match check.kept {
        true => format!("kept    {words}: {}", check.looked_at),
        false => format!(
            "BROKEN  {words}, {} times: {} ({})",
            check.broken,
            check.cases.join("; "),
            check.looked_at
        ),
    }
}

/// The first Ctrl-C or SIGTERM ends the rehearsal in order; the second exits at once.
fn stop_on_signal() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let stop = stop.clone();
        tokio::spawn(async move {
            let Ok(mut signals) = signal(kind) else {
                return;
            };
            while signals.recv().await.is_some() {
                if stop.is_cancelled() {
                    std::process::exit(130);
                }
                stop.cancel();
            }
        });
    }
    stop
}

/// A status line that is overwritten on a terminal; elsewhere a new line per second.
struct Line {
    terminal: bool,
    shown: bool,
}

impl Line {
    fn new() -> Line {
        Line {
            terminal: std::io::stdout().is_terminal(),
            shown: false,
        }
    }

    fn say(&mut self, text: &str) {
        let end = if self.shown { "\n" } else { "" };
        self.shown = false;
        // Output may be closed, which is no reason to stop halfway.
        let _ = writeln!(std::io::stdout(), "{end}{text}");
    }

    fn show(&mut self, progress: &Progress) {
        let text = describe(progress);
        let mut out = std::io::stdout();
        let _ = match self.terminal {
            true => write!(out, "\r\x1b[2K{text}"),
            false => writeln!(out, "{text}"),
        };
        let _ = out.flush();
        self.shown = self.terminal;
    }
}

fn describe(progress: &Progress) -> String {
    let now = &progress.now;
    let milliseconds = |micros: u64| micros as f64 / 1000.0;
    format!(
        "{:>4} s  joined {}/{}  waiting {}  watching {}  issued {}  left {}  join p50 {:.1} ms p99 {:.1} ms  tick lag p99 {:.1} ms  tried again {}  errors {}",
        now.at.div_euclid(1_000_000),
        now.joined,
        progress.people,
        now.waiting,
        now.watching,
        now.issued,
        now.left,
        milliseconds(progress.join_p50_us),
        milliseconds(progress.join_p99_us),
        milliseconds(progress.tick_lag_p99_us),
        progress.tried_again,
        progress.errors
    )
}
