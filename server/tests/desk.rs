//! The dashboard over HTTP: by script, and as a page without JavaScript.

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

/// Returns whether the control `name` of the page is rendered open.
fn is_open(page: &str, name: &str) -> bool {
    let mut controls = page
        .split("<details")
        .filter_map(|rest| rest.split_once('>'));
    let named = format!("desk-control--{name}\"");
    let control = controls.find(|(tag, _)| tag.contains(&named));
    control.expect("a control of this name").0.contains(" open")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_by_script() {
    let stores = stores().await;
    let (server, other) = (Server::start(&stores), Server::start(&stores));
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(
        &organiser,
        &[("capacity", "40".into()), ("interval_ms", "3600000".into())],
    )
    .await;
    for name in ["one", "two", "three"] {
        let fan = Person::signed_up(&server, name).await;
        let joined = fan.post("join_queue", &[("concert_id", &concert)]).await;
        assert_eq!(joined.0, StatusCode::OK, "{joined:?}");
    }
    // Both servers report the totals of all servers.
    for organiser in [&organiser, &organiser.at(&other)] {
        let (status, view) = organiser.get("desk_view", &[("id", &concert)]).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        let people = view["waiting"].as_u64().zip(view["issued"].as_u64());
        let (waiting, issued) = people.expect("two numbers");
        // The only batch of this hour may be issued between the reads; it counts as waiting until
        // its tick.
        assert!((3..=6).contains(&(waiting + issued)), "{view}");
        assert_eq!(view["capacity"], 40);
        assert_eq!(view["phase"], "selling");
        let bars = |name: &str| view["course"][name].as_array().map(Vec::len);
        assert_eq!((bars("joined"), bars("issued")), (Some(60), Some(60)));
        assert!(view["course"]["joining"].is_number());
    }

    let pace = [
        ("id", concert.as_str()),
        ("batch_size", "7"),
        ("interval_ms", "500"),
    ];
    let (status, changed) = organiser.post("set_pace", &pace).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(
        (&changed["batch_size"], &changed["interval_ms"]),
        (&json!(7), &json!(500))
    );
    let more = [("id", concert.as_str()), ("capacity", "1,400")];
    let (status, changed) = organiser.at(&other).post("set_capacity", &more).await;
    assert_eq!(
        (status, &changed["capacity"]),
        (StatusCode::OK, &json!(1400))
    );
    let wrong = [
        ("id", concert.as_str()),
        ("batch_size", ""),
        ("interval_ms", "99"),
    ];
    let (status, refused) = organiser.post("set_pace", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> = refused["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(
        (&fields[0]["kind"], &fields[1]["kind"]),
        (&json!("missing"), &json!("out_of_range"))
    );

    let (_, changes) = organiser.get("sale_changes", &[("id", &concert)]).await;
    let fields: Vec<&str> = changes
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| change["field"].as_str().expect("a name"))
        .collect();
    assert_eq!(fields, ["capacity", "interval_ms", "batch_size"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_sees_the_desk_or_sets_anything() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let admin = Person::admin(&server, &stores, "chief").await;
    let rival = Person::organiser(&server, &stores, "rival").await;
    let fan = Person::signed_up(&server, "fan").await;
    let stranger = Person::new(&server);
    let concert = make_concert(&organiser, &[("capacity", "40".into())]).await;
    let path = format!("/concerts/{concert}/desk");
    for (person, status, said) in [
        (&stranger, 401, "not_logged_in"),
        (&fan, 403, "forbidden"),
        (&rival, 403, "forbidden"),
    ] {
        let looked = person.get("desk_view", &[("id", &concert)]).await;
        assert_eq!(code(&looked), (status, said));
        let pace = [
            ("id", concert.as_str()),
            ("batch_size", "1"),
            ("interval_ms", "100"),
        ];
        assert_eq!(code(&person.post("set_pace", &pace).await), (status, said));
        let capacity = [("id", concert.as_str()), ("capacity", "41")];
        assert_eq!(
            code(&person.post("set_capacity", &capacity).await),
            (status, said)
        );
        // A visitor is redirected to the log-in page, which leads back here.
        let (shown, page) = person.page(&path).await;
        assert_eq!(shown.as_u16(), if status == 401 { 302 } else { status });
        assert!(
            !page.contains("desk-now") && !page.contains("set_pace"),
            "{page}"
        );
        let (_, page) = person.page(&format!("/concerts/{concert}")).await;
        assert!(!page.contains(&path), "{page}");
    }
    let (_, changes) = organiser.get("sale_changes", &[("id", &concert)]).await;
    assert_eq!(changes, json!([]));
    for person in [&organiser, &admin] {
        let (shown, page) = person.page(&path).await;
        assert_eq!(shown, StatusCode::OK);
        assert!(page.contains("desk-now"), "{page}");
        for nowhere in ["/concerts/99999/desk", "/concerts/x/desk"] {
            assert_eq!(person.page(nowhere).await.0, StatusCode::NOT_FOUND);
        }
        let nowhere = person.get("desk_view", &[("id", "99999")]).await;
        assert_eq!(code(&nowhere), (404, "not_found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_without_javascript() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let changes = [("capacity", "40".into()), ("interval_ms", "3600000".into())];
    let concert = make_concert(&organiser, &changes).await;
    let path = format!("/concerts/{concert}/desk");
    // Sends a form as a browser does. Returns the redirect target and the page there, or an empty
    // target and the form's own page if it was refused.
    let send = async |endpoint: &str, fields: &[(&str, &str)]| {
        let response = organiser.send_form(&path, endpoint, fields).await;
        if response.status().is_client_error() {
            let page = response.text().await.expect("a page");
            return (String::new(), page);
        }
        assert_eq!(response.status(), StatusCode::FOUND);
        let location = response.headers()[header::LOCATION].to_str();
        let location = location.expect("an address").to_owned();
        let back = location.strip_prefix(&server.url).unwrap_or(&location);
        let (_, page) = organiser.page(back).await;
        (back.to_owned(), page)
    };
    let id = ("id", concert.as_str());

    let (_, page) = organiser.page(&format!("/concerts/{concert}")).await;
    assert!(page.contains(&format!("href=\"{path}\"")), "{page}");
    let (_, page) = organiser.page(&path).await;
    for part in [
        "Joins per second",
        "Tickets per second",
        "Left to sell",
        "<path d=\"M0 100h600",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // All controls start closed: each first states what it does.
    assert!(
        ["pause", "pace", "capacity", "close"]
            .iter()
            .all(|name| !is_open(&page, name)),
        "{page}"
    );

    let steer = |action: &'static str| [id, ("action", action), ("from_desk", "true")];
    let (back, page) = send("steer_sale", &steer("pause")).await;
    assert_eq!(back, path);
    assert!(
        page.contains("Sale paused") && page.contains("Yes, resume it"),
        "{page}"
    );
    assert!(!page.contains("Yes, pause it"), "{page}");
    send("steer_sale", &steer("resume")).await;

    let (back, page) = send(
        "set_pace",
        &[id, ("batch_size", "3"), ("interval_ms", "1500")],
    )
    .await;
    assert_eq!(back, path);
    assert!(
        page.contains("At most 3 tickets every 1.5 seconds."),
        "{page}"
    );
    let (back, page) = send("set_capacity", &[id, ("capacity", "55")]).await;
    assert_eq!(back, path);
    assert!(page.contains("of 55"), "{page}");

    // A refused form stays open, with its echo and its problems.
    let (back, page) = send(
        "set_pace",
        &[id, ("batch_size", "3000"), ("interval_ms", "1500")],
    )
    .await;
    assert_eq!(back, "");
    assert!(
        page.contains("value=\"3000\"") && page.contains("batch_size-problem"),
        "{page}"
    );
    assert!(page.contains("aria-invalid=\"true\""), "{page}");
    assert!(
        is_open(&page, "pace") && !is_open(&page, "capacity"),
        "{page}"
    );

    let (_, page) = send("steer_sale", &steer("close")).await;
    assert!(page.contains("There is nothing left to steer."), "{page}");
    assert!(!page.contains("set_pace"), "{page}");
    let (_, page) = send("set_capacity", &[id, ("capacity", "56")]).await;
    assert!(page.contains("This sale has ended."), "{page}");
}
