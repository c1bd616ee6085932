//! Queries on the list of concerts, and their results.

use super::{Concert, Genre, Phase};
use crate::text::number;
use crate::{Refusal, time};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Sales that open within this many days are in [`SaleGroup::Soon`].
pub const SOON_DAYS: i64 = 7;
/// Longest search, in characters after composition (NFC): a syllable of Hangul counts as one even
/// if a system sends it decomposed.
pub const LONGEST_SEARCH: usize = 120;
/// Highest price of a concert, in won.
const HIGHEST_PRICE: i64 = 100_000_000;

/// Group of a concert in the list. At any instant every concert is in exactly one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleGroup {
    /// The sale has opened and tickets are left; includes paused sales.
    Selling,
    /// Opens within [`SOON_DAYS`].
    Soon,
    /// Opens later than that, or is sold out and has a waiting list.
    Later,
    /// Closed, or the concert has begun.
    Past,
}

impl SaleGroup {
    pub const ALL: [SaleGroup; 4] = [
        SaleGroup::Selling,
        SaleGroup::Soon,
        SaleGroup::Later,
        SaleGroup::Past,
    ];

    /// Returns the stable name, as written in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            SaleGroup::Selling => "selling",
            SaleGroup::Soon => "soon",
            SaleGroup::Later => "later",
            SaleGroup::Past => "past",
        }
    }

    pub fn parse(name: &str) -> Option<SaleGroup> {
        SaleGroup::ALL
            .into_iter()
            .find(|group| group.as_str() == name)
    }
}

impl Concert {
    pub fn group(&self, now: DateTime<Utc>) -> SaleGroup {
        match self.phase(now) {
            Phase::Selling | Phase::Paused => SaleGroup::Selling,
            Phase::Upcoming if self.sale_opens_at <= now + TimeDelta::days(SOON_DAYS) => {
                SaleGroup::Soon
            }
            Phase::Upcoming | Phase::SoldOut => SaleGroup::Later,
            Phase::Over => SaleGroup::Past,
        }
    }
}

/// Order of the list. In every order [`SaleGroup::Past`] comes last; orders by time list it latest
/// first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcertSort {
    /// Selling (soonest concert first), then the soonest opening, then sold out.
    #[default]
    Sale,
    /// Soonest concert first.
    Date,
    PriceLow,
    PriceHigh,
    /// Newest announcement first.
    Newest,
}

impl ConcertSort {
    pub const ALL: [ConcertSort; 5] = [
        ConcertSort::Sale,
        ConcertSort::Date,
        ConcertSort::PriceLow,
        ConcertSort::PriceHigh,
        ConcertSort::Newest,
    ];

    /// Returns the stable name, as written in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            ConcertSort::Sale => "sale",
            ConcertSort::Date => "date",
            ConcertSort::PriceLow => "price_low",
            ConcertSort::PriceHigh => "price_high",
            ConcertSort::Newest => "newest",
        }
    }

    pub fn parse(name: &str) -> Option<ConcertSort> {
        ConcertSort::ALL
            .into_iter()
            .find(|sort| sort.as_str() == name)
    }
}

/// What to list. The default is every concert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConcertQuery {
    /// Words that must all occur in title, artist or venue; Korean also matches by initial
    /// consonants. Empty means no search.
    pub search: String,
    pub genre: Option<Genre>,
    /// Concerts that begin on this day in Korea or later.
    pub from: Option<NaiveDate>,
    /// Concerts that begin on this day in Korea or earlier.
    pub to: Option<NaiveDate>,
    pub price_from: Option<u32>,
    pub price_to: Option<u32>,
    pub sale: Option<SaleGroup>,
    pub sort: ConcertSort,
    /// Counts from 1. 0 means the first page as well; a number beyond the last page means the last.
    pub page: u32,
}

impl ConcertQuery {
    /// Returns whether any filter is set. Order and page are not filters.
    pub fn is_narrow(&self) -> bool {
        let ConcertQuery {
            search,
            genre,
            from,
            to,
            price_from,
            price_to,
            sale,
            sort: _,
            page: _,
        } = self;
        !search.is_empty()
            || genre.is_some()
            || from.is_some()
            || to.is_some()
            || price_from.is_some()
            || price_to.is_some()
            || sale.is_some()
    }

