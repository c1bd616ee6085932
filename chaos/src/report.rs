//! What is printed: a line for each seed, details of each that fails, and tables at the end.

use crate::plan::{self, Plan};
use crate::run::Outcome;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Upper bound on violations printed for one seed; its folder has all of them.
const SHOWN: usize = 20;

pub struct Report {
    logs: PathBuf,
    keep: bool,
    passed: u64,
    failed: Vec<u64>,
    faults: BTreeMap<&'static str, u64>,
    /// The longest standstill of any sale, in microseconds.
    longest: i64,
    /// How often each fail point has killed a server, and how often it has stopped one.
    points: BTreeMap<String, [u64; 2]>,
}

impl Report {
    pub fn new(logs: PathBuf, keep: bool) -> Report {
        let points = plan::POINTS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), [0, 0]));
        Report {
            logs,
            keep,
            passed: 0,
            failed: Vec::new(),
            faults: BTreeMap::new(),
            longest: 0,
            points: points.collect(),
        }
    }

    pub fn all_passed(&self) -> bool {
        self.failed.is_empty()
    }

    pub fn add(&mut self, outcome: Outcome) -> Result<()> {
        let Outcome {
            plan,
            issued,
            measured,
            took,
            points,
            broken,
            dir,
        } = outcome;
        let faults = plan.faults.len() + points.len();
        let result = if broken.is_empty() { "ok" } else { "FAILED" };
        println!(
            "seed {:>4}  {:>3} people  {faults:>2} faults  {issued:>3} issued  {:>5.1} s  stood {:>4.1} s  {:>2} % unavailable  {result}",
            plan.seed,
            plan.people(),
            took.as_secs_f64(),
            measured.stood as f64 / 1e6,
            measured.unavailable * 100 / measured.answered.max(1),
        );
        self.longest = self.longest.max(measured.stood);
        for (_, fault) in &plan.faults {
            *self.faults.entry(fault.name()).or_default() += 1;
        }
        for point in &points {
            if let Some((name, word)) = point.split_once('=') {
                let counts = self.points.entry(name.to_owned()).or_default();
                counts[usize::from(word == "stop")] += 1;
            }
        }
        let folder = self.logs.join(format!("seed-{}", plan.seed));
        if self.keep || !broken.is_empty() {
            let rows: Vec<String> = broken.iter().map(ToString::to_string).collect();
            keep_logs(dir.path(), &folder, &plan, &rows)?;
        }
        if broken.is_empty() {
            self.passed += 1;
            return Ok(());
        }
        self.failed.push(plan.seed);
        println!("{plan}");
        for row in broken.iter().take(SHOWN) {
            println!("{row}");
        }
        if broken.len() > SHOWN {
            println!("… and {} more", broken.len() - SHOWN);
        }
        println!("fail points reached: {}", points.join(", "));
        println!("logs: {}", folder.display());
        println!("again: make chaos SEED={}\n", plan.seed);
        Ok(())
    }

    /// Reports a seed that could not be run.
    pub fn failed(&mut self, seed: u64, error: &anyhow::Error) {
        println!("seed {seed:>4}  FAILED: {error:#}");
        println!("again: make chaos SEED={seed}\n");
        self.failed.push(seed);
    }

    pub fn summary(&self) {
        println!("\nFaults");
        for (name, count) in &self.faults {
            println!("{count:>6}  {name}");
        }
        println!("\nFail points: killed, stopped");
        for (name, [killed, stopped]) in &self.points {
            println!("{killed:>6} {stopped:>6}  {name}");
        }
        println!(
            "\nNo sale stood for longer than {:.1} s once everything was healed",
            self.longest as f64 / 1e6
        );
        println!("{} passed, {} failed", self.passed, self.failed.len());
        if !self.failed.is_empty() {
            println!("failed: {:?}", self.failed);
        }
    }
}

fn keep_logs(from: &Path, to: &Path, plan: &Plan, broken: &[String]) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|e| e == "log"))
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    fs::write(to.join("plan.txt"), plan.to_string())?;
    Ok(fs::write(to.join("broken.txt"), broken.join("\n"))?)
}
