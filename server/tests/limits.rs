//! Rate limits over HTTP: the answers that scripts receive and the pages that people see.

mod support;

use embedded::testing::TestStores;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use support::{PASSWORD, Person, Server, make_concert, stores};

const FIELDS: [(&str, &str); 2] = [("account_name", "nobody"), ("password", PASSWORD)];

/// Starts a server with these settings; limits that they do not name are off.
fn started(stores: &TestStores, settings: &[(&str, &str)]) -> Server {
    Server::start_as(stores, "127.0.0.1:0", |command| {
        command.envs(settings.iter().copied());
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_log_ins_are_told_when_to_come_again() {
    let stores = stores().await;
    let settings = [("FRONTROW_LIMIT_LOG_INS", "2")];
    let server = started(&stores, &settings);
    let person = Person::new(&server);
    for _ in 0..2 {
        let (status, body) = person.post("log_in", &FIELDS).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    }
    for endpoint in ["log_in", "create_token"] {
        let path = format!("/api/{endpoint}");
        let response = person.request(Method::POST, &path, &FIELDS).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let retry_after = response.headers()[header::RETRY_AFTER].clone();
        let body: Value = response.json().await.expect("json");
        assert_eq!(body["code"], "too_many_requests");
        assert_eq!(
            body["retry_after_s"].to_string(),
            retry_after.to_str().expect("text")
        );
        let seconds = body["retry_after_s"].as_u64().expect("seconds");
        assert!((1..=30).contains(&seconds), "{seconds}");
    }

    // Without JavaScript, the form is rendered again with a message.
    let response = person.send_form("/log-in", "log_in", &FIELDS).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    let page = response.text().await.expect("a page");
    assert!(page.contains("Too many attempts. Try again in"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_behind_a_proxy_are_told_apart_and_nobody_can_pretend() {
    let stores = stores().await;
    let limit = ("FRONTROW_LIMIT_LOG_INS", "1");
    let proxied = [limit, ("FRONTROW_TRUSTED_PROXIES", "127.0.0.0/8")];
    let behind = started(&stores, &proxied);
    let bare = started(&stores, &[limit]);
    let log_in = async |server: &Server, forwarded: &str| {
        let person = Person::new(server);
        let request = person
            .client
            .post(format!("{}/api/log_in", server.url))
            .header("x-forwarded-for", forwarded)
            .form(&FIELDS);
        request.send().await.expect("an answer").status()
    };
    let (judged, refused) = (StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(log_in(&behind, "203.0.113.7").await, judged);
    assert_eq!(log_in(&behind, "203.0.113.7").await, refused);
    // Addresses to the left of the one added by the proxy come from the client and are ignored.
    assert_eq!(log_in(&behind, "198.51.100.1, 203.0.113.7").await, refused);
    assert_eq!(log_in(&behind, "203.0.113.8").await, judged);
    // Without trusted proxies the header is ignored: all of these requests have one address.
    assert_eq!(log_in(&bare, "203.0.113.9").await, judged);
    assert_eq!(log_in(&bare, "203.0.113.10").await, refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_from_many_addresses_is_told_to_wait_and_its_target_reads_of_it() {
    let stores = stores().await;
    let settings = [("FRONTROW_TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = started(&stores, &settings);
    let mina = Person::signed_up(&server, "mina").await;
    let (_, page) = mina.page("/account").await;
    assert!(!page.contains("wrong-passwords"), "{page}");

    let stranger = Person::new(&server);
    let wrong = [("account_name", "mina"), ("password", "not this one")];
    let (mut judged, mut refused) = (0, 0);
    for n in 0..60 {
        let request = stranger
            .client
            .post(format!("{}/api/log_in", server.url))
            .header(header::ACCEPT, "application/json")
            .header("x-forwarded-for", format!("10.0.{n}.7"))
            .form(&wrong);
        let response = request.send().await.expect("an answer");
        match response.status() {
            StatusCode::UNAUTHORIZED => judged += 1,
            StatusCode::TOO_MANY_REQUESTS => {
                assert!(response.headers().contains_key(header::RETRY_AFTER));
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(judged > 20 && refused > 30, "{judged} {refused}");

    // The owner logs in at once with a client that has logged in before, and reads about the
    // guesses in either language until the notice is dismissed.
    let right = [("account_name", "mina"), ("password", PASSWORD)];
    let told = loop {
        let (status, body) = mina.post("log_in", &right).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let (_, told) = mina.get("wrong_passwords", &[]).await;
        // Guesses are counted after the answers are sent.
        if told["wrong"] == judged {
            break told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let addresses = told["addresses"].as_i64().expect("a number");
    assert!((addresses - judged).abs() <= 3, "{told}");
    let (_, page) = mina.page("/account").await;
    let said = format!(
        "{judged} wrong passwords were tried for your account, from about {addresses} addresses,"
    );
    assert!(page.contains(&said), "{page}");
    let (_, page) = mina.page("/account?lang=ko").await;
    let said = format!("약 {addresses}개 주소에서 틀린 비밀번호가 {judged}번");
    assert!(page.contains(&said), "{page}");
    let read = mina
        .send_form("/account", "dismiss_wrong_passwords", &[])
        .await;
    assert_eq!(read.status(), StatusCode::FOUND);
    let (_, page) = mina.page("/account").await;
    assert!(!page.contains("wrong-passwords"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_joins_from_one_address_are_told_when_to_come_again() {
    let stores = stores().await;
    let settings = [
        ("FRONTROW_LIMIT_ADDRESS_JOINS", "1"),
        ("FRONTROW_TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let server = started(&stores, &settings);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let (mina, jun) = (
        Person::signed_up(&server, "mina").await,
        Person::signed_up(&server, "jun").await,
    );
    let join = async |person: &Person, from: &str, accept: &str| {
        let request = person
            .client
            .post(format!("{}/api/join_queue", server.url))
            .header("x-forwarded-for", from)
            .header(header::ACCEPT, accept)
            .header(
                header::REFERER,
                format!("{}/concerts/{concert}", server.url),
            )
            .form(&[("concert_id", &concert)]);
        request.send().await.expect("an answer")
    };
    let json = "application/json";
    let joined = join(&mina, "203.0.113.7", json).await;
    assert_eq!(joined.status(), StatusCode::OK);
    let refused = join(&jun, "203.0.113.7", json).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds = refused.headers()[header::RETRY_AFTER].to_str();
    let seconds: u32 = seconds.expect("text").parse().expect("a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    let body: Value = refused.json().await.expect("json");
    assert_eq!(body["code"], "too_many_requests");

    // Without JavaScript, the concert page is rendered with a message.
    let refused = join(&jun, "203.0.113.7", "text/html").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let page = refused.text().await.expect("a page");
    assert!(page.contains("Too many attempts. Try again in"), "{page}");
    let elsewhere = join(&jun, "203.0.113.8", json).await;
    assert_eq!(elsewhere.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_refresh_logs_nobody_out() {
    let stores = stores().await;
    let server = started(&stores, &[("FRONTROW_LIMIT_REFRESHES", "1")]);
    let person = Person::new(&server);
    person.sign_up("mina").await;
    let refresh = person.another_refresh_cookie("mina").await;
    let ask = async |path: &str, accept: &str| {
        let request = reqwest::Client::new()
            .get(format!("{}{path}", server.url))
            .header(header::COOKIE, &refresh)
            .header(header::ACCEPT, accept);
        request.send().await.expect("an answer")
    };
    let renewed = ask("/api/list_tickets", "application/json").await;
    assert_eq!(renewed.status(), StatusCode::OK);
    assert_eq!(renewed.cookies().count(), 2);
    for (path, accept) in [
        ("/api/list_tickets", "application/json"),
        ("/tickets", "text/html"),
    ] {
        let refused = ask(path, accept).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(refused.cookies().count(), 0, "{path}");
    }
    // Public pages are still served.
    assert_eq!(ask("/", "text/html").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_or_a_proxy_that_is_none_is_named() {
    for (setting, value, named) in [
        ("FRONTROW_TRUSTED_PROXIES", "10.0.0.0/8,example", "example"),
        ("FRONTROW_LIMIT_JOINS", "many", "--limit-joins"),
        (
            "FRONTROW_LIMIT_ADDRESS_JOINS",
            "-1",
            "--limit-address-joins",
        ),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_frontrow"))
            .arg("serve")
            .env(setting, value)
            .output()
            .expect("frontrow");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(named), "{said}");
    }
}
