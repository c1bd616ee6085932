//! Writes the measured part of `docs/benchmarks.md`, between two marks, and its plots. The
//! conclusions around it are written by hand.

use crate::machine;
use crate::measures::{OPEN, SIZES};
use crate::runs::Runs;
use anyhow::{Context, Result};
use bench::report::plot::{Frame, Series, Way, drawing};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const BEGIN: &str = "<!-- measured: from here on written by make bench -->";
const END: &str = "<!-- measured: up to here -->";

pub fn write(docs: &Path, runs: &Runs, number: usize) -> Result<()> {
    let path = docs.join("benchmarks.md");
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, rest) = page
        .split_once(BEGIN)
        .context("the page has no mark where figures begin")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no mark where figures end")?;
    let figures = measured(runs, number)?;
    fs::write(&path, format!("{before}{BEGIN}\n\n{figures}\n{END}{after}"))?;
    let pictures = docs.join("pictures");
    fs::write(pictures.join("joins.svg"), joins(runs))?;
    fs::write(pictures.join("ticks.svg"), ticks(runs))?;
    fs::write(pictures.join("rest.svg"), at_rest(runs))?;
    println!("\nWritten: {}", path.display());
    Ok(())
}

/// A row of the table of targets.
struct Line {
    what: &'static str,
    measured: String,
    reach: &'static str,
    reached: bool,
}

fn measured(runs: &Runs, number: usize) -> Result<String> {
    let mut page = format!(
        "Medians of {number} runs on {}, {}, with {}; in brackets the least and the most. Everything shares that machine: client, server, Redis and PostgreSQL, both stores with their durable settings.\n\n",
        machine::describe(),
        version("redis-server")?,
        version("postgres")?
    );
    page += "| what | measured | reach | |\n| --- | --- | --- | --- |\n";
    for line in lines(runs)? {
        let Line {
            what,
            measured,
            reach,
            reached,
        } = line;
        let mark = if reached {
            "reached"
        } else {
            "**not reached**"
        };
        let _ = writeln!(page, "| {what} | {measured} | {reach} | {mark} |");
    }
    page += "\nBeside them, on the same machine in the same runs:\n\n| what | measured |\n| --- | --- |\n";
    for (what, name, digits) in BESIDE {
        let _ = writeln!(page, "| {what} | {} |", value(runs, name, digits)?);
    }
    page += "\nThe usual algorithm, for comparison: each second the scheduler asks Redis for the rank of everybody who waits, and so does everybody. A round that takes longer than a second falls behind for good. Frontrow's tick does not depend on how many wait. One command after the other is measured with 1,000 of them and reckoned up.\n\n";
    page += "| waiting | the scheduler's half of a round, one command after the other | a whole round, 1,000 commands in a pipeline |\n| --- | --- | --- |\n";
    for size in SIZES {
        let at =
            |kind: &str| milliseconds(runs, &format!("reference, ms for a round {kind} of {size}"));
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            thousands(size as f64),
            at("one by one")?,
            at("in pipelines")?
        );
    }
    page += "\n![Joins a second by the length of the queue](pictures/joins.svg)\n\n![Processor time of a tick by watchers, of whom one in five leaves within ten seconds](pictures/ticks.svg)\n\n![Share of a core at rest by open sales](pictures/rest.svg)\n";
    Ok(page)
}

