//! Finding concerts: which are found, in which order, on which page.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use model::concerts::{
    Concert, ConcertDetails, ConcertId, ConcertQuery, ConcertSort, Genre, SaleGroup,
};
use model::{is_invisible, time};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use services::concerts::{self, PER_PAGE, PER_SECTION};
use support::{World, world};
use unicode_normalization::UnicodeNormalization;

/// Returns a random value of the strategy.
fn some<S: Strategy>(runner: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

impl World {
    /// Inserts a concert directly, so that it may also be over or sold out.
    async fn stored(&self, details: &ConcertDetails, state: &str, issued: u32) -> Concert {
        let id = sqlx::query_scalar::<_, i64>(
            "INSERT INTO concerts (title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description,
                                   capacity, sale_opens_at, batch_size, interval_ms, state, issued)
             VALUES ($1, $2, $3, $4, $5, $6, 90, $7, '', $8, $9, 10, 1000, $10, $11) RETURNING id",
        )
        .bind(&details.title)
        .bind(&details.artist)
        .bind(details.genre.as_str())
        .bind(&details.venue)
        .bind(details.starts_at)
        .bind(details.starts_at + TimeDelta::hours(2))
        .bind(details.price_won as i32)
        .bind(details.capacity as i32)
        .bind(details.sale_opens_at)
        .bind(state)
        .bind(issued as i32)
        .fetch_one(&self.services.db)
        .await
        .unwrap();
        concerts::find(&self.services, ConcertId(id)).await.unwrap()
    }

    /// Returns everything found, read page by page, with the server time of the last page.
    async fn all(&self, query: &ConcertQuery) -> (Vec<Concert>, DateTime<Utc>) {
        let (mut found, mut page) = (Vec::new(), 1);
        loop {
            let query = ConcertQuery {
                page,
                ..query.clone()
            };
            let answer = concerts::list(&self.services, &query).await.unwrap();
            assert_eq!(answer.page, page);
            found.extend(answer.concerts);
            if page == answer.pages {
                assert_eq!(found.len() as u64, answer.total, "{query:?}");
                return (found, answer.server_time);
            }
            assert_eq!(found.len() as u32, page * PER_PAGE, "{query:?}");
            page += 1;
        }
    }

    async fn ids(&self, search: &str) -> Vec<ConcertId> {
        let query = ConcertQuery {
            search: search.into(),
            ..ConcertQuery::default()
        };
        let mut ids: Vec<_> = self.all(&query).await.0.iter().map(|c| c.id).collect();
        ids.sort();
        ids
    }
}

/// Reference implementation of the search, letter by letter, without regular expressions.
mod oracle {
    use super::*;

    const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
    const VOWELS: &str =
        "ㅏ ㅐ ㅑ ㅒ ㅓ ㅔ ㅕ ㅖ ㅗ ㅗㅏ ㅗㅐ ㅗㅣ ㅛ ㅜ ㅜㅓ ㅜㅔ ㅜㅣ ㅠ ㅡ ㅡㅣ ㅣ";
    const FINALS: &str = "- ㄱ ㄲ ㄱㅅ ㄴ ㄴㅈ ㄴㅎ ㄷ ㄹ ㄹㄱ ㄹㅁ ㄹㅂ ㄹㅅ ㄹㅌ ㄹㅍ ㄹㅎ ㅁ ㅂ ㅂㅅ ㅅ ㅆ ㅇ ㅈ ㅊ ㅋ ㅌ ㅍ ㅎ";

    fn nth(list: &str, n: u32) -> &str {
        list.split(' ').nth(n as usize).unwrap()
    }

    fn is_syllable(letter: char) -> bool {
        ('가'..='힣').contains(&letter)
    }

    fn is_hangul(letter: char) -> bool {
        is_syllable(letter) || ('\u{1100}'..='\u{11ff}').contains(&letter)
    }

