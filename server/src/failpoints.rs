//! Kills or stops this process at a chosen point, for tests of what happens then.

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use nix::sys::signal::{Signal, raise};
use services::Clock;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "FRONTROW_FAILPOINTS";

/// Written to standard error just before the signal, followed by the point's name.
const SAYING: &str = "fail point reached: ";

/// Arms the fail points in `FRONTROW_FAILPOINTS`: `point=signal@n`, separated by commas, sends this
/// process SIGKILL (`kill`) or SIGSTOP (`stop`) when it reaches `point` for the n-th time, as in
/// `issue::committed=kill@3`.
pub fn arm() -> Result<()> {
    let Ok(plan) = std::env::var(VARIABLE) else {
        return Ok(());
    };
    for point in plan.split(',').filter(|point| !point.is_empty()) {
        arm_one(point).with_context(|| format!("{VARIABLE}: {point:?}"))?;
    }
    Ok(())
}

fn arm_one(point: &str) -> Result<()> {
    let (name, action) = point.split_once('=').context("no `=`")?;
    let (word, turn) = action.split_once('@').context("no `@`")?;
    let signal = match word {
        "kill" => Signal::SIGKILL,
        "stop" => Signal::SIGSTOP,
        other => bail!("unknown signal {other:?}"),
    };
    let left = AtomicU32::new(turn.parse()?);
    let saying = format!("{SAYING}{name}={word}\n");
    fail::cfg_callback(name, move || {
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Standard error is unbuffered, so the line is written before the signal. It does not
            // matter whether it is read.
            let _ = std::io::stderr().write_all(saying.as_bytes());
            // Raising either signal in this process cannot fail.
            let _ = raise(signal);
        }
    })
    .map_err(|error| anyhow::anyhow!(error))
}

/// Error of this machine's clock, in milliseconds.
const CLOCK: &str = "FRONTROW_CLOCK_AHEAD_MS";

/// Returns a clock that is wrong by [`CLOCK`].
pub fn clock() -> Result<Clock> {
    let ahead = match std::env::var(CLOCK) {
        Ok(ahead) => ahead.parse().context(CLOCK)?,
        Err(_) => 0,
    };
    Ok(Clock::on_a_machine_ahead(TimeDelta::milliseconds(ahead)))
}
