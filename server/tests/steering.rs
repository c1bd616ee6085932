//! Steering a sale over HTTP: by script, and from the page without JavaScript.

mod support;

use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use support::{Person, Server, make_concert, stores};

fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (
        answer.0.as_u16(),
        answer.1["code"].as_str().unwrap_or("no code"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn steering_by_script() {
    let stores = stores().await;
    let (server, other) = (Server::start(&stores), Server::start(&stores));
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let rival = Person::organiser(&server, &stores, "rival").await;
    let fan = Person::signed_up(&server, "fan").await;
    let stranger = Person::new(&server);
    let concert = make_concert(&organiser, &[]).await;
    let steer = async |by: &Person, action: &str| {
        by.post("steer_sale", &[("id", &concert), ("action", action)])
            .await
    };
    let changes = async |by: &Person| by.get("sale_changes", &[("id", &concert)]).await;

    assert_eq!(
        code(&steer(&stranger, "pause").await),
        (401, "not_logged_in")
    );
    assert_eq!(code(&changes(&stranger).await), (401, "not_logged_in"));
    for by in [&fan, &rival] {
        assert_eq!(code(&steer(by, "close").await), (403, "forbidden"));
        assert_eq!(code(&changes(by).await), (403, "forbidden"));
    }
    assert_eq!(code(&steer(&organiser, "stop").await), (400, "malformed"));
    let nowhere = [("id", "99999"), ("action", "pause")];
    assert_eq!(
        code(&organiser.post("steer_sale", &nowhere).await),
        (404, "not_found")
    );

    for (action, state, by) in [
        ("pause", "paused", &organiser),
        ("pause", "paused", &organiser.at(&other)),
        ("resume", "open", &organiser.at(&other)),
        ("close", "closed", &organiser),
    ] {
        let (status, body) = steer(by, action).await;
        assert_eq!(
            (status, &body["state"]),
            (StatusCode::OK, &json!(state)),
            "{body}"
        );
    }
    assert_eq!(
        code(&steer(&organiser, "resume").await),
        (409, "sale_closed")
    );
    let joining = [("concert_id", concert.as_str())];
    assert_eq!(
        code(&fan.post("join_queue", &joining).await),
        (409, "sale_closed")
    );

    let (status, body) = changes(&organiser).await;
    assert_eq!(status, StatusCode::OK);
    let found: Vec<_> = body.as_array().expect("a list").iter().collect();
    let expected = [("open", "closed"), ("paused", "open"), ("open", "paused")];
    assert_eq!(found.len(), expected.len(), "{body}");
    for (change, (old, new)) in found.into_iter().zip(expected) {
        let at = change["at"].clone();
        assert!(at.is_string());
        let expected = json!({"by": "mina", "at": at, "field": "state", "old": old, "new": new});
        assert_eq!(change, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steering_from_the_page_without_javascript() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let fan = Person::signed_up(&server, "fan").await;
    let concert = make_concert(&organiser, &[("interval_ms", "3600000".into())]).await;
    let path = format!("/concerts/{concert}");
    let send = async |action: &str| {
        let fields = [("id", concert.as_str()), ("action", action)];
        organiser.send_form(&path, "steer_sale", &fields).await
    };

    let (status, page) = organiser.page(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Pause the sale") && page.contains("Nothing so far."));
    assert!(page.contains("Nobody is waiting."));
    let (_, page) = fan.page(&path).await;
    assert!(!page.contains("Sale control") && !page.contains("steer_sale"));

    let paused = send("pause").await;
    assert_eq!(paused.status(), StatusCode::FOUND);
    let control = format!("{path}-low-tide#sale-control");
    assert_eq!(paused.headers()[header::LOCATION], control);
    fan.post("join_queue", &[("concert_id", &concert)]).await;
    let (_, page) = organiser.page(&path).await;
    assert!(page.contains("Resume the sale") && !page.contains("Pause the sale"));
    assert!(page.contains("1 person is waiting"), "{page}");

    send("close").await;
    let (_, page) = organiser.page(&path).await;
    assert!(page.contains("For good. Nobody can join"));
    // As from a page that was loaded before the sale was closed.
    let refused = send("resume").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.expect("a page");
    assert!(page.contains("This sale has ended."), "{page}");
}
