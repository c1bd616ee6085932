//! Calendar events of a concert and of the opening of its sale, as iCalendar (RFC 5545).

use chrono::{DateTime, TimeDelta, Utc};
use model::concerts::Concert;
use services::concerts::CalendarVersion;

/// Upper bound on the octets of a line, without its line break. Longer lines are folded.
const LONGEST_LINE: usize = 75;

/// Duration of the opening of a sale in a calendar, which has no entries without a duration.
const OPENING: TimeDelta = TimeDelta::minutes(30);

/// Returns the event of a concert, with a reminder two hours before. The description consists of
/// `about` and `address`, the page with the details.
///
/// A concert's event has the same UID wherever it is offered: importing it twice yields one event,
/// and importing it with a later `version` updates that event.
pub fn calendar(
    concert: &Concert,
    version: CalendarVersion,
    about: &str,
    address: &str,
    public_url: &str,
    now: DateTime<Utc>,
) -> String {
    let event = Event {
        what: "concert",
        from: concert.starts_at,
        until: concert.ends_at,
        summary: &concert.title,
        before: "-PT2H",
    };
    event.written(concert, version, about, address, public_url, now)
}

/// Returns the event of the opening of a concert's sale, titled `summary`, with a reminder ten
/// minutes before.
pub fn opening(
    concert: &Concert,
    version: CalendarVersion,
    summary: &str,
    address: &str,
    public_url: &str,
    now: DateTime<Utc>,
) -> String {
    let event = Event {
        what: "sale",
        from: concert.sale_opens_at,
        until: concert.sale_opens_at + OPENING,
        summary,
        before: "-PT10M",
    };
    event.written(concert, version, &concert.artist, address, public_url, now)
}

struct Event<'a> {
    what: &'static str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    summary: &'a str,
    /// Trigger of the reminder, relative to the start.
    before: &'static str,
}

impl Event<'_> {
    fn written(
        &self,
        concert: &Concert,
        version: CalendarVersion,
        about: &str,
        address: &str,
        public_url: &str,
        now: DateTime<Utc>,
    ) -> String {
        let host = public_url
            .split_once("://")
            .map_or(public_url, |(_, host)| host);
        let uid = format!("{}-{}@{host}", self.what, concert.id);
        let mut lines = Lines::default();
        lines.put("BEGIN", "VCALENDAR");
        lines.put("VERSION", "2.0");
        lines.put("PRODID", "-//Frontrow//Frontrow//EN");
        lines.put("METHOD", "PUBLISH");
        lines.put("BEGIN", "VEVENT");
        lines.put("UID", &uid);
        lines.put("DTSTAMP", &instant(now));
        lines.put("LAST-MODIFIED", &instant(version.changed_at));
        lines.put("SEQUENCE", &version.sequence.to_string());
        // A published event needs an organizer (RFC 5546, 3.2.1). There is no mailbox, so it is the
        // address of the site.
        lines.put("ORGANIZER;CN=Frontrow", public_url);
        lines.put("DTSTART", &instant(self.from));
        lines.put("DTEND", &instant(self.until));
        lines.put("SUMMARY", &text(self.summary));
        lines.put("LOCATION", &text(&concert.venue));
        lines.put("DESCRIPTION", &text(&format!("{about}\n{address}")));
        lines.put("URL", address);
        lines.put("BEGIN", "VALARM");
        lines.put("ACTION", "DISPLAY");
        lines.put("DESCRIPTION", &text(self.summary));
        lines.put("TRIGGER", self.before);
        lines.put("END", "VALARM");
        lines.put("END", "VEVENT");
        lines.put("END", "VCALENDAR");
        lines.0
    }
}

