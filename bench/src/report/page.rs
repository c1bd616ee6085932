//! The report as one self-contained page: no script, font or picture from elsewhere.

use super::plot::{Frame, Series, Way, bars, escape, lines, named_bars};
use super::{Numbers, Second};
use crate::check::Check;
use crate::statistics::Summary;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// Renders the complete page.
pub fn page(numbers: &Numbers) -> String {
    let title = escape(&numbers.concert.title);
    let held_at = numbers.held_at.format("%-d %B %Y, %H:%M UTC");
    let verdict = match numbers.kept {
        true => "<p class=\"verdict kept\">Every promise was kept.</p>".to_owned(),
        false => {
            let broken = numbers.checks.iter().filter(|check| !check.kept).count();
            let of = numbers.checks.len();
            format!("<p class=\"verdict broken\">{broken} of {of} promises were broken.</p>")
        }
    };
    let ended = match numbers.ended {
        "stopped" => "<p class=\"note\">Stopped by hand before its end.</p>",
        "gave_up" => "<p class=\"note\">Its time was over before the tickets were.</p>",
        _ => "",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rehearsal: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <style>{STYLE}</style></head>\n<body><main>\n<header><p class=\"kind\">Rehearsal</p><h1>{title}</h1><p>{held_at}</p>{verdict}{ended}</header>\n\
         {}\n<section><h2>Promises</h2>{}</section>\n<section><h2>How it went</h2>{}</section>\n\
         <section><h2>How long it took</h2>{}</section>\n<section><h2>What was asked for</h2>{}</section>\n{}</main></body></html>\n",
        figures(numbers),
        numbers.checks.iter().map(check).collect::<String>(),
        plots(numbers),
        latencies(numbers),
        settings(numbers),
        errors(numbers)
    )
}

fn figures(numbers: &Numbers) -> String {
    let totals = &numbers.totals;
    let latency = &numbers.latency;
    let figures = [
        (thousands(totals.joined as u64), "joined"),
        (thousands(totals.issued as u64), "tickets issued"),
        (milliseconds(latency.join.p99_us), "to join, 99 of 100"),
        (
            milliseconds(latency.tick_lag.p99_us),
            "for a tick to arrive, 99 of 100",
        ),
    ];
    let mut out = "<ul class=\"figures\">".to_owned();
    for (figure, what) in figures {
        let _ = write!(out, "<li><strong>{figure}</strong> {what}</li>");
    }
    out + "</ul>"
}

fn check(check: &Check) -> String {
    let (class, word) = match check.kept {
        true => ("kept", "kept"),
        false => ("broken", "broken"),
    };
    let mut cases = String::new();
    if !check.kept {
        cases += "<ul>";
        for case in &check.cases {
            let _ = write!(cases, "<li>{}</li>", escape(case));
        }
        let more = check.broken - check.cases.len();
        if more > 0 {
            let _ = write!(cases, "<li>and {more} more</li>");
        }
        cases += "</ul>";
    }
    format!(
        "<article class=\"check\"><p><span class=\"mark {class}\">{word}</span> <strong>{}</strong></p><p>{}</p>{cases}</article>",
        check.promise.words(),
        escape(&check.looked_at)
    )
}

fn plots(numbers: &Numbers) -> String {
    let over = |value: fn(&Second) -> u64| -> Vec<(f64, f64)> {
        let seconds = numbers.seconds.iter();
        seconds
            .map(|second| (second.second as f64, value(second) as f64))
            .collect()
    };
    // A second without joins has no latency.
    let took = |value: fn(&Second) -> u64| -> Vec<(f64, f64)> {
        let joined = numbers.seconds.iter().filter(|second| second.joins > 0);
        joined
            .map(|second| (second.second as f64, value(second) as f64 / 1000.0))
            .collect()
    };
    const SECONDS: &str = "seconds after the opening";
    let until = numbers
        .seconds
        .last()
        .map_or(0.0, |last| last.second as f64 + 1.0);
    let frame = |title, y| Frame {
        title,
        x: SECONDS,
        y,
        until,
    };
    let named = |name, points, colour| Series {
        name,
        points,
        colour,
    };
    let mut out = bars(
        &frame("Joins", "acknowledged per second"),
        &named("", over(|second| second.joins), 0),
        1.0,
        None,
    );
    out += &lines(
        &frame("People", "at the end of each second"),
        &[
            named("waiting", over(|second| second.waiting), 0),
            named("issued", over(|second| second.issued), 1),
            named("watching", over(|second| second.watching), 2),
        ],
        Way::Straight,
    );
    out += &lines(
        &frame("Time to join", "milliseconds"),
        &[
            named("half", took(|second| second.join_p50_us), 0),
            named("99 of 100", took(|second| second.join_p99_us), 1),
        ],
        Way::Straight,
    );
    let ticks = numbers.ticks.iter().filter(|tick| tick.issued > 0);
    let ticks = ticks
        .map(|tick| (tick.second, tick.issued as f64))
        .collect();
    let width = f64::from(numbers.concert.interval_ms) / 1000.0;
    out += &bars(
        &frame("Ticks", "tickets issued by each"),
        &named("", ticks, 0),
        width,
        Some((f64::from(numbers.concert.batch_size), "batch size")),
    );
    let ranks: Vec<Series> = numbers
        .ranks
        .iter()
        .map(|points| {
            let points = points.iter().map(|(second, rank)| (*second, *rank as f64));
            named("", points.collect(), 0)
        })
        .collect();
    out += &lines(
        &frame("Ranks", "of a few people, as they saw them"),
        &ranks,
        Way::Steps,
    );
    let lags: Vec<(String, f64)> = numbers
        .tick_lag
        .iter()
        .map(|bucket| (short(bucket.up_to_us), bucket.count as f64))
        .collect();
    let lag = Frame {
        title: "Tick lag",
        x: "up to",
        y: "ticks, by how long after the commit they arrived",
        until: 0.0,
    };
    out + &named_bars(&lag, &lags)
}

