//! `frontrow audit`.

use crate::cli;
use crate::stores::{Sharing, Stores};
use anyhow::Result;
use model::concerts::ConcertId;
use services::limits::Limits;
use services::queue::audit::{self, Report};
use std::process::ExitCode;

/// Exits with 0 if every promise is kept, 1 if one is broken, 2 if the audit could not be
/// completed.
pub async fn run(options: cli::Audit) -> ExitCode {
    match report(options).await {
        Ok(report) => {
            print(&report);
            if report.violations.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => crate::fail(&error),
    }
}

async fn report(options: cli::Audit) -> Result<Report> {
    let stores = Stores::open(options.stores, Sharing::Yes, Limits::NONE).await?;
    let report = audit::audit(&stores.services, options.concert.map(ConcertId)).await;
    stores.close().await?;
    match report {
        Err(services::Error::Refused(_)) => Err(anyhow::anyhow!("there is no such concert")),
        report => Ok(report?),
    }
}

fn print(report: &Report) {
    println!(
        "Looked at {} concerts: {} entries ({} waiting), {} tickets ({} live); {} queues in Redis were compared with them.",
        report.concerts, report.entries, report.waiting, report.tickets, report.live, report.queues
    );
    if report.violations.is_empty() {
        println!(
            "As far as the stores can tell: nothing oversold, nobody with two tickets or two places, nobody passed over, nobody lost, \
             no batch before its time, no sale ended early or stood still, and Redis agrees."
        );
    }
    for violation in &report.violations {
        println!("{violation}");
    }
}