    /// Returns the initial consonant as a compatibility letter.
    fn initial(letter: char) -> Option<char> {
        let n = match u32::from(letter) {
            code @ 0xAC00..=0xD7A3 => (code - 0xAC00) / 588,
            code @ 0x1100..=0x1112 => code - 0x1100,
            _ => return None,
        };
        INITIALS.chars().nth(n as usize)
    }

    fn last(letter: char) -> &'static str {
        nth(FINALS, (u32::from(letter) - 0xAC00) % 28)
    }

    /// Returns the keys that are pressed for a letter.
    pub fn keys(letter: char) -> String {
        if !is_syllable(letter) {
            return initial(letter).unwrap_or(letter).to_string();
        }
        let vowel = nth(VOWELS, (u32::from(letter) - 0xAC00) / 28 % 21);
        format!(
            "{}{vowel}{}",
            initial(letter).unwrap(),
            last(letter).trim_matches('-')
        )
    }

    fn fold(text: &str) -> String {
        let plain = text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
        let small = plain.collect::<String>().to_lowercase();
        small.replace('ς', "σ").nfc().collect()
    }

    fn stored(text: &str) -> Vec<char> {
        let words = fold(text);
        let spaced: Vec<char> = words
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .collect();
        let near = |n: usize| spaced.get(n).copied().is_some_and(is_hangul);
        (0..spaced.len())
            .filter(|n| spaced[*n] != ' ' || !(near(n + 1) || near(n.wrapping_sub(1))))
            .map(|n| spaced[n])
            .collect()
    }

    /// Returns whether the text begins with the word. With `typing`, its last letter may still
    /// become another one.
    fn begins(text: &[char], word: &[char], typing: bool) -> bool {
        let Some((letter, rest)) = word.split_first() else {
            return true;
        };
        let initials = |text: &[char], wanted: &str| {
            let n = wanted.chars().count();
            text.len() >= n
                && text
                    .iter()
                    .zip(wanted.chars())
                    .all(|(t, w)| initial(*t) == Some(w))
        };
        if rest.is_empty() && typing && is_syllable(*letter) {
            let typed: String = text.iter().take(3).map(|t| keys(*t)).collect();
            if typed.starts_with(&keys(*letter)) {
                return true;
            }
            // 앇 may also stand for 아ㄱㅅ.
            let open = u32::from(*letter) - (u32::from(*letter) - 0xAC00) % 28;
            return last(*letter).chars().count() == 2
                && text.first().map(|t| u32::from(*t)) == Some(open)
                && initials(&text[1..], last(*letter));
        }
        let both = match u32::from(*letter) {
            code @ 0x11A8..=0x11C2 => nth(FINALS, code - 0x11A7),
            _ => "",
        };
        if !both.is_empty() && initials(text, both) {
            return begins(&text[both.chars().count()..], rest, typing);
        }
        let fits = text.first().is_some_and(|t| {
            t == letter
                || (('\u{1100}'..='\u{1112}').contains(letter) && initial(*t) == initial(*letter))
        });
        fits && begins(&text[1..], rest, typing)
    }

    pub fn finds(concert: &Concert, search: &str) -> bool {
        let folded = fold(search);
        let words: Vec<Vec<char>> = folded
            .split_whitespace()
            .map(|w| w.chars().collect())
            .collect();
        let parts = [&concert.title, &concert.artist, &concert.venue].map(|text| stored(text));
        words.iter().all(|word| {
            let typing = Some(word) == words.last();
            let within =
                |text: &Vec<char>| (0..text.len()).any(|n| begins(&text[n..], word, typing));
            parts.iter().any(within)
        })
    }

    /// Returns the sort key of the requested order, compared as a whole.
    pub fn key(
        concert: &Concert,
        sort: ConcertSort,
        now: DateTime<Utc>,
    ) -> (bool, u8, i64, i64, i64) {
        let group = concert.group(now);
        let over = group == SaleGroup::Past;
        let (starts, opens) = (
            concert.starts_at.timestamp_micros(),
            concert.sale_opens_at.timestamp_micros(),
        );
        let (rank, key) = match sort {
            ConcertSort::PriceLow => (0, i64::from(concert.price_won)),
            ConcertSort::PriceHigh => (0, -i64::from(concert.price_won)),
            ConcertSort::Newest => (0, -concert.id.0),
            _ if over => (0, -starts),
            ConcertSort::Date => (0, starts),
            ConcertSort::Sale if group == SaleGroup::Selling => (0, starts),
            ConcertSort::Sale if concert.sale_opens_at > now => (1, opens),
            ConcertSort::Sale => (2, starts),
        };
        (over, rank, key, starts, concert.id.0)
    }
}

