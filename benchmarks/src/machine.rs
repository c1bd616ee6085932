//! Resource usage of processes, as Linux reports it in `/proc`.

use anyhow::{Context, Result};
use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs;
use std::time::{Duration, Instant};

/// Returns the processor time that a process has used so far, including its children that still
/// run.
pub fn processor_time(process: u32) -> Result<Duration> {
    let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as u64;
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // The process may have exited in the meantime.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else {
            continue;
        };
        // The name may contain any character and ends at the last parenthesis. After it: state,
        // parent, …
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok());
        if id == process || number(1) == Some(process.into()) {
            ticks += number(11).unwrap_or_default() + number(12).unwrap_or_default();
        }
    }
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Returns the processor time of one process without its children, in nanoseconds: for work shorter
/// than the 10 ms resolution of [`processor_time`].
pub fn exact_processor_time(process: u32) -> Result<Duration> {
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(process as i32))?;
    Ok(clock.now()?.into())
}

/// Measures the cores that a process uses over a period.
pub struct Load {
    process: u32,
    used: Duration,
    since: Instant,
}

impl Load {
    pub fn of(process: u32) -> Result<Load> {
        Ok(Load {
            process,
            used: processor_time(process)?,
            since: Instant::now(),
        })
    }

    /// Returns the average number of cores used since the measurement began.
    pub fn cores(&self) -> Result<f64> {
        let used = processor_time(self.process)?.saturating_sub(self.used);
        Ok(used.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}

/// Returns the resident memory of a process, in bytes.
pub fn resident(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    field(&status, "VmRSS:")
}

/// Returns the slab memory of the kernel, in bytes. It includes every connection, with both of its
/// ends if both are on this machine.
pub fn kernel() -> Result<f64> {
    field(&fs::read_to_string("/proc/meminfo")?, "Slab:")
}

fn field(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: f64 = kilobytes.with_context(|| format!("no {name}"))?.parse()?;
    Ok(kilobytes * 1024.0)
}

/// Describes the machine in one sentence.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = field(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default() / 1024f64.powi(3);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cores} cores ({model}), {memory:.0} GiB of memory, Linux {kernel}")
}

/// Returns the parent of a process.
pub fn parent(process: u32) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    Ok(line.context("no PPid:")?.trim().parse()?)
}
