//! Concert search over HTTP: API arguments and the query strings of the home page give the same
//! results.

mod support;

use reqwest::StatusCode;
use serde_json::Value;
use support::{Person, Server, make_concert, stores};

fn titles(page: &Value) -> Vec<&str> {
    let concerts = page["concerts"].as_array().expect("concerts");
    concerts
        .iter()
        .map(|concert| concert["title"].as_str().expect("a title"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_people_ask_for_the_same() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    for (title, artist, genre, venue, starts, price) in [
        (
            "한강의 밤 콘서트",
            "Low Tide",
            "indie",
            "Nodeul",
            "2031-06-01",
            "66000",
        ),
        (
            "Midnight Jazz",
            "Yoon Quartet",
            "jazz",
            "Blue Room",
            "2031-05-01",
            "45000",
        ),
        (
            "Square Symphony",
            "Citizens",
            "classical",
            "광화문 광장",
            "2031-07-01",
            "0",
        ),
    ] {
        let changes = [
            ("title", title.into()),
            ("artist", artist.into()),
            ("genre", genre.into()),
            ("venue", venue.into()),
            ("starts_at", format!("{starts}T00:00")),
            ("ends_at", format!("{starts}T23:00")),
            ("price_won", price.into()),
        ];
        make_concert(&organiser, &changes).await;
    }
    let stranger = Person::new(&server);

    for (asked, expected) in [
        ("search=ㅋㅅㅌ", vec!["한강의 밤 콘서트"]),
        ("search=yoon+JAZZ", vec!["Midnight Jazz"]),
        ("search=광화문광", vec!["Square Symphony"]),
        ("genre=jazz", vec!["Midnight Jazz"]),
        ("from=2031-06-01&to=2031-06-01", vec!["한강의 밤 콘서트"]),
        ("to=2031-05-31", vec!["Midnight Jazz"]),
        ("price_to=0", vec!["Square Symphony"]),
        ("price_from=45001", vec!["한강의 밤 콘서트"]),
        ("sale=soon", vec![]),
        (
            "sort=date",
            vec!["Midnight Jazz", "한강의 밤 콘서트", "Square Symphony"],
        ),
        (
            "sort=price_high&page=1",
            vec!["한강의 밤 콘서트", "Midnight Jazz", "Square Symphony"],
        ),
        (
            "sort=price_low",
            vec!["Square Symphony", "Midnight Jazz", "한강의 밤 콘서트"],
        ),
        (
            "sort=newest&genre=",
            vec!["Square Symphony", "Midnight Jazz", "한강의 밤 콘서트"],
        ),
    ] {
        let (status, page) = stranger.get(&format!("list_concerts?{asked}"), &[]).await;
        assert_eq!(
            (status, titles(&page)),
            (StatusCode::OK, expected.clone()),
            "{asked}"
        );
        assert_eq!(page["total"], expected.len());

        let (status, page) = stranger.page(&format!("/?{asked}")).await;
        assert_eq!(status, StatusCode::OK);
        let places: Vec<Option<usize>> = expected.iter().map(|title| page.find(title)).collect();
        assert!(
            places.is_sorted() && places.iter().all(Option::is_some),
            "{asked}: {places:?}"
        );
        for other in ["한강의 밤 콘서트", "Midnight Jazz", "Square Symphony"] {
            assert_eq!(
                page.contains(other),
                expected.contains(&other),
                "{asked}: {other}"
            );
        }
    }

    // The API refuses an invalid argument; the home page ignores it.
    for nonsense in [
        "genre=polka",
        "from=2031-02-30",
        "to=tomorrow",
        "price_from=-1",
        "price_to=cheap",
        "sale=gone",
        "sort=random",
        "page=x",
    ] {
        let (status, body) = stranger
            .get(&format!("list_concerts?{nonsense}"), &[])
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense}: {body}");
        assert_eq!(body["code"], "malformed", "{nonsense}");
        let (status, page) = stranger.page(&format!("/?{nonsense}")).await;
        assert!(
            status == StatusCode::OK && page.contains("Midnight Jazz"),
            "{nonsense}"
        );
    }

    // The sections of the home page.
    let (status, home) = stranger.get("concert_sections", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let groups: Vec<_> = home["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .map(|section| (section["group"].as_str(), section["total"].as_u64()))
        .collect();
    assert_eq!(
        groups,
        [
            (Some("selling"), Some(3)),
            (Some("soon"), Some(0)),
            (Some("later"), Some(0))
        ]
    );
    let (_, page) = stranger.page("/").await;
    assert!(
        page.contains("id=\"selling\"") && !page.contains("id=\"soon\""),
        "{page}"
    );

    // The search text is rendered in the form and escaped, so that it cannot inject markup.
    let (_, page) = stranger
        .page("/?search=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await;
    assert!(!page.contains("<script>alert(1)"), "{page}");
    let (_, page) = stranger.page("/?search=nothing+like+this").await;
    assert!(page.contains("value=\"nothing like this\""), "{page}");
}