/// Few letters, so that texts and searches match, among them all that are special to some layer in
/// between.
fn letters(most: usize) -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        6 => prop::sample::select("가각간갂갅갑값고과괘관서섵트틀아악앇한하ㅎㅏㄱㄳㅅㅇ".chars().collect::<Vec<_>>()),
        3 => prop::sample::select("aAáÁbBéＡΣσςДдß1".chars().collect::<Vec<_>>()),
        3 => Just(' '),
        2 => prop::sample::select("%_\\'\"[](){}.*+?^$|:;-\n\t\u{3000}".chars().collect::<Vec<_>>()),
    ];
    prop::collection::vec(letter, 0..=most).prop_map(|letters| letters.into_iter().collect())
}

/// A part of a text, some of its syllables shortened to their initials, the last one possibly typed
/// only in part.
fn part_of(text: String) -> impl Strategy<Value = String> {
    let letters: Vec<char> = text.chars().collect();
    let length = letters.len();
    (0..=length, 0..=length, any::<u32>(), any::<bool>()).prop_map(move |(a, b, short, cut)| {
        let part = &letters[a.min(b)..a.max(b)];
        let last = part.len().saturating_sub(1);
        part.iter()
            .enumerate()
            .map(|(n, letter)| match letter {
                '가'..='힣' if short >> (n % 32) & 1 == 1 => {
                    oracle::keys(*letter).chars().next().unwrap()
                }
                '가'..='힣' if n == last && cut => {
                    char::from_u32(u32::from(*letter) - (u32::from(*letter) - 0xAC00) % 28).unwrap()
                }
                other => *other,
            })
            .collect()
    })
}

#[tokio::test]
async fn a_search_finds_what_it_should_and_nothing_else() {
    let world = world().await;
    let runner = &mut TestRunner::default();
    let mut all = Vec::new();
    for _ in 0..40 {
        let details = ConcertDetails {
            title: some(runner, letters(8)),
            artist: some(runner, letters(4)),
            venue: some(runner, letters(4)),
            ..world.details()
        };
        all.push(world.stored(&details, "open", 0).await);
    }
    let (mut hits, mut misses) = (0, 0);
    for n in 0..400 {
        let concert = &all[n % all.len()];
        let search = match n % 3 {
            0 => some(runner, letters(3)),
            1 => some(runner, part_of(concert.title.clone())),
            // Decomposed, as macOS passes file names.
            _ => some(runner, part_of(concert.artist.clone()))
                .nfd()
                .collect(),
        };
        let expected: Vec<_> = all
            .iter()
            .filter(|c| oracle::finds(c, &search))
            .map(|c| c.id)
            .collect();
        hits += expected.len();
        misses += all.len() - expected.len();
        assert_eq!(
            world.ids(&search).await,
            expected,
            "{search:?} in {:?}",
            all.iter()
                .map(|c| (c.id, &c.title, &c.artist, &c.venue))
                .collect::<Vec<_>>()
        );
    }
    assert!(
        hits > 400 && misses > 400,
        "{hits} and {misses} say nothing"
    );
}

