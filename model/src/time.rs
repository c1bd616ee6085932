//! Instants as users read and write them.
//!
//! Concerts are sold and held in Korea: dates are shown and typed in Korean Standard Time, which
//! has no daylight saving time, and always say so. Server and browser therefore print the same
//! text, regardless of the time zone that either is set to.

use crate::ProblemKind;
use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc,
};
use std::ops::Range;

/// The years that a concert can be in.
pub const YEARS: Range<i32> = 2000..2200;

/// Korean Standard Time, UTC+9.
pub fn kst() -> FixedOffset {
    FixedOffset::east_opt(9 * 3600).expect("nine hours are a valid offset")
}

/// Returns the day in Korea.
pub fn day(instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&kst()).date_naive()
}

/// Returns the instant at which a day begins in Korea.
pub fn begin_of(day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN) - TimeDelta::hours(9);
    midnight.and_utc()
}

/// Parses a date within [`YEARS`] as `<input type="datetime-local">` sends it (`2026-12-31T19:00`,
/// seconds optional), in Korean time. Also accepts RFC 3339.
pub fn parse_local(raw: &str) -> Result<DateTime<Utc>, ProblemKind> {
    let raw = raw.trim();
    if raw.is_empty() {
        return Err(ProblemKind::Missing);
    }
    [
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %H:%M:%S",
    ]
    .iter()
    .find_map(|format| NaiveDateTime::parse_from_str(raw, format).ok())
    .and_then(|naive| naive.and_local_timezone(kst()).single())
    .map(|local| local.with_timezone(&Utc))
    .or_else(|| {
        DateTime::parse_from_rfc3339(raw)
            .ok()
            .map(|t| t.with_timezone(&Utc))
    })
    .filter(|instant| YEARS.contains(&instant.year()))
    .ok_or(ProblemKind::Malformed)
}

/// Returns the value of an `<input type="datetime-local">` for an instant, with seconds only if
/// they are not zero.
pub fn to_local(instant: DateTime<Utc>) -> String {
    let local = instant.with_timezone(&kst());
    let format = if instant.timestamp() % 60 == 0 {
        "%Y-%m-%dT%H:%M"
    } else {
        "%Y-%m-%dT%H:%M:%S"
    };
    local.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_what_is_parsed(seconds in 946_728_000i64..4_102_444_800) {
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            prop_assert_eq!(parse_local(&to_local(instant)), Ok(instant));
        }

        #[test]
        fn a_day_begins_once(seconds in 946_728_000i64..4_102_444_800) {
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            let today = day(instant);
            prop_assert!(begin_of(today) <= instant && instant < begin_of(today + chrono::Days::new(1)));
        }

        #[test]
        fn no_text_panics(raw in ".{0,40}") {
            let _ = parse_local(&raw);
        }
    }

    #[test]
    fn seven_in_the_evening_in_seoul_is_ten_in_the_morning_in_utc() {
        assert_eq!(
            parse_local("2026-12-31T19:00").unwrap().to_rfc3339(),
            "2026-12-31T10:00:00+00:00"
        );
        assert_eq!(parse_local("31.12.2026"), Err(ProblemKind::Malformed));
        assert_eq!(parse_local(" "), Err(ProblemKind::Missing));
    }
}
