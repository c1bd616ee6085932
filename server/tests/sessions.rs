//! A log-out takes effect on every server (P7), and other sites cannot act for a logged-in user.

mod support;

use embedded::testing;
use redis::AsyncCommands;
use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use support::{PASSWORD, Person, Server, stores};

async fn who(server: &Server, token: &str) -> (StatusCode, Value) {
    let request = Client::new()
        .get(format!("{}/api/list_tickets", server.url))
        .bearer_auth(token);
    let response = request
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .expect("an answer");
    (response.status(), response.json().await.expect("json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logged_out_token_opens_nothing_on_either_server() {
    let stores = stores().await;
    let (one, other) = (Server::start(&stores), Server::start(&stores));
    let person = Person::signed_up(&one, "mina").await;
    let (status, pair) = person
        .post(
            "create_token",
            &[("account_name", "mina"), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{pair}");
    let token = pair["access_token"].as_str().expect("a token");
    assert_eq!(who(&one, token).await.0, StatusCode::OK);
    assert_eq!(who(&other, token).await.0, StatusCode::OK);

    let log_out = Client::new()
        .post(format!("{}/api/log_out", other.url))
        .bearer_auth(token)
        .header(header::ACCEPT, "application/json");
    assert_eq!(
        log_out.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    for server in [&one, &other] {
        let (status, body) = who(server, token).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::UNAUTHORIZED, &Value::from("not_logged_in"))
        );
    }
    let (status, _) = person
        .post(
            "refresh_token",
            &[(
                "refresh_token",
                pair["refresh_token"].as_str().expect("a token"),
            )],
        )
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // The blacklist entry has the remaining lifetime of the token.
    let mut lives = Vec::new();
    for server in stores.redis_servers() {
        let mut redis = testing::connect(&server).await.expect("redis");
        let pattern = format!("{}blacklist:*", stores.redis_prefix);
        let keys: Vec<String> = redis.keys(pattern).await.expect("keys");
        for key in keys {
            lives.push(redis.ttl::<_, i64>(key).await.expect("ttl"));
        }
    }
    let [life] = lives[..] else {
        panic!("{lives:?}");
    };
    let granted = pair["expires_in"].as_i64().expect("seconds");
    assert!(
        (-2..=60).contains(&(granted - life)),
        "the token had {granted} s, the entry has {life} s"
    );
    // The browser's own session is a different one.
    assert_eq!(person.get("list_tickets", &[]).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_carry_the_session_to_the_other_server_and_logging_out_takes_it_from_both() {
    let stores = stores().await;
    let (one, other) = (Server::start(&stores), Server::start(&stores));
    let person = Person::signed_up(&one, "mina").await;
    let there = person.at(&other);
    let (status, visitor) = there.get("current_account", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(visitor.to_string().contains("mina"), "{visitor}");
    assert_eq!(there.post("log_out", &[]).await.0, StatusCode::OK);
    assert_eq!(
        person.get("list_tickets", &[]).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_token_is_logged_out_and_no_error() {
    let stores = stores().await;
    let server = Server::start(&stores);
    for token in ["x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "a.b.c"] {
        assert_eq!(who(&server, token).await.0, StatusCode::UNAUTHORIZED);
        let page = Client::new().get(&server.url).header(
            header::COOKIE,
            format!("frontrow_access={token}; frontrow_refresh={token}"),
        );
        assert_eq!(
            page.header(header::ACCEPT, "text/html")
                .send()
                .await
                .expect("a page")
                .status(),
            StatusCode::OK
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_cookie_that_is_gone_is_renewed_without_a_password() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::new(&server);
    person.sign_up("mina").await;
    let refresh = person.another_refresh_cookie("mina").await;
    let request = Client::new()
        .get(format!("{}/api/list_tickets", server.url))
        .header(header::COOKIE, &refresh);
    let renewed = request
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .expect("an answer");
    assert_eq!(renewed.status(), StatusCode::OK);
    let names: Vec<String> = renewed
        .cookies()
        .map(|cookie| cookie.name().to_owned())
        .collect();
    assert_eq!(names, ["frontrow_access", "frontrow_refresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_changes_nothing() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let log_out = person
        .client
        .post(format!("{}/api/log_out", server.url))
        .header("sec-fetch-site", "cross-site");
    assert_eq!(
        log_out.send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    let log_out = person
        .client
        .post(format!("{}/api/log_out", server.url))
        .header(header::ORIGIN, "https://evil.example");
    assert_eq!(
        log_out.send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(person.get("list_tickets", &[]).await.0, StatusCode::OK);
}

/// A browser whose access cookie has expired loads a page and all its resources at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_moment_refresh_the_session_once() {
    let stores = stores().await;
    let servers = [Server::start(&stores), Server::start(&stores)];
    let person = Person::signed_up(&servers[0], "mina").await;
    let refresh = person.another_refresh_cookie("mina").await;
    let client = Client::new();
    let asked = (0..20).map(|n| {
        let request = client.get(format!("{}/api/list_tickets", servers[n % 2].url));
        request
            .header(header::COOKIE, &refresh)
            .header(header::ACCEPT, "application/json")
            .send()
    });
    let mut successors = std::collections::BTreeSet::new();
    for answer in futures::future::join_all(asked).await {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        successors.insert(support::refresh_cookie(&answer).expect("a refresh cookie"));
    }
    assert_eq!(successors.len(), 1, "one refresh, however many asked");
    // Each refresh cookie that the browser may have kept is valid.
    for successor in successors {
        let request = client.get(format!("{}/api/list_tickets", servers[0].url));
        let answer = request.header(header::COOKIE, successor).send().await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }
}

/// The answer may arrive late: the user may have logged in again in the meantime.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_somebody_who_was_logged_out_before_takes_no_cookie_away() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let asked = Client::new()
        .get(format!("{}/log-in", server.url))
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, "frontrow_ended=reuse");
    let answer = asked.send().await.expect("an answer");
    assert!(!answer.headers().contains_key(header::SET_COOKIE));
    let page = answer.text().await.expect("a page");
    assert!(
        page.contains("key of your session was used twice"),
        "{page}"
    );
}
