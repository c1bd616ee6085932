//! Event streams: a client that reconnects gets the ticks it missed, streams per account are
//! limited, and all of them end with the server.

mod support;

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use support::{Person, Server, make_concert, stores};

async fn open(person: &Person, concert: &str, after: Option<&str>) -> Response {
    let mut fields = vec![("concert_id", concert)];
    fields.extend(after.map(|tick| ("after", tick)));
    person
        .request(Method::GET, "/api/queue_stream", &fields)
        .await
}

/// Reads until `what` has been received or the stream ends. Returns everything received.
async fn hear(stream: &mut Response, what: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(what) {
        match stream.chunk().await.expect("a stream") {
            Some(chunk) => heard.push_str(&String::from_utf8_lossy(&chunk)),
            None => break,
        }
    }
    heard
}

fn ids(heard: &str) -> Vec<&str> {
    heard
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_gets_the_ticks_they_missed_and_no_view() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let held = [
        ("interval_ms", "3600000".into()),
        ("batch_size", "1".into()),
    ];
    let concert = make_concert(&organiser, &held).await;
    let mut people = Vec::new();
    for name in ["first", "second", "third", "fourth"] {
        let person = Person::signed_up(&server, name).await;
        person.post("join_queue", &[("concert_id", &concert)]).await;
        people.push(person);
    }
    let watcher = &people[3];
    let mut stream = open(watcher, &concert, None).await;
    let heard = hear(&mut stream, "\n\n").await;
    assert!(heard.contains("event: view"), "{heard}");
    let seen = ids(&heard)[0].to_owned();
    // Two more ticks, each for one account that leaves.
    let mut newest = String::new();
    for person in &people[1..3] {
        person
            .post("leave_queue", &[("concert_id", &concert)])
            .await;
        let heard = hear(&mut stream, "event: tick").await;
        newest = ids(&(heard + &hear(&mut stream, "\n\n").await))
            .last()
            .map_or(newest, |id| (*id).to_owned());
    }
    drop(stream);

    let heard = hear(
        &mut open(watcher, &concert, Some(&seen)).await,
        "event: alive",
    )
    .await;
    assert!(!heard.contains("event: view"), "{heard}");
    assert!(heard.contains("event: tick"), "{heard}");
    assert_eq!(ids(&heard).last(), Some(&newest.as_str()));
    // The server does not know this tick and reads the current place instead.
    let heard = hear(&mut open(watcher, &concert, Some("17")).await, "\n\n").await;
    assert!(heard.contains("event: view"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_has_a_dozen_streams_and_all_end_with_the_server() {
    let stores = stores().await;
    let mut server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let person = Person::signed_up(&server, "one").await;
    let mut streams = Vec::new();
    for _ in 0..12 {
        let stream = open(&person, &concert, None).await;
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    let refused = open(&person, &concert, None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let body: Value = refused.json().await.expect("JSON");
    assert_eq!(body["code"], "too_many_streams");
    // Streams of other accounts do not count.
    let other = Person::signed_up(&server, "two").await;
    assert_eq!(open(&other, &concert, None).await.status(), StatusCode::OK);
    // Closing a stream allows another one.
    streams.pop();
    loop {
        let again = open(&person, &concert, None).await;
        if again.status() == StatusCode::OK {
            streams.push(again);
            break;
        }
    }

    let hearing: Vec<_> = streams
        .into_iter()
        .map(|mut stream| tokio::spawn(async move { hear(&mut stream, "event: bye").await }))
        .collect();
    assert!(server.interrupt().success());
    for heard in hearing {
        let heard = heard.await.expect("heard");
        assert!(
            heard.contains("event: bye") && heard.contains("retry: "),
            "{heard}"
        );
    }
}
