//! Finding, creating and changing concerts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use model::Refusal;
use model::accounts::Role;
use model::concerts::{ConcertDetails, ConcertQuery, Genre, Phase};
use services::concerts;
use support::{session, world};

#[tokio::test]
async fn what_sells_comes_first_then_what_opens_next() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let now = world.clock.now();
    let opens = [
        TimeDelta::days(3),
        TimeDelta::days(1),
        TimeDelta::minutes(-5),
    ];
    for (n, opens_in) in opens.into_iter().enumerate() {
        let details = ConcertDetails {
            title: format!("Concert {n}"),
            sale_opens_at: now + opens_in,
            ..world.details()
        };
        concerts::create(&world.services, &by, details)
            .await
            .unwrap();
    }
    let page = concerts::list(&world.services, &ConcertQuery::default())
        .await
        .unwrap();
    let titles: Vec<_> = page.concerts.iter().map(|c| c.title.as_str()).collect();
    assert_eq!(titles, ["Concert 2", "Concert 1", "Concert 0"]);
    assert_eq!(page.concerts[0].phase(page.server_time), Phase::Selling);

    world.clock.advance(TimeDelta::days(40));
    let page = concerts::list(&world.services, &ConcertQuery::default())
        .await
        .unwrap();
    assert!(
        page.concerts
            .iter()
            .all(|c| c.phase(page.server_time) == Phase::Over)
    );
}

#[tokio::test]
async fn search_filter_and_pages() {
    let world = world().await;
    let by = world.organiser("mina").await;
    for n in 0..30 {
        let genre = if n % 3 == 0 { Genre::Jazz } else { Genre::Rock };
        let title = if n == 7 {
            "100% 한강_밤".to_owned()
        } else {
            format!("Evening {n}")
        };
        concerts::create(
            &world.services,
            &by,
            ConcertDetails {
                title,
                genre,
                ..world.details()
            },
        )
        .await
        .unwrap();
    }
    let list = async |search: &str, genre, page| {
        let query = ConcertQuery {
            search: search.into(),
            genre,
            page,
            ..ConcertQuery::default()
        };
        concerts::list(&world.services, &query).await.unwrap()
    };
    let all = list("", None, 1).await;
    assert_eq!((all.total, all.pages, all.concerts.len()), (30, 3, 12));
    let mut seen = std::collections::BTreeSet::new();
    for page in 1..=3 {
        seen.extend(
            list("", None, page)
                .await
                .concerts
                .into_iter()
                .map(|c| c.id),
        );
    }
    assert_eq!(seen.len(), 30);
    assert_eq!(list("", None, 99).await.page, 3);
    assert_eq!(list("EVENING", None, 1).await.total, 29);
    assert_eq!(list("한강", None, 1).await.total, 1);
    assert_eq!(list("0%", None, 1).await.total, 1);
    assert_eq!(list("%", None, 1).await.total, 1);
    assert_eq!(list("_", None, 1).await.total, 1);
    assert_eq!(list("\\", None, 1).await.total, 0);
    assert_eq!(list("", Some(Genre::Jazz), 1).await.total, 10);
    assert_eq!(list("nothing like it", None, 1).await.pages, 1);
}

#[tokio::test]
async fn only_those_who_may_make_and_change_concerts() {
    let world = world().await;
    let owner = world.organiser("owner").await;
    let other = world.organiser("other").await;
    let admin = session(other.account_id.0, Role::Admin);
    let user = session(other.account_id.0, Role::User);
    let details = world.details();

    let refused = concerts::create(&world.services, &user, details.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.refusal(), Refusal::Forbidden);
    let concert = concerts::create(&world.services, &owner, details.clone())
        .await
        .unwrap();
    for by in [&user, &other] {
        let refused = concerts::update(&world.services, by, concert.id, details.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.refusal(), Refusal::Forbidden);
    }
    for by in [&owner, &admin] {
        let changed = ConcertDetails {
            title: by.account_name.clone(),
            ..details.clone()
        };
        let changed = concerts::update(&world.services, by, concert.id, changed)
            .await
            .unwrap();
        assert_eq!(changed.title, by.account_name);
    }
    let unknown = concerts::find(&world.services, model::concerts::ConcertId(99_999))
        .await
        .unwrap_err();
    assert_eq!(unknown.refusal(), Refusal::NotFound);
}