    /// Returns whether the URL has no arguments; home then shows its sections.
    pub fn is_plain(&self) -> bool {
        !self.is_narrow() && self.sort == ConcertSort::default() && self.page <= 1
    }

    /// Returns the arguments of a URL for this query, without those that have their default value.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        let mut arguments = Vec::new();
        let mut say = |name, value: Option<String>| {
            if let Some(value) = value {
                arguments.push((name, value));
            }
        };
        say(
            "search",
            Some(self.search.clone()).filter(|text| !text.is_empty()),
        );
        say("genre", self.genre.map(|genre| genre.as_str().to_owned()));
        say("from", self.from.map(|day| day.to_string()));
        say("to", self.to.map(|day| day.to_string()));
        say("price_from", self.price_from.map(|won| won.to_string()));
        say("price_to", self.price_to.map(|won| won.to_string()));
        say("sale", self.sale.map(|group| group.as_str().to_owned()));
        let sort = Some(self.sort).filter(|sort| *sort != ConcertSort::default());
        say("sort", sort.map(|sort| sort.as_str().to_owned()));
        say("page", (self.page > 1).then(|| self.page.to_string()));
        arguments
    }
}

/// A [`ConcertQuery`] as written in a URL: every argument is text, and an empty one means not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConcertArguments {
    pub search: String,
    pub genre: String,
    pub from: String,
    pub to: String,
    pub price_from: String,
    pub price_to: String,
    pub sale: String,
    pub sort: String,
}

impl ConcertArguments {
    /// Returns [`Refusal::Malformed`] if an argument is invalid, as every request to the API does.
    pub fn parse(&self, page: u32) -> Result<ConcertQuery, Refusal> {
        match self.read(page) {
            (query, false) => Ok(query),
            (_, true) => Err(Refusal::Malformed),
        }
    }

    /// Ignores invalid arguments, for URLs that users type and share.
    pub fn forgive(&self, page: u32) -> ConcertQuery {
        self.read(page).0
    }

    /// Returns what can be parsed, and whether any argument was invalid.
    fn read(&self, page: u32) -> (ConcertQuery, bool) {
        let mut nonsense = false;
        let search: String = self.search.trim().nfc().collect();
        if search.chars().count() > LONGEST_SEARCH {
            nonsense = true;
        }
        let query = ConcertQuery {
            search: search.chars().take(LONGEST_SEARCH).collect(),
            genre: asked(&self.genre, Genre::parse, &mut nonsense),
            from: asked(&self.from, parse_day, &mut nonsense),
            to: asked(&self.to, parse_day, &mut nonsense),
            price_from: asked(&self.price_from, parse_price, &mut nonsense),
            price_to: asked(&self.price_to, parse_price, &mut nonsense),
            sale: asked(&self.sale, SaleGroup::parse, &mut nonsense),
            sort: asked(&self.sort, ConcertSort::parse, &mut nonsense).unwrap_or_default(),
            page: page.max(1),
        };
        (query, nonsense)
    }
}

fn asked<T>(raw: &str, parse: impl Fn(&str) -> Option<T>, nonsense: &mut bool) -> Option<T> {
    let raw = raw.trim();
    if raw.is_empty() {
        return None;
    }
    let value = parse(raw);
    *nonsense |= value.is_none();
    value
}

/// Parses a date as `<input type="date">` sends it, within the years that a concert can be in.
fn parse_day(raw: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(raw, "%Y-%m-%d").ok()?;
    time::YEARS.contains(&day.year()).then_some(day)
}

fn parse_price(raw: &str) -> Option<u32> {
    number(raw, 0, HIGHEST_PRICE).ok().map(|won| won as u32)
}

/// One page of concerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertPage {
    pub concerts: Vec<Concert>,
    pub page: u32,
    pub pages: u32,
    pub total: u64,
    /// The clock that phases and countdowns follow.
    pub server_time: DateTime<Utc>,
}

/// One group as home shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertSection {
    pub group: SaleGroup,
    /// The first concerts of the group.
    pub concerts: Vec<Concert>,
    /// Number of concerts in the group.
    pub total: u64,
}