/// Figures without a target: description, name of the figure, digits.
const BESIDE: [(&str, &str, usize); 32] = [
    ("empty POST of axum, a second", "empty POST, per second", 0),
    ("empty GET of axum, a second", "empty GET, per second", 0),
    (
        "page of the empty Leptos starter, a second",
        "starter page, per second",
        0,
    ),
    (
        "`ZADD` by redis-benchmark, a second",
        "raw ZADD, per second",
        0,
    ),
    (
        "the same, 16 in a pipeline",
        "raw ZADD, 16 in a pipeline, per second",
        0,
    ),
    ("a join in the storm, median, ms", "joins, p50 ms", 1),
    ("a join in the storm, p99, ms", "joins, p99 ms", 1),
    (
        "cores of the server in the storm",
        "joins, cores of the server",
        2,
    ),
    ("cores of Redis in the storm", "joins, cores of Redis", 2),
    (
        "cores of PostgreSQL in the storm",
        "joins, cores of PostgreSQL",
        2,
    ),
    (
        "a join at 8,000 a second, median, ms",
        "steady joins, p50 ms",
        1,
    ),
    (
        "wrong passwords that were looked at, a second, of the 200",
        "guesses judged, per second",
        0,
    ),
    (
        "cores of Redis with 18,000 watchers",
        "watchers, cores of Redis",
        3,
    ),
    ("tick to client, median, ms", "watchers, tick lag p50 ms", 1),
    (
        "ticks that each watcher was told, of those published",
        "watchers, ticks told of those due",
        3,
    ),
    (
        "bytes of a tick while one in five leaves",
        "watchers, bytes of a tick",
        0,
    ),
    (
        "cores of the server with 18,000 watchers of whom nobody leaves",
        "watchers, cores of the server while nobody leaves",
        2,
    ),
    (
        "cores of bare axum for a tick a second, as long as while one in five leaves",
        "ticks of axum, cores of the server",
        2,
    ),
    (
        "such a tick of bare axum to client, p99, ms",
        "ticks of axum, lag p99 ms",
        0,
    ),
    (
        "KiB of bare axum for a stream on which nothing happens",
        "silent streams of axum, KiB of the server each",
        1,
    ),
    (
        "KiB of the kernel for a stream, both of its ends",
        "watchers, KiB of the kernel each, both ends",
        1,
    ),
    (
        "cores of the server at 2,000 tickets a second",
        "tickets paced, cores of the server",
        2,
    ),
    (
        "p99 of 1,000 sign-ups at once with one e-mail, ms",
        "sign-ups at once, p99 ms",
        0,
    ),
    (
        "a stranger's home page, ms of the server",
        "home, stranger, server ms",
        3,
    ),
    (
        "a stranger's concert page, ms of the server",
        "concert, stranger, server ms",
        3,
    ),
    (
        "a ticket page opened for the first time, ms of the server",
        "ticket page, first time, server ms",
        2,
    ),
    (
        "a ticket's PDF, ms of the server",
        "ticket PDF, first time, server ms",
        1,
    ),
    (
        "the same PDF again, ms of the server",
        "ticket PDF, again, server ms",
        2,
    ),
    (
        "home page, logged in, compressed, ms of the server",
        "home, logged in, compressed, server ms",
        2,
    ),
    (
        "a purchase with compressed pages, ms of the server",
        "purchases, compressed, server ms",
        2,
    ),
    (
        "purchases with compressed pages, a second",
        "purchases, compressed, per second",
        0,
    ),
    (
        "p99 of a rank by polling, ms",
        "ranks by polling, p99 ms",
        1,
    ),
];

