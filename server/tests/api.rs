//! The whole user journey over the API with a bearer token, as described in `docs/api.md`.

mod support;

use futures::StreamExt;
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde_json::Value;
use support::{PASSWORD, Person, Server, make_concert, stores};

async fn json(request: RequestBuilder) -> Value {
    let response = request
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.expect("json")
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_find_join_follow_receive_leave_and_log_out() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(
        &organiser,
        &[
            ("title", "강가의 밤".into()),
            ("batch_size", "1".into()),
            ("interval_ms", "300".into()),
        ],
    )
    .await;
    Person::signed_up(&server, "mina").await;

    let client = Client::new();
    let url = |endpoint: &str| format!("{}/api/{endpoint}", server.url);
    let pair = json(
        client
            .post(url("create_token"))
            .form(&[("account_name", "mina"), ("password", PASSWORD)]),
    )
    .await;
    let token = pair["access_token"].as_str().expect("a token").to_owned();
    let found = json(
        client
            .get(url("list_concerts"))
            .query(&[("search", "강가"), ("genre", "indie")]),
    )
    .await;
    assert_eq!(
        (
            found["total"].as_u64(),
            found["concerts"][0]["id"].to_string()
        ),
        (Some(1), concert.clone())
    );

    // Other accounts join first, so that the stream has ticks to deliver.
    for name in ["ahead1", "ahead2", "ahead3"] {
        Person::signed_up(&server, name)
            .await
            .post("join_queue", &[("concert_id", &concert)])
            .await;
    }
    let with_token = |request: RequestBuilder| request.bearer_auth(&token);
    let joined = json(with_token(
        client
            .post(url("join_queue"))
            .form(&[("concert_id", &concert)]),
    ))
    .await;
    assert_eq!(joined["standing"], "waiting", "{joined}");

    let stream = with_token(
        client
            .get(url("queue_stream"))
            .query(&[("concert_id", &concert)])
            .header(header::ACCEPT_ENCODING, "br, gzip"),
    )
    .send()
    .await
    .expect("a stream");
    assert_eq!(stream.headers()[header::CONTENT_TYPE], "text/event-stream");
    // Compression or buffering in a proxy would delay ticks.
    assert_eq!(stream.headers().get(header::CONTENT_ENCODING), None);
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    let mut view: Option<model::queue::QueueView> = None;
    let mut ranks = Vec::new();
    let mut text = String::new();
    let mut chunks = stream.bytes_stream();
    'stream: while let Some(chunk) = chunks.next().await {
        text.push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("text"));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let kind = event.lines().find_map(|line| line.strip_prefix("event: "));
            match (kind, data, view.as_mut()) {
                (Some("view"), Some(data), _) => {
                    view = Some(serde_json::from_str(data).expect("a view"))
                }
                (Some("tick"), Some(data), Some(view)) => {
                    let tick = serde_json::from_str(data).expect("a tick");
                    assert_eq!(
                        view.apply(&tick),
                        model::queue::Applied::Yes,
                        "the server leaves no gap"
                    );
                }
                _ => {}
            }
            match view.as_ref().map(|view| &view.standing) {
                Some(model::queue::Standing::Waiting { rank, .. }) => ranks.push(*rank),
                Some(model::queue::Standing::Issued { .. }) => break 'stream,
                _ => {}
            }
            text = rest.to_owned();
        }
    }
    ranks.dedup();
    assert!(
        ranks.windows(2).all(|pair| pair[1] + 1 == pair[0]) && ranks.last() == Some(&1),
        "{ranks:?}"
    );

    let tickets = json(with_token(client.get(url("list_tickets")))).await;
    assert_eq!(
        (tickets[0]["title"].as_str(), tickets[0]["serial"].as_u64()),
        (Some("강가의 밤"), Some(4))
    );
    let id = tickets[0]["id"].to_string();
    json(with_token(
        client.post(url("cancel_ticket")).form(&[("id", &id)]),
    ))
    .await;
    let left = json(with_token(
        client
            .post(url("leave_queue"))
            .form(&[("concert_id", &concert)]),
    ))
    .await;
    assert_eq!(left["standing"], "left");
    json(with_token(client.post(url("log_out")))).await;
    let after = with_token(client.get(url("list_tickets")))
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .expect("an answer");
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
}
