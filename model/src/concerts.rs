//! Concerts and their sales.

mod browse;
mod slug;

pub use crate::ids::ConcertId;
pub use browse::{
    ConcertArguments, ConcertPage, ConcertQuery, ConcertSection, ConcertSections, ConcertSort,
    LONGEST_SEARCH, MyConcerts, SOON_DAYS, SaleGroup,
};
pub use slug::{concert_path, concert_segment, parse_segment};

use crate::posters::UploadedPoster;
use crate::refusal::Problems;
use crate::text::{line, lines, number};
use crate::{Field, ProblemKind, Refusal, time};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Genre {
    Pop,
    Indie,
    Rock,
    HipHop,
    Electronic,
    Jazz,
    Classical,
    Traditional,
}

impl Genre {
    pub const ALL: [Genre; 8] = [
        Genre::Pop,
        Genre::Indie,
        Genre::Rock,
        Genre::HipHop,
        Genre::Electronic,
        Genre::Jazz,
        Genre::Classical,
        Genre::Traditional,
    ];

    /// Returns the stable name, as stored and as written in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Genre::Pop => "pop",
            Genre::Indie => "indie",
            Genre::Rock => "rock",
            Genre::HipHop => "hip_hop",
            Genre::Electronic => "electronic",
            Genre::Jazz => "jazz",
            Genre::Classical => "classical",
            Genre::Traditional => "traditional",
        }
    }

    pub fn parse(name: &str) -> Option<Genre> {
        Genre::ALL.into_iter().find(|genre| genre.as_str() == name)
    }
}

/// State of the sale as set by the organiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// Follows the clock: opens at `sale_opens_at`, ends when the concert begins.
    Open,
    /// Clients may join and keep their places; nothing is issued.
    Paused,
    /// Permanently closed: joins are refused and nothing is issued.
    Closed,
}

impl SaleState {
    pub const ALL: [SaleState; 3] = [SaleState::Open, SaleState::Paused, SaleState::Closed];

    pub fn as_str(self) -> &'static str {
        match self {
            SaleState::Open => "open",
            SaleState::Paused => "paused",
            SaleState::Closed => "closed",
        }
    }

    pub fn parse(name: &str) -> Option<SaleState> {
        SaleState::ALL
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// What an organiser does to a running sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steering {
    Pause,
    Resume,
    /// Permanent.
    Close,
}

impl Steering {
    /// Returns the state of the sale after this action.
    pub fn state(self) -> SaleState {
        match self {
            Steering::Pause => SaleState::Paused,
            Steering::Resume => SaleState::Open,
            Steering::Close => SaleState::Closed,
        }
    }

    /// Returns the stable name, as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Steering::Pause => "pause",
            Steering::Resume => "resume",
            Steering::Close => "close",
        }
    }
}

/// Settings that an organiser changes while a sale runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    Pace { batch_size: u32, interval_ms: u32 },
    Capacity(u32),
}

/// One property of a sale, before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "field", rename_all = "snake_case")]
pub enum Changed {
    State {
        old: SaleState,
        new: SaleState,
    },
    Capacity {
        old: u32,
        new: u32,
    },
    BatchSize {
        old: u32,
        new: u32,
    },
    IntervalMs {
        old: u32,
        new: u32,
    },
    SaleOpensAt {
        old: DateTime<Utc>,
        new: DateTime<Utc>,
    },
    StartsAt {
        old: DateTime<Utc>,
        new: DateTime<Utc>,
    },
    /// The concert was a draft before.
    Published,
}

/// Who changed what about a sale, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleChange {
    /// Nickname of the account; `None` if the account is gone.
    pub by: Option<String>,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub changed: Changed,
}

/// Phase of a sale at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before `sale_opens_at`.
    Upcoming,
    Selling,
    Paused,
    /// No ticket is left; the queue continues as the waiting list.
    SoldOut,
    /// Closed by the organiser, or the concert has begun.
    Over,
}

