//! An unavailable store: clients are clearly asked to retry, and the process keeps running.

mod support;

use embedded::testing::{self, TestStores};
use embedded::{Durability, Stores};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;
use support::{Person, Server, make_concert};

async fn until_ok(person: &Person, path: &str) {
    while person.page(path).await.0 != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stores_go_and_come_back() {
    let (stores, dir) = testing::throwaway().await.expect("stores");
    let mut server = Server::start(&TestStores::of(&stores));
    let organiser = Person::organiser(&server, &TestStores::of(&stores), "organiser").await;
    let concert = make_concert(
        &organiser,
        &[
            ("batch_size", "1".into()),
            ("interval_ms", "3600000".into()),
        ],
    )
    .await;
    let people = [
        Person::signed_up(&server, "one").await,
        Person::signed_up(&server, "two").await,
        Person::signed_up(&server, "three").await,
    ];
    let mut arrivals = Vec::new();
    for person in &people {
        let (_, view) = person.post("join_queue", &[("concert_id", &concert)]).await;
        arrivals.push(view["arrival"].clone());
    }

    // Redis alone: it hangs, which is worse than being gone.
    let mut connection = testing::connect(stores.redis_url()).await.expect("redis");
    redis::cmd("CLIENT")
        .arg("PAUSE")
        .arg(600_000)
        .exec_async(&mut connection)
        .await
        .expect("a pause");
    let (status, page) = people[0].page("/tickets").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
    assert!(
        page.contains("<html") && !page.to_lowercase().contains("redis"),
        "{page}"
    );
    let (status, body) = people[0]
        .post("join_queue", &[("concert_id", &concert)])
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &Value::from("unavailable"))
    );
    // A guess that cannot be counted is refused before the password is checked.
    for password in [support::PASSWORD, "not the passphrase"] {
        let fields = [("account_name", "one"), ("password", password)];
        let (status, body) = people[0].post("log_in", &fields).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::SERVICE_UNAVAILABLE, &Value::from("unavailable"))
        );
    }
    assert_eq!(
        people[0].page("/readyz").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(people[0].page("/healthz").await.0, StatusCode::OK);

    // PostgreSQL as well.
    stores.stop().await.expect("stop");
    let (status, page) = people[0].page("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.to_lowercase().contains("postgres"), "{page}");
    assert!(server.is_alive());

    // Both stores are back and Redis is empty: no user has to log in again, and every account has
    // its old place.
    let stores = Stores::start(dir.path(), Durability::Throwaway)
        .await
        .expect("stores");
    until_ok(&people[0], "/readyz").await;
    until_ok(&people[0], "/tickets").await;
    for (person, arrival) in people.iter().zip(&arrivals).skip(1) {
        until_ok(person, "/tickets").await;
        let (status, view) = person.post("join_queue", &[("concert_id", &concert)]).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        assert_eq!(view["arrival"], *arrival);
    }
    assert!(server.is_alive());
    drop(server);
    stores.stop().await.expect("stop");
}

/// A server whose clock is wrong follows PostgreSQL's and reports it on `/readyz`, as it does a
/// Redis that is full.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_but_endured_is_said_by_readyz() {
    let (stores, _dir) = testing::throwaway().await.expect("stores");
    let server = Server::start_as(&TestStores::of(&stores), "127.0.0.1:0", |command| {
        command.env("FRONTROW_CLOCK_AHEAD_MS", "-3600000");
    });
    let person = Person::new(&server);
    let (status, said) = person.page("/readyz").await;
    assert_eq!(status, StatusCode::OK);
    let (_, skew) = said.split_once("this machine's clock is ").expect(&said);
    let skew: i64 = skew[..skew.find(' ').expect("a number")]
        .parse()
        .expect("a number");
    assert!((3_500_000..3_700_000).contains(&skew.abs()), "{said}");
    assert!(said.starts_with("ready;"), "{said}");

    let mut redis = testing::connect(stores.redis_url()).await.expect("redis");
    redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .exec_async(&mut redis)
        .await
        .expect("a setting");
    let (status, said) = person.page("/readyz").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        said.starts_with("ready, but Redis takes no writes; Redis has used "),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told_of_one_moment_and_then_of_their_place_again() {
    let (stores, _dir) = testing::throwaway().await.expect("stores");
    let server = Server::start(&TestStores::of(&stores));
    let organiser = Person::organiser(&server, &TestStores::of(&stores), "organiser").await;
    let held = [
        ("batch_size", "1".into()),
        ("interval_ms", "3600000".into()),
    ];
    let concert = make_concert(&organiser, &held).await;
    // The only batch of the hour goes to another account.
    let first = Person::signed_up(&server, "first").await;
    first.post("join_queue", &[("concert_id", &concert)]).await;
    let person = Person::signed_up(&server, "one").await;
    let (_, place) = person.post("join_queue", &[("concert_id", &concert)]).await;

    let path = "/api/queue_stream";
    let mut stream = person
        .request(Method::GET, path, &[("concert_id", &concert)])
        .await;
    let mut heard = String::new();
    hear(&mut stream, &mut heard, "event: view").await;
    let mut connection = testing::connect(stores.redis_url()).await.expect("redis");
    // Longer than the server waits for a response.
    redis::cmd("CLIENT")
        .arg("PAUSE")
        .arg(7_000)
        .exec_async(&mut connection)
        .await
        .expect("a pause");
    hear(&mut stream, &mut heard, "event: moment").await;
    heard.clear();
    hear(&mut stream, &mut heard, "event: view").await;
    let arrival = format!("\"arrival\":{}", place["arrival"]);
    hear(&mut stream, &mut heard, &arrival).await;
    drop(server);
    stores.stop().await.expect("stop");
}

async fn hear(stream: &mut reqwest::Response, heard: &mut String, what: &str) {
    while !heard.contains(what) {
        let chunk = stream.chunk().await.expect("a stream");
        heard.push_str(&String::from_utf8_lossy(&chunk.expect("an event")));
    }
}
