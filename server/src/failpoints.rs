//! Dying or falling asleep at a chosen point, for the tests that show what happens then.

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use nix::sys::signal::{Signal, raise};
use services::Clock;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

const VARIABLE: &str = "FRONTROW_FAILPOINTS";

/// Precedes what is said on standard error just before the signal: the point's name.
const SAYING: &str = "fail point reached: ";

/// Arms what `FRONTROW_FAILPOINTS` says: `point=signal@n` separated by commas, which sends this process SIGKILL (`kill`) or
/// SIGSTOP (`stop`) when it comes by `point` for the n-th time, as in `issue::committed=kill@3`.
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
            // Not buffered, so it is out before the signal comes. Whether anybody listens makes no difference.
            let _ = std::io::stderr().write_all(saying.as_bytes());
            // Raising either signal in oneself cannot fail.
            let _ = raise(signal);
        }
    })
    .map_err(|error| anyhow::anyhow!(error))
}

/// How far this machine's clock is to be wrong, in milliseconds.
const CLOCK: &str = "FRONTROW_CLOCK_AHEAD_MS";

/// The clock of a machine that is as wrong as [`CLOCK`] says.
pub fn clock() -> Result<Clock> {
    let ahead = match std::env::var(CLOCK) {
        Ok(ahead) => ahead.parse().context(CLOCK)?,
        Err(_) => 0,
    };
    Ok(Clock::on_a_machine_ahead(TimeDelta::milliseconds(ahead)))
}