/// Formats an instant in UTC, so that calendars need no time zone data for Korea.
fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// Escapes a text as a property value. Drops control characters, which are not allowed there.
fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len() + 8);
    for c in raw.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' => escaped.push_str("\\n"),
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// Appends one content line, folded to at most [`LONGEST_LINE`] octets without splitting a
    /// character.
    fn put(&mut self, name: &str, value: &str) {
        let mut used = 0;
        for c in name.chars().chain([':']).chain(value.chars()) {
            if used + c.len_utf8() > LONGEST_LINE {
                self.0.push_str("\r\n ");
                used = 1;
            }
            self.0.push(c);
            used += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concerts::example;
    use icalendar::{Component, EventLike};
    use proptest::prelude::*;

    const HOST: &str = "https://tickets.example";
    const VERSION: CalendarVersion = CalendarVersion {
        sequence: 3,
        changed_at: DateTime::UNIX_EPOCH,
    };

    fn concert(title: &str, venue: &str) -> Concert {
        Concert {
            title: title.to_owned(),
            venue: venue.to_owned(),
            ..example()
        }
    }

    fn made(title: &str, venue: &str, about: &str) -> String {
        let address = format!("{HOST}/concerts/14");
        calendar(
            &concert(title, venue),
            VERSION,
            about,
            &address,
            HOST,
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn an_event_is_what_other_programs_take_it_for() {
        let text = made(
            "한강, 불이 꺼지면; 그리고 \\ 밤",
            "노들섬",
            "Low Tide\nTicket 12",
        );
        let calendar: icalendar::Calendar = text.parse().unwrap();
        let event = calendar.components[0].as_event().unwrap();
        assert_eq!(event.get_uid(), Some("concert-14@tickets.example"));
        assert_eq!(event.get_summary(), Some("한강, 불이 꺼지면; 그리고 \\ 밤"));
        assert_eq!(event.get_location(), Some("노들섬"));
        assert_eq!(event.property_value("DTSTART"), Some("20261121T103000Z"));
        assert_eq!(event.property_value("DTEND"), Some("20261121T123000Z"));
        assert_eq!(event.property_value("SEQUENCE"), Some("3"));
        let modified = event.property_value("LAST-MODIFIED");
        assert_eq!(modified, Some("19700101T000000Z"));
        assert_eq!(event.property_value("ORGANIZER"), Some(HOST));
        assert_eq!(
            event.property_value("URL"),
            Some("https://tickets.example/concerts/14")
        );
        let about = event.get_description().unwrap();
        assert_eq!(
            about,
            "Low Tide\nTicket 12\nhttps://tickets.example/concerts/14"
        );
        assert!(
            text.contains("\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\n")
                && text.contains("\r\nTRIGGER:-PT2H\r\n")
        );
    }

    #[test]
    fn the_opening_of_a_sale_is_an_event_of_its_own() {
        let concert = concert("한강", "노들섬");
        let address = format!("{HOST}/concerts/14");
        let text = opening(
            &concert,
            VERSION,
            "예매 시작: 한강",
            &address,
            HOST,
            DateTime::UNIX_EPOCH,
        );
        let calendar: icalendar::Calendar = text.parse().unwrap();
        let event = calendar.components[0].as_event().unwrap();
        assert_eq!(event.get_uid(), Some("sale-14@tickets.example"));
        assert_eq!(event.get_summary(), Some("예매 시작: 한강"));
        assert_eq!(event.property_value("DTSTART"), Some("20261121T103000Z"));
        assert_eq!(event.property_value("DTEND"), Some("20261121T110000Z"));
        assert!(text.contains("\r\nTRIGGER:-PT10M\r\n"));
    }

    proptest! {
        #[test]
        fn whatever_people_type_is_one_event(title in "\\PC{1,120}|[가-힣 ]{1,120}", venue in "(?s).{1,120}", about in "[\\x00-\\x7f]{0,200}") {
            let text = made(&title, &venue, &about);
            prop_assert!(text.ends_with("END:VCALENDAR\r\n"));
            let lines: Vec<&str> = text.split("\r\n").collect();
            for line in &lines {
                prop_assert!(line.len() <= LONGEST_LINE && !line.contains(char::is_control), "{line:?}");
            }
            // Once unfolded, the lines are exactly those written here: no typed text starts a line.
            let unfolded = text.replace("\r\n ", "");
            let names: Vec<&str> = unfolded.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
            prop_assert_eq!(names, [
                "BEGIN", "VERSION", "PRODID", "METHOD", "BEGIN", "UID", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE",
                "ORGANIZER;CN=Frontrow", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "DESCRIPTION", "URL", "BEGIN", "ACTION", "DESCRIPTION", "TRIGGER", "END", "END", "END",
            ]);
            let summary = unfolded.lines().find_map(|line| line.strip_prefix("SUMMARY:")).unwrap_or_default();
            let read = summary.replace("\\\\", "\u{0}").replace("\\,", ",").replace("\\;", ";").replace('\u{0}', "\\");
            prop_assert_eq!(read, title);
        }
    }
}