fn lines(runs: &Runs) -> Result<Vec<Line>> {
    let median = |name: &str| {
        runs.median(name)
            .with_context(|| format!("not measured: {name}"))
    };
    let ratio = |what: &str, over: &str| {
        runs.ratio(what, over)
            .with_context(|| format!("not measured: {what}"))
    };
    let mut lines = Vec::new();
    let joins = ratio("joins, per second", "empty POST, per second")?;
    lines.push(Line {
        what: "joins a second through HTTP, signed in, journaled",
        measured: format!(
            "{}, {joins:.2} of an empty POST",
            value(runs, "joins, per second", 0)?
        ),
        reach: "0.25 of an empty POST, and 13,650",
        reached: joins >= 0.25 && median("joins, per second")? >= 13_650.0,
    });
    lines.push(Line {
        what: "8,000 joins a second, steadily: p99",
        measured: format!(
            "{} ms at {} a second",
            value(runs, "steady joins, p99 ms", 1)?,
            thousands(median("steady joins, per second")?)
        ),
        reach: "50 ms",
        reached: median("steady joins, p99 ms")? < 50.0,
    });
    lines.push(Line {
        what: "1,000 joins a second beside 200 wrong passwords a second: p99",
        measured: format!(
            "{} ms; without the passwords {} ms",
            value(runs, "joins in a flood, p99 ms", 1)?,
            value(runs, "joins without a flood, p99 ms", 1)?
        ),
        reach: "100 ms",
        reached: median("joins in a flood, p99 ms")? < 100.0,
    });
    lines.push(Line {
        what: "18,000 streams, a tick a second, one in five leaving: tick to client, p99",
        measured: format!("{} ms", value(runs, "watchers, tick lag p99 ms", 0)?),
        reach: "500 ms",
        reached: median("watchers, tick lag p99 ms")? < 500.0,
    });
    lines.push(Line {
        what: "the same: cores of the server",
        measured: value(runs, "watchers, cores of the server", 2)?,
        reach: "0.5",
        reached: median("watchers, cores of the server")? < 0.5,
    });
    lines.push(Line {
        what: "the same: memory of the server for each stream",
        measured: format!(
            "{} KiB",
            value(runs, "watchers, KiB of the server each", 1)?
        ),
        reach: "16 KiB",
        reached: median("watchers, KiB of the server each")? <= 16.0,
    });
    let few = median("a tick, Redis commands with 1,000 watchers")?;
    let many = median("a tick, Redis commands with 18,000 watchers")?;
    let long = median("a tick, Redis commands with 1,000 watchers and 100,000 waiting")?;
    lines.push(Line {
        what: "Redis commands for a tick: 1,000 watch and wait; 18,000 watch and wait; 1,000 watch and 100,000 wait",
        measured: format!("{few:.0}; {many:.0}; {long:.0}"),
        reach: "the same (within a tenth)",
        reached: [many, long].iter().all(|other| (other / few - 1.0).abs() < 0.1),
    });
    let paced = median("tickets paced, per second")?;
    lines.push(Line {
        what: "tickets a second, on disk; batches of 200 every 100 ms; order and number exact",
        measured: value(runs, "tickets paced, per second", 0)?,
        // The pace is also an upper limit, so the result approaches it from below.
        reach: "2,000, from below: at least 1,900",
        reached: paced >= 1_900.0,
    });
    lines.push(Line {
        what: "the most: batches of 1,000 every 100 ms",
        measured: value(runs, "tickets fastest, per second", 0)?,
        reach: "say how many",
        reached: true,
    });
    for (what, name) in [
        (
            "home page, not logged in, a second",
            "home page, per second",
        ),
        (
            "concert page, not logged in, a second",
            "concert page, per second",
        ),
    ] {
        let share = ratio(name, "starter page, per second")?;
        lines.push(Line {
            what,
            measured: format!("{}, {share:.2} of the starter's", value(runs, name, 0)?),
            reach: "0.5 of the starter's",
            reached: share >= 0.5,
        });
    }
    for (what, page, reach, times) in [
        (
            "home page, logged in: processor time of the server",
            "home, logged in",
            "4 times a stranger's",
            4.0,
        ),
        (
            "concert page, logged in",
            "concert, logged in",
            "4 times a stranger's",
            4.0,
        ),
        (
            "queue page, waiting",
            "queue page",
            "4 times a stranger's",
            4.0,
        ),
        (
            "ticket page, opened before",
            "ticket page, again",
            "8 times a stranger's",
            8.0,
        ),
    ] {
        let of = format!("{page}, of a stranger's");
        lines.push(Line {
            what,
            measured: format!(
                "{} ms, {} times a stranger's",
                value(runs, &format!("{page}, server ms"), 2)?,
                value(runs, &of, 1)?
            ),
            reach,
            reached: median(&of)? <= times,
        });
    }
    lines.push(Line {
        what: "a purchase as a browser makes it (concert page, join, queue page, stream, ticket page): processor time of the server",
        measured: format!("{} ms", value(runs, "purchases, server ms", 2)?),
        reach: "1.27 ms",
        reached: median("purchases, server ms")? <= 1.27,
    });
    lines.push(Line {
        what: "such purchases a second",
        measured: value(runs, "purchases, per second", 0)?,
        reach: "800",
        reached: median("purchases, per second")? >= 800.0,
    });
    for (what, when) in [
        (
            "at rest, three servers, 1,000 open sales without people: cores of Redis; of a server; of PostgreSQL",
            "with 1000",
        ),
        (
            "the same, with ten people each who wait for the next hour",
            "with people",
        ),
    ] {
        let of = |who: &str| format!("at rest, cores of {who} {when}");
        let mut most: f64 = 0.0;
        let mut measured = Vec::new();
        for who in ["Redis", "a server", "PostgreSQL"] {
            most = most.max(median(&of(who))?);
            measured.push(value(runs, &of(who), 3)?);
        }
        lines.push(Line {
            what,
            measured: measured.join("; "),
            reach: "0.02 each",
            reached: most <= 0.02,
        });
    }
    lines.push(Line {
        what: "from a join in an idle sale to its ticket, through any server, p99",
        measured: format!("{} ms", value(runs, "a turn in an idle sale, p99 ms", 0)?),
        reach: "50 ms",
        reached: median("a turn in an idle sale, p99 ms")? <= 50.0,
    });
    let polled = ratio("ranks by polling, per second", "empty GET, per second")?;
    lines.push(Line {
        what: "ranks a second by polling",
        measured: format!(
            "{}, {polled:.2} of an empty GET",
            value(runs, "ranks by polling, per second", 0)?
        ),
        reach: "0.6 of an empty GET",
        reached: polled >= 0.6,
    });
    Ok(lines)
}