fn latencies(numbers: &Numbers) -> String {
    let latency = &numbers.latency;
    let rows: [(&str, &Summary); 6] = [
        ("Signing in", &latency.sign_in),
        ("Joining", &latency.join),
        ("A tick's way to a watcher", &latency.tick_lag),
        ("Leaving", &latency.leave),
        ("From one's turn to the ticket", &latency.receive),
        ("Lateness of the load generator", &latency.send_lag),
    ];
    let mut out = "<div class=\"wide\"><table><thead><tr><th></th><th>times</th><th>half</th><th>90 of 100</th><th>99 of 100</th><th>longest</th></tr></thead><tbody>".to_owned();
    for (name, summary) in rows {
        let _ = write!(
            out,
            "<tr><th>{name}</th><td>{}</td>",
            thousands(summary.count)
        );
        for micros in [
            summary.p50_us,
            summary.p90_us,
            summary.p99_us,
            summary.max_us,
        ] {
            match summary.count {
                0 => out += "<td>–</td>",
                _ => drop(write!(out, "<td>{}</td>", milliseconds(micros))),
            }
        }
        out += "</tr>";
    }
    out + "</tbody></table></div>"
}

fn settings(numbers: &Numbers) -> String {
    let (concert, settings, totals) = (&numbers.concert, &numbers.settings, &numbers.totals);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let rows = [
        ("Capacity", thousands(concert.capacity.into())),
        (
            "Pace",
            format!(
                "{} tickets every {} ms",
                concert.batch_size, concert.interval_ms
            ),
        ),
        ("People", thousands(settings.people.into())),
        (
            "Curve",
            format!("{}, {:.0} s", settings.curve, settings.duration_s),
        ),
        ("Leave again", percent(settings.leave)),
        ("Watch by stream", percent(settings.watch)),
        ("Sign in first", settings.sign_ins.to_string()),
        ("Seed", settings.seed.to_string()),
        ("Took", format!("{:.0} s", totals.seconds)),
        ("Still waiting at the end", thousands(totals.waiting as u64)),
        ("Left", thousands(totals.left as u64)),
        ("Never joined", thousands(totals.not_joined as u64)),
        ("Asked to try again", thousands(totals.tried_again)),
    ];
    let mut out = "<table><tbody>".to_owned();
    for (name, value) in rows {
        let _ = write!(out, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    out + "</tbody></table>"
}

fn errors(numbers: &Numbers) -> String {
    if numbers.errors.is_empty() {
        return String::new();
    }
    let mut out = "<section><h2>Answers that nobody should get</h2><ul>".to_owned();
    for (what, times) in &numbers.errors {
        let _ = write!(out, "<li>{} <em>({times} times)</em></li>", escape(what));
    }
    out + "</ul></section>"
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn milliseconds(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{:.1} ms", micros as f64 / 1000.0),
        10_000..1_000_000 => format!("{:.0} ms", micros as f64 / 1000.0),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// Formats a duration for the label below a bar.
fn short(micros: u64) -> String {
    match micros {
        0..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
        assert_eq!(milliseconds(1_234), "1.2 ms");
        assert_eq!(milliseconds(56_789), "57 ms");
        assert_eq!(milliseconds(1_500_000), "1.50 s");
    }
}