/// A concert as every visitor sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concert {
    pub id: ConcertId,
    pub title: String,
    pub artist: String,
    pub genre: Genre,
    pub venue: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub running_minutes: u32,
    /// Korean won, taxes included; 0 is free.
    pub price_won: u32,
    pub description: String,
    pub capacity: u32,
    /// Live tickets.
    pub issued: u32,
    pub sale_opens_at: DateTime<Utc>,
    pub state: SaleState,
    /// Upper bound on tickets issued per interval.
    pub batch_size: u32,
    pub interval_ms: u32,
    /// `None` if no poster was uploaded; one is then drawn from the concert's data.
    #[serde(default)]
    pub poster: Option<UploadedPoster>,
    /// Visible only to its organiser and to admins until it is published.
    #[serde(default)]
    pub draft: bool,
}

impl Concert {
    /// Returns the number of tickets that can still be issued.
    pub fn left(&self) -> u32 {
        self.capacity.saturating_sub(self.issued)
    }

    pub fn phase(&self, now: DateTime<Utc>) -> Phase {
        self.sale().phase(now)
    }

    /// Returns the fields that determine the phase of the sale.
    pub fn sale(&self) -> SaleStatus {
        SaleStatus {
            concert_id: self.id,
            capacity: self.capacity,
            left: self.left(),
            sale_opens_at: self.sale_opens_at,
            starts_at: self.starts_at,
            state: self.state,
        }
    }
}

/// The fields of a concert that determine the phase of its sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleStatus {
    pub concert_id: ConcertId,
    pub capacity: u32,
    /// Tickets that can still be issued.
    pub left: u32,
    pub sale_opens_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub state: SaleState,
}

impl SaleStatus {
    pub fn phase(&self, now: DateTime<Utc>) -> Phase {
        if self.state == SaleState::Closed || now >= self.starts_at {
            Phase::Over
        } else if now < self.sale_opens_at {
            Phase::Upcoming
        } else if self.left == 0 {
            Phase::SoldOut
        } else if self.state == SaleState::Paused {
            Phase::Paused
        } else {
            Phase::Selling
        }
    }
}

/// One concert, and the clock that its countdown follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertView {
    pub concert: Concert,
    pub server_time: DateTime<Utc>,
    /// Whether the reader may edit it.
    pub editable: bool,
}

/// The concert form as it was typed. Every field is text, so that each invalid one gets its own
/// problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertForm {
    pub title: String,
    pub artist: String,
    pub genre: String,
    pub venue: String,
    /// Korean time, as `<input type="datetime-local">` sends it.
    pub starts_at: String,
    pub ends_at: String,
    pub running_minutes: String,
    pub price_won: String,
    #[serde(default)]
    pub description: String,
    pub capacity: String,
    pub sale_opens_at: String,
    /// Empty means [`DEFAULT_BATCH_SIZE`].
    #[serde(default)]
    pub batch_size: String,
    /// Empty means [`DEFAULT_INTERVAL_MS`].
    #[serde(default)]
    pub interval_ms: String,
}

pub const DEFAULT_BATCH_SIZE: u32 = 10;
pub const DEFAULT_INTERVAL_MS: u32 = 1000;

/// What an organiser decides about a concert, each value within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcertDetails {
    pub title: String,
    pub artist: String,
    pub genre: Genre,
    pub venue: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub running_minutes: u32,
    pub price_won: u32,
    pub description: String,
    pub capacity: u32,
    pub sale_opens_at: DateTime<Utc>,
    pub batch_size: u32,
    pub interval_ms: u32,
}

impl ConcertForm {
    /// All fields of the form.
    pub const FIELDS: [Field; 13] = [
        Field::Title,
        Field::Artist,
        Field::Genre,
        Field::Venue,
        Field::StartsAt,
        Field::EndsAt,
        Field::RunningMinutes,
        Field::PriceWon,
        Field::Description,
        Field::Capacity,
        Field::SaleOpensAt,
        Field::BatchSize,
        Field::IntervalMs,
    ];

