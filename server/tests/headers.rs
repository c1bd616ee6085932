//! Security headers of every answer: pages run only our own scripts, and all other answers load
//! nothing.

// The types of Leptos views nest as deeply as the page.
#![recursion_limit = "256"]

mod support;

use leptos_axum::generate_route_list;
use reqwest::{Client, Method, StatusCode, header};
use std::collections::HashSet;
use std::net::TcpListener;
use support::pages::{is_dressed, is_guarded, page, said};
use support::{PASSWORD, Person, Server, make_concert, stores};

/// Content security policy of answers that are not pages.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_runs_our_scripts_alone() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::admin(&server, &stores, "organiser").await;
    let stranger = Person::new(&server);
    let concert = make_concert(&organiser, &[]).await;
    let joined = [("concert_id", concert.as_str())];
    assert_eq!(
        organiser.post("join_queue", &joined).await.0,
        StatusCode::OK
    );
    let ticket = loop {
        let (_, tickets) = organiser.get("list_tickets", &[]).await;
        if let Some(id) = tickets[0]["id"].as_i64() {
            break id.to_string();
        }
    };
    // Takes every route from the route list, so that a new one is covered.
    let mut paths: Vec<String> = generate_route_list(app::App)
        .iter()
        .map(|route| {
            let id = if route.path().starts_with("/tickets") {
                &ticket
            } else {
                &concert
            };
            route.path().replace("{id}", id)
        })
        .collect();
    assert!(paths.len() >= 10, "{paths:?}");
    paths.extend(
        [
            "/nowhere",
            "/concerts/99999",
            "/pkg/nothing.js",
            "/?search=x",
        ]
        .map(Into::into),
    );
    for path in &paths {
        let nonce = is_guarded(page(&organiser, path).await).await;
        let again = is_guarded(page(&organiser, path).await).await;
        assert_ne!(nonce, again, "{path}");
        is_guarded(page(&stranger, path).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_shared_is_shared_with_its_policy() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let asked = (0..20).map(|_| Client::new().get(&server.url).send());
    let mut nonces = HashSet::new();
    for response in futures::future::join_all(asked).await {
        let response = response.expect("an answer");
        assert!(response.headers().contains_key("server-timing"));
        nonces.insert(is_guarded(response).await);
    }
    assert!(nonces.len() < 20, "nothing was shared");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_loads_nothing() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    server.put("pkg/frontrow.1.js", "export {}");
    server.put("favicon.svg", "<svg/>");
    let stream = format!("/api/queue_stream?concert_id={concert}");
    let wrong = [("account_name", "nobody"), ("password", PASSWORD)];
    let long = "x".repeat(70_000);
    let too_long = [("name", long.as_str())];
    let to_html = |request: reqwest::RequestBuilder| request.header(header::ACCEPT, "text/html");
    let client = &organiser.client;
    let at = |path: &str| format!("{}{path}", server.url);
    let requests = [
        client.get(at("/healthz")),
        client.get(at("/readyz")),
        client.get(at("/pkg/frontrow.1.js")),
        client.get(at("/favicon.svg")),
        client.get(at("/api/list_concerts")),
        client.get(at("/api/get_concert?id=99999")),
        client.get(at(&stream)),
        client.get(at("/api/queue_stream?concert_id=x")),
        client.post(at("/api/log_in")).form(&wrong),
        // Refused by a middleware, for scripts and for browsers.
        client.post(at("/api/sign_up")).form(&too_long),
        to_html(client.post(at("/api/sign_up"))).form(&too_long),
        to_html(client.post(at("/api/log_out"))).header("sec-fetch-site", "cross-site"),
        client.request(Method::PUT, at("/")),
        client.request(Method::TRACE, at("/api/log_in")),
    ];
    for request in requests {
        let response = request.send().await.expect("an answer");
        is_dressed(&response);
        assert_eq!(
            said(&response, "content-security-policy"),
            NOTHING,
            "{}",
            response.url()
        );
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_browsers_are_told_to_stay_there() {
    let stores = stores().await;
    // The public address is the one of the TLS proxy in front; the test requests the server
    // directly, at a free address.
    let free = TcpListener::bind("127.0.0.1:0").expect("an address");
    let listen = free.local_addr().expect("an address").to_string();
    drop(free);
    let _server = Server::start_as(&stores, &listen, |command| {
        command.env("FRONTROW_PUBLIC_URL", "https://tickets.example");
    });
    for path in ["/", "/healthz", "/api/list_concerts", "/nowhere"] {
        let response = Client::new().get(format!("http://{listen}{path}")).send();
        let response = response.await.expect("an answer");
        assert_eq!(
            said(&response, "strict-transport-security"),
            "max-age=63072000"
        );
    }
}