#[tokio::test]
async fn korean_is_found_as_people_type_it() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let details = ConcertDetails {
        title: "강가의 밤 콘서트".into(),
        artist: "아이유와 Björk".into(),
        venue: "Nodeul Live House, 100%_Seoul".into(),
        ..world.details()
    };
    let concert = concerts::create(&world.services, &by, details.clone())
        .await
        .unwrap();
    // Keystroke by keystroke, as a Korean keyboard composes it.
    for typed in ["ㅋ", "코", "콘", "콘ㅅ", "콘서", "콘섵", "콘서트"] {
        assert_eq!(world.ids(typed).await, [concert.id], "{typed}");
    }
    for found in [
        "ㅋㅅㅌ",
        "\u{110f}\u{1109}\u{1110}",
        "아이ㅇ",
        "강가의밤",
        "ㄱㄱㅇㅂ",
        "ㅂㅋㅅ",
        "BJORK",
        "björk",
        "ｎｏｄｅｕｌ",
        "100%_",
        "bjork 강가",
        "밤 house",
        "유와",
        "live house",
    ] {
        assert_eq!(world.ids(found).await, [concert.id], "{found}");
    }
    for not in [
        "ㅌㅅㅋ",
        "콘서토",
        "100%%",
        "1_0",
        "bj.rk",
        "nodeul 부산",
        "트아",
        "강가나",
        "livehouse",
    ] {
        assert_eq!(world.ids(not).await, [], "{not}");
    }

    // A changed concert is found under its new name only, even if the row is changed by plain SQL.
    let renamed = ConcertDetails {
        title: "한낮".into(),
        ..details
    };
    concerts::update(&world.services, &by, concert.id, renamed)
        .await
        .unwrap();
    assert_eq!(world.ids("ㅎㄴ").await, [concert.id]);
    assert_eq!(world.ids("콘서트").await, []);
    sqlx::query("UPDATE concerts SET search_text = 'something else'")
        .execute(&world.services.db)
        .await
        .unwrap();
    assert_eq!(world.ids("ㅎㄴ").await, [concert.id]);
}

/// For every letter of Unicode that has a case, the stored text equals what a search for it looks
/// for.
#[tokio::test]
async fn a_search_knows_the_capitals_of_every_script() {
    let world = world().await;
    let is_cased = |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]);
    let letters: Vec<char> = (char::MIN..=char::MAX).filter(is_cased).collect();
    assert!(letters.len() > 2_800);
    let small: Vec<String> = letters.iter().map(|c| c.to_lowercase().collect()).collect();
    let letters: Vec<String> = letters.into_iter().map(String::from).collect();
    let stored: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT letter, searched(letter), searched(small) FROM unnest($1::text[], $2::text[]) AS letters (letter, small)",
    )
    .bind(&letters)
    .bind(&small)
    .fetch_all(&world.services.db)
    .await
    .unwrap();
    for (letter, stored, small) in stored {
        assert_eq!(stored, small, "{letter} {:x?}", letter.chars());
        let typed = concerts::search::patterns(&letter).concat();
        assert_eq!(stored, typed, "{letter} {:x?}", letter.chars());
    }
}

