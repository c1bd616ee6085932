//! P8 over HTTP: a thousand sign-ups at the same moment with one e-mail address.

mod support;

use futures::future::join_all;
use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::{PASSWORD, Server, stores};

const PEOPLE: usize = 1_000;

/// The answer to one sign-up, and how long it took.
struct Told {
    number: usize,
    status: StatusCode,
    code: String,
    took: Duration,
}

async fn sign_up(server: &Server, client: &Client, number: usize) -> Told {
    let name = format!("mina{number}");
    let form = [
        ("account_name", name.as_str()),
        ("password", PASSWORD),
        ("name", "Mina"),
        ("nickname", "Mina"),
        ("email", "mina@example.com"),
    ];
    let since = Instant::now();
    let request = client.post(format!("{}/api/sign_up", server.url));
    let response = request
        .header(header::ACCEPT, "application/json")
        .form(&form)
        .send()
        .await
        .expect("an answer");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    Told {
        number,
        status,
        code: body["code"].as_str().unwrap_or("made").to_owned(),
        took: since.elapsed(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ups_at_once_make_one_account_and_no_failure() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let client = Client::new();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut times = Vec::new();
    let mut people: Vec<usize> = (0..PEOPLE).collect();
    // A sign-up that gets no permit for hashing, or no connection, is asked to retry, and does.
    while !people.is_empty() {
        let told = people.drain(..).map(|n| sign_up(&server, &client, n));
        for told in join_all(told.collect::<Vec<_>>()).await {
            let clear = matches!(
                (told.status, told.code.as_str()),
                (StatusCode::OK, "made")
                    | (StatusCode::CONFLICT, "email_taken")
                    | (StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
                    | (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            );
            assert!(clear, "{} {}", told.status, told.code);
            times.push(told.took);
            match told.status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    people.push(told.number);
                }
                _ => *codes.entry(told.code).or_default() += 1,
            }
        }
    }
    let expected = [("email_taken", PEOPLE - 1), ("made", 1)];
    assert_eq!(codes, expected.map(|(code, n)| (code.to_owned(), n)).into());
    times.sort_unstable();
    println!(
        "{} answers, p99 {:?}",
        times.len(),
        times[times.len() * 99 / 100]
    );
}
