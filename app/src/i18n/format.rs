//! Numbers and instants as text. Instants are in Korean time, and English texts say so.

#[cfg(feature = "ssr")]
use chrono::{DateTime, Datelike, Timelike, Utc};
#[cfg(feature = "ssr")]
use model::time::kst;

/// Formats `1284` as `1,284`; both languages group digits alike.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats milliseconds in seconds, with only the decimals that are needed: `1`, `0.25`, `3,600`.
#[cfg(feature = "ssr")]
pub(super) fn seconds(ms: u32) -> String {
    let (whole, rest) = (ms / 1000, ms % 1000);
    let whole = thousands(whole.into());
    match format!("{rest:03}").trim_end_matches('0') {
        "" => whole,
        decimals => format!("{whole}.{decimals}"),
    }
}

/// Formats hours, minutes and seconds as `02:14:09`, without the hours below one hour. Whole days
/// are left to the caller.
pub fn clock_digits(seconds: i64) -> String {
    let s = seconds.max(0) % 86_400;
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if seconds >= 3600 {
        format!("{h:02}:{m:02}:{s:02}")
    } else {
        format!("{m:02}:{s:02}")
    }
}

/// Formats as `Sat 21 Nov 2026, 19:00 KST`.
#[cfg(feature = "ssr")]
pub(super) fn english_date_time(at: DateTime<Utc>) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let t = at.with_timezone(&kst());
    format!(
        "{} {} {} {}, {:02}:{:02} KST",
        DAYS[t.weekday().num_days_from_monday() as usize],
        t.day(),
        MONTHS[t.month0() as usize],
        t.year(),
        t.hour(),
        t.minute(),
    )
}

/// Formats as `2026년 11월 21일 (토) 19:00`.
#[cfg(feature = "ssr")]
pub(super) fn korean_date_time(at: DateTime<Utc>) -> String {
    const DAYS: [&str; 7] = ["월", "화", "수", "목", "금", "토", "일"];
    let t = at.with_timezone(&kst());
    format!(
        "{}년 {}월 {}일 ({}) {:02}:{:02}",
        t.year(),
        t.month(),
        t.day(),
        DAYS[t.weekday().num_days_from_monday() as usize],
        t.hour(),
        t.minute(),
    )
}

/// Formats as `Sat 21 Nov 2026, 19:00 to 21:00 KST`.
#[cfg(feature = "ssr")]
pub(super) fn english_period(start: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let from = english_date_time(start);
    let from = from.trim_end_matches(" KST");
    match same_day(start, end) {
        Some(until) => format!("{from} to {until} KST"),
        None => format!("{from} to {}", english_date_time(end)),
    }
}

/// Formats as `2026년 11월 21일 (토) 19:00~21:00`.
#[cfg(feature = "ssr")]
pub(super) fn korean_period(start: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let until = same_day(start, end).unwrap_or_else(|| format!(" {}", korean_date_time(end)));
    format!("{}~{until}", korean_date_time(start))
}

/// Returns the time of day of the end if it is on the same day as the start.
#[cfg(feature = "ssr")]
fn same_day(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<String> {
    let (start, end) = (start.with_timezone(&kst()), end.with_timezone(&kst()));
    (start.date_naive() == end.date_naive())
        .then(|| format!("{:02}:{:02}", end.hour(), end.minute()))
}

/// Converts a range of minutes to the unit in which people would state it: hours from 90 minutes
/// on, rounded outwards.
pub(crate) fn wait_range((least, most): (u64, u64)) -> (u64, u64, WaitUnit) {
    if least < 90 {
        (least, most, WaitUnit::Minutes)
    } else {
        (least / 60, most.div_ceil(60), WaitUnit::Hours)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitUnit {
    Minutes,
    Hours,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_off() {
        assert_eq!(
            [0, 12, 999, 1000, 1_284, 1_000_000].map(thousands),
            ["0", "12", "999", "1,000", "1,284", "1,000,000"]
        );
    }

    #[test]
    fn milliseconds_are_seconds() {
        assert_eq!(
            [100, 250, 1000, 1005, 1500, 3_600_000].map(seconds),
            ["0.1", "0.25", "1", "1.005", "1.5", "3,600"]
        );
    }

    #[test]
    fn dates_are_korean_time() {
        let at = DateTime::parse_from_rfc3339("2026-11-21T10:00:00Z")
            .unwrap()
            .to_utc();
        assert_eq!(english_date_time(at), "Sat 21 Nov 2026, 19:00 KST");
        assert_eq!(korean_date_time(at), "2026년 11월 21일 (토) 19:00");
    }

    #[test]
    fn a_day_is_said_once() {
        let at = |hours| {
            DateTime::parse_from_rfc3339("2026-11-21T10:00:00Z")
                .unwrap()
                .to_utc()
                + chrono::TimeDelta::hours(hours)
        };
        assert_eq!(
            english_period(at(0), at(2)),
            "Sat 21 Nov 2026, 19:00 to 21:00 KST"
        );
        assert_eq!(
            korean_period(at(0), at(2)),
            "2026년 11월 21일 (토) 19:00~21:00"
        );
        assert_eq!(
            english_period(at(0), at(6)),
            "Sat 21 Nov 2026, 19:00 to Sun 22 Nov 2026, 01:00 KST"
        );
    }

    #[test]
    fn countdowns_are_clocks() {
        assert_eq!(
            [-3, 9, 600, 3600, 90_061].map(clock_digits),
            ["00:00", "00:09", "10:00", "01:00:00", "01:01:01"]
        );
    }

    #[test]
    fn waits_are_said_as_people_say_them() {
        assert_eq!(wait_range((0, 1)), (0, 1, WaitUnit::Minutes));
        assert_eq!(wait_range((75, 120)), (75, 120, WaitUnit::Minutes));
        assert_eq!(wait_range((90, 180)), (1, 3, WaitUnit::Hours));
    }
}