    /// Parses every field, or returns all problems at once.
    pub fn parse(self) -> Result<ConcertDetails, Refusal> {
        let mut problems = Problems::default();
        let p = &mut problems;
        let title = p.check(Field::Title, line(&self.title, 1, 120));
        let artist = p.check(Field::Artist, line(&self.artist, 1, 120));
        let genre = p.check(Field::Genre, parse_genre(&self.genre));
        let venue = p.check(Field::Venue, line(&self.venue, 1, 120));
        let starts_at = p.check(Field::StartsAt, time::parse_local(&self.starts_at));
        let ends_at = p.check(Field::EndsAt, time::parse_local(&self.ends_at));
        let running = p.check(
            Field::RunningMinutes,
            number(&self.running_minutes, 1, 1440),
        );
        let price = p.check(Field::PriceWon, number(&self.price_won, 0, 100_000_000));
        let description = p.check(Field::Description, lines(&self.description, 0, 10_000));
        let capacity = p.check(Field::Capacity, parse_capacity(&self.capacity));
        let opens = p.check(Field::SaleOpensAt, time::parse_local(&self.sale_opens_at));
        let batch = p.check(
            Field::BatchSize,
            or(&self.batch_size, DEFAULT_BATCH_SIZE, parse_batch_size),
        );
        let interval = p.check(
            Field::IntervalMs,
            or(&self.interval_ms, DEFAULT_INTERVAL_MS, parse_interval),
        );
        if let (Some(start), Some(end)) = (starts_at, ends_at)
            && end <= start
        {
            p.add(Field::EndsAt, ProblemKind::EndBeforeStart);
        }
        if let (Some(start), Some(end), Some(running)) = (starts_at, ends_at, running)
            && end > start
            && running > (end - start).num_minutes()
        {
            let most = (end - start).num_minutes();
            p.add(
                Field::RunningMinutes,
                ProblemKind::OutOfRange { least: 1, most },
            );
        }
        if let (Some(start), Some(opens)) = (starts_at, opens)
            && opens >= start
        {
            p.add(Field::SaleOpensAt, ProblemKind::OpensAfterStart);
        }
        if !problems.is_empty() {
            return Err(problems.into_refusal());
        }
        // Every check passed, so every value is present. If one is missing nevertheless, there is
        // no problem to report, so the result is `Refusal::Internal`.
        (|| {
            Some(ConcertDetails {
                title: title?,
                artist: artist?,
                genre: genre?,
                venue: venue?,
                starts_at: starts_at?,
                ends_at: ends_at?,
                running_minutes: running? as u32,
                price_won: price? as u32,
                description: description?,
                capacity: capacity?,
                sale_opens_at: opens?,
                batch_size: batch?,
                interval_ms: interval?,
            })
        })()
        .ok_or(Refusal::Internal)
    }
}

impl From<&Concert> for ConcertForm {
    /// Returns the form that changes nothing when parsed.
    fn from(concert: &Concert) -> ConcertForm {
        ConcertForm {
            title: concert.title.clone(),
            artist: concert.artist.clone(),
            genre: concert.genre.as_str().to_owned(),
            venue: concert.venue.clone(),
            starts_at: time::to_local(concert.starts_at),
            ends_at: time::to_local(concert.ends_at),
            running_minutes: concert.running_minutes.to_string(),
            price_won: concert.price_won.to_string(),
            description: concert.description.clone(),
            capacity: concert.capacity.to_string(),
            sale_opens_at: time::to_local(concert.sale_opens_at),
            batch_size: concert.batch_size.to_string(),
            interval_ms: concert.interval_ms.to_string(),
        }
    }
}

fn parse_genre(raw: &str) -> Result<Genre, ProblemKind> {
    match raw.trim() {
        "" => Err(ProblemKind::Missing),
        name => Genre::parse(name).ok_or(ProblemKind::Malformed),
    }
}

/// Parses the number of tickets in all.
pub(crate) fn parse_capacity(raw: &str) -> Result<u32, ProblemKind> {
    number(raw, 1, 1_000_000).map(|tickets| tickets as u32)
}

/// Parses the number of tickets per batch.
pub(crate) fn parse_batch_size(raw: &str) -> Result<u32, ProblemKind> {
    number(raw, 1, 1000).map(|tickets| tickets as u32)
}

/// Parses the milliseconds between batches.
pub(crate) fn parse_interval(raw: &str) -> Result<u32, ProblemKind> {
    number(raw, 100, 3_600_000).map(|milliseconds| milliseconds as u32)
}