/// Home: what is selling, what opens soon, and what comes later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertSections {
    /// Selling, soon, later, in this order; empty sections are included.
    pub sections: Vec<ConcertSection>,
    pub server_time: DateTime<Utc>,
}

/// The concerts of an organiser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MyConcerts {
    pub concerts: Vec<Concert>,
    pub server_time: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arguments() -> impl Strategy<Value = ConcertArguments> {
        let of =
            |names: &'static [&'static str]| prop::sample::select(names).prop_map(String::from);
        (
            "[ 가-힣a-zㄱ-ㅎ%]{0,8}",
            of(&["", "jazz", "hip_hop", "polka"]),
            of(&[
                "",
                "2026-12-01",
                " 2026-12-31 ",
                "2026-02-30",
                "9999-01-01",
                "soon",
            ]),
            of(&["", "2027-01-31", "31.1.2027"]),
            of(&["", "0", "10,000", "-1", "100000001", "ten"]),
            of(&["", "0", "66000", "66000.5"]),
            of(&["", "selling", "past", "gone"]),
            of(&["", "date", "newest", "price_low", "random"]),
        )
            .prop_map(
                |(search, genre, from, to, price_from, price_to, sale, sort)| ConcertArguments {
                    search,
                    genre,
                    from,
                    to,
                    price_from,
                    price_to,
                    sale,
                    sort,
                },
            )
    }

    fn from_address(query: &ConcertQuery) -> (ConcertArguments, u32) {
        let mut arguments = ConcertArguments::default();
        let mut page = 1;
        for (name, value) in query.arguments() {
            match name {
                "search" => arguments.search = value,
                "genre" => arguments.genre = value,
                "from" => arguments.from = value,
                "to" => arguments.to = value,
                "price_from" => arguments.price_from = value,
                "price_to" => arguments.price_to = value,
                "sale" => arguments.sale = value,
                "sort" => arguments.sort = value,
                "page" => page = value.parse().unwrap(),
                other => panic!("{other}"),
            }
        }
        (arguments, page)
    }

    proptest! {
        #[test]
        fn nonsense_is_refused_or_not_asked_and_the_rest_is_kept(asked in arguments(), page in 0u32..5) {
            let forgiven = asked.forgive(page);
            // The forgiven query written as a URL parses to itself, without invalid arguments.
            let (again, page) = from_address(&forgiven);
            prop_assert_eq!(again.parse(page), Ok(forgiven.clone()));
            match asked.parse(page) {
                Ok(query) => prop_assert_eq!(query, forgiven),
                Err(refusal) => prop_assert_eq!(refusal, Refusal::Malformed),
            }
        }

        #[test]
        fn no_text_panics(raw in ".{0,200}") {
            let asked = ConcertArguments { search: raw.clone(), from: raw.clone(), price_to: raw.clone(), sort: raw, ..Default::default() };
            prop_assert!(asked.forgive(1).search.chars().count() <= LONGEST_SEARCH);
        }
    }

    #[test]
    fn each_kind_of_nonsense_is_malformed() {
        let asked = |change: fn(&mut ConcertArguments)| {
            let mut arguments = ConcertArguments::default();
            change(&mut arguments);
            arguments.parse(1)
        };
        for change in [
            (|a| a.genre = "polka".into()) as fn(&mut ConcertArguments),
            |a| a.from = "2026-02-30".into(),
            |a| a.to = "tomorrow".into(),
            |a| a.price_from = "-1".into(),
            |a| a.price_to = "cheap".into(),
            |a| a.sale = "gone".into(),
            |a| a.sort = "random".into(),
            |a| a.search = "a".repeat(121),
            |a| a.search = "각".nfd().collect::<String>().repeat(121),
        ] {
            assert_eq!(asked(change), Err(Refusal::Malformed));
        }
        // Decomposed as macOS sends them: three characters each, which compose to one.
        let longest = asked(|a| a.search = "각".nfd().collect::<String>().repeat(120));
        assert_eq!(longest.unwrap().search, "각".repeat(120));
        assert!(asked(|_| ()).is_ok_and(|query| query.is_plain()));
    }
}