#[tokio::test]
async fn what_is_not_seen_is_not_searched() {
    let world = world().await;
    let unseen: Vec<char> = (char::MIN..=char::MAX)
        .filter(|c| is_invisible(*c))
        .collect();
    let texts: Vec<String> = unseen.iter().map(|c| format!("Low{c} Ti{c}de")).collect();
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT searched(text) FROM unnest($1::text[]) AS texts (text)")
            .bind(&texts)
            .fetch_all(&world.services.db)
            .await
            .unwrap();
    for (text, stored) in texts.iter().zip(stored) {
        assert_eq!(stored, "low tide", "{text:?}");
        assert_eq!(
            concerts::search::patterns(text),
            ["low", "tide"],
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn every_concert_is_on_one_page_of_each_order() {
    let world = world().await;
    let runner = &mut TestRunner::default();
    let now = world.clock.now();
    let mut all = Vec::new();
    for _ in 0..90 {
        let (starts, opens, price, state, full) = some(
            runner,
            (
                -3..20i64,
                0..20i64,
                0..4u32,
                prop::sample::select(vec!["open", "open", "paused", "closed"]),
                0..3u8,
            ),
        );
        // On a grid of half days, so that there are ties; 30 minutes beside it, so that the clock
        // of the test does not matter.
        let starts_at = now + TimeDelta::hours(12 * starts) + TimeDelta::minutes(30);
        let details = ConcertDetails {
            genre: some(runner, prop::sample::select(Genre::ALL.to_vec())),
            starts_at,
            sale_opens_at: starts_at - TimeDelta::hours(1 + 12 * opens),
            price_won: 10_000 * price,
            capacity: 10,
            ..world.details()
        };
        all.push(
            world
                .stored(&details, state, if full == 0 { 10 } else { 3 })
                .await,
        );
    }
    let today = time::day(now);
    for sort in ConcertSort::ALL {
        for _ in 0..12 {
            let (genre, from, to, price_from, price_to, sale) = some(
                runner,
                (
                    prop::option::of(prop::sample::select(Genre::ALL.to_vec())),
                    prop::option::of(-2..10i64),
                    prop::option::of(-2..10i64),
                    prop::option::of(0..40_000u32),
                    prop::option::of(0..40_000u32),
                    prop::option::of(prop::sample::select(SaleGroup::ALL.to_vec())),
                ),
            );
            let query = ConcertQuery {
                genre: genre.filter(|_| sort == ConcertSort::Date),
                from: from.map(|days| today + TimeDelta::days(days)),
                to: to.map(|days| today + TimeDelta::days(days)),
                price_from,
                price_to,
                sale,
                sort,
                ..ConcertQuery::default()
            };
            let (found, now) = world.all(&query).await;
            let mut expected: Vec<_> = all
                .iter()
                .filter(|c| query.genre.is_none_or(|genre| c.genre == genre))
                .filter(|c| query.from.is_none_or(|day| time::day(c.starts_at) >= day))
                .filter(|c| query.to.is_none_or(|day| time::day(c.starts_at) <= day))
                .filter(|c| price_from.is_none_or(|won| c.price_won >= won))
                .filter(|c| price_to.is_none_or(|won| c.price_won <= won))
                .filter(|c| sale.is_none_or(|group| c.group(now) == group))
                .collect();
            expected.sort_by_key(|c| oracle::key(c, sort, now));
            assert_eq!(
                found.iter().map(|c| c.id).collect::<Vec<_>>(),
                expected.iter().map(|c| c.id).collect::<Vec<_>>(),
                "{query:?}"
            );
        }
    }

    // Home: every concert to come is counted in one section, and each section shows its first ones.
    let home = concerts::sections(&world.services).await.unwrap();
    let mut counted = 0;
    for section in &home.sections {
        let mut expected: Vec<_> = all
            .iter()
            .filter(|c| c.group(home.server_time) == section.group)
            .collect();
        expected.sort_by_key(|c| oracle::key(c, ConcertSort::Sale, home.server_time));
        assert_eq!(section.total, expected.len() as u64);
        counted += expected.len();
        expected.truncate(PER_SECTION as usize);
        assert_eq!(section.concerts.iter().collect::<Vec<_>>(), expected);
    }
    let over = all
        .iter()
        .filter(|c| c.group(home.server_time) == SaleGroup::Past);
    assert_eq!(counted + over.count(), all.len());
    assert_eq!(
        home.sections.iter().map(|s| s.group).collect::<Vec<_>>(),
        [SaleGroup::Selling, SaleGroup::Soon, SaleGroup::Later]
    );
}

#[tokio::test]
async fn a_search_of_anything_is_answered() {
    let world = world().await;
    world.stored(&world.details(), "open", 0).await;
    let runner = &mut TestRunner::default();
    for _ in 0..200 {
        let search = some(
            runner,
            "\\PC{0,120}|[ㄱ-ㅎㅏ-ㅣ가-힣\\\\(\\[ ]{0,120}|.{0,20}",
        );
        world.ids(&search).await;
    }
}