fn or(
    raw: &str,
    default: u32,
    parse: fn(&str) -> Result<u32, ProblemKind>,
) -> Result<u32, ProblemKind> {
    match raw.trim() {
        "" => Ok(default),
        typed => parse(typed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> ConcertForm {
        ConcertForm {
            title: "한강의 밤".into(),
            artist: "Low Tide".into(),
            genre: "indie".into(),
            venue: "Nodeul Live House".into(),
            starts_at: "2026-12-31T19:00".into(),
            ends_at: "2026-12-31T21:00".into(),
            running_minutes: "110".into(),
            price_won: "66,000".into(),
            description: String::new(),
            capacity: "300".into(),
            sale_opens_at: "2026-12-01T20:00".into(),
            batch_size: String::new(),
            interval_ms: String::new(),
        }
    }

    #[test]
    fn steering_is_called_what_serde_calls_it() {
        for action in [Steering::Pause, Steering::Resume, Steering::Close] {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }

    #[test]
    fn a_change_is_flat_json() {
        let at = DateTime::from_timestamp(1_795_231_866, 0).unwrap();
        let change = SaleChange {
            by: Some("mina".into()),
            at,
            changed: Changed::Capacity { old: 40, new: 400 },
        };
        let json =
            serde_json::json!({"by": "mina", "at": at, "field": "capacity", "old": 40, "new": 400});
        assert_eq!(serde_json::to_value(&change).unwrap(), json);
        assert_eq!(serde_json::from_value::<SaleChange>(json).unwrap(), change);
    }

    fn problems(form: ConcertForm) -> Vec<(Field, ProblemKind)> {
        match form.parse() {
            Err(Refusal::Invalid { problems }) => {
                problems.into_iter().map(|p| (p.field, p.kind)).collect()
            }
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn defaults_are_ten_a_second() {
        let details = form().parse().unwrap();
        assert_eq!(
            (details.batch_size, details.interval_ms, details.price_won),
            (10, 1000, 66_000)
        );
    }

    /// The concert lasts from 19:00 to 21:00.
    #[test]
    fn a_running_time_fits_between_beginning_and_end() {
        let lasts = |minutes: &str| ConcertForm {
            running_minutes: minutes.into(),
            ..form()
        };
        assert_eq!(lasts("120").parse().unwrap().running_minutes, 120);
        let out_of_range = ProblemKind::OutOfRange {
            least: 1,
            most: 120,
        };
        assert_eq!(
            problems(lasts("121")),
            [(Field::RunningMinutes, out_of_range)]
        );
        // If the end is wrong, only that problem is reported.
        let neither = ConcertForm {
            ends_at: "2026-12-31T18:00".into(),
            ..lasts("121")
        };
        assert_eq!(
            problems(neither),
            [(Field::EndsAt, ProblemKind::EndBeforeStart)]
        );
    }

    #[test]
    fn each_wrong_field_is_named() {
        assert_eq!(
            problems(ConcertForm {
                ends_at: "2026-12-31T18:00".into(),
                ..form()
            }),
            [(Field::EndsAt, ProblemKind::EndBeforeStart)]
        );
        assert_eq!(
            problems(ConcertForm {
                sale_opens_at: "2027-01-01T00:00".into(),
                ..form()
            }),
            [(Field::SaleOpensAt, ProblemKind::OpensAfterStart)]
        );
        assert_eq!(
            problems(ConcertForm {
                starts_at: "tomorrow".into(),
                ..form()
            }),
            [(Field::StartsAt, ProblemKind::Malformed)]
        );
        assert_eq!(
            problems(ConcertForm {
                price_won: "-1".into(),
                capacity: "0".into(),
                ..form()
            })
            .iter()
            .map(|(field, _)| *field)
            .collect::<Vec<_>>(),
            [Field::PriceWon, Field::Capacity]
        );
        assert_eq!(problems(ConcertForm::default()).len(), 10);
    }

    #[test]
    fn an_untouched_edit_form_changes_nothing() {
        let details = form().parse().unwrap();
        let concert = Concert {
            id: ConcertId(1),
            title: details.title.clone(),
            artist: details.artist.clone(),
            genre: details.genre,
            venue: details.venue.clone(),
            starts_at: details.starts_at,
            ends_at: details.ends_at,
            running_minutes: details.running_minutes,
            price_won: details.price_won,
            description: details.description.clone(),
            capacity: details.capacity,
            issued: 0,
            sale_opens_at: details.sale_opens_at,
            state: SaleState::Open,
            batch_size: details.batch_size,
            interval_ms: details.interval_ms,
            poster: None,
            draft: false,
        };
        assert_eq!(ConcertForm::from(&concert).parse(), Ok(details));
    }
}