/// Formats the median with the minimum and maximum.
fn value(runs: &Runs, name: &str, digits: usize) -> Result<String> {
    let median = runs
        .median(name)
        .with_context(|| format!("not measured: {name}"))?;
    let (least, most) = runs.range(name).unwrap_or((median, median));
    let number = |value: f64| match digits {
        0 => thousands(value),
        _ => format!("{value:.digits$}"),
    };
    Ok(format!(
        "{} ({}–{})",
        number(median),
        number(least),
        number(most)
    ))
}

fn milliseconds(runs: &Runs, name: &str) -> Result<String> {
    let median = runs
        .median(name)
        .with_context(|| format!("not measured: {name}"))?;
    Ok(match median >= 1000.0 {
        true => format!("{:.1} s", median / 1000.0),
        false => format!("{median:.0} ms"),
    })
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn joins(runs: &Runs) -> String {
    let frame = Frame {
        title: "Joining",
        x: "people in the queue",
        y: "joins a second",
        until: 100_000.0,
    };
    let series = Series {
        name: "joins",
        points: runs.series("joins, per second with a queue of "),
        colour: 0,
    };
    drawing(&frame, &[series], Way::Straight)
}

fn at_rest(runs: &Runs) -> String {
    let frame = Frame {
        title: "What open sales cost in which nothing happens",
        x: "open sales",
        y: "share of a core",
        until: OPEN[OPEN.len() - 1] as f64,
    };
    let mut series = Vec::new();
    for (colour, who) in ["Redis", "a server", "PostgreSQL"].into_iter().enumerate() {
        series.push(Series {
            name: who,
            points: runs.series(&format!("at rest, cores of {who} with ")),
            colour,
        });
    }
    drawing(&frame, &series, Way::Straight)
}

fn ticks(runs: &Runs) -> String {
    let frame = Frame {
        title: "What a tick costs the server while one in five leaves",
        x: "watchers",
        y: "ms of processor time",
        until: 18_000.0,
    };
    let series = Series {
        name: "a tick",
        points: runs.series("a tick, processor ms of the server by watchers "),
        colour: 0,
    };
    drawing(&frame, &[series], Way::Straight)
}

/// Returns name and version of a program.
fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| program.to_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text
        .split([' ', '='])
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or("?");
    Ok(match program {
        "postgres" => format!("PostgreSQL {number}"),
        _ => format!("Redis {number}"),
    })
}
