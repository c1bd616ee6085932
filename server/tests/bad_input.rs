//! Invalid input is refused with a clear status, error code and field names.

mod support;

use chrono::TimeDelta;
use reqwest::{StatusCode, header};
use serde_json::Value;
use support::{PASSWORD, Person, Server, concert_fields, local, make_concert, now, stores};

fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (
        answer.0.as_u16(),
        answer.1["code"].as_str().unwrap_or("no code"),
    )
}

/// Returns the fields that an `invalid` refusal names; panics on any other answer.
fn fields(answer: &(StatusCode, Value)) -> Vec<String> {
    assert_eq!(code(answer), (422, "invalid"), "{}", answer.1);
    let problems = answer.1["problems"].as_array().expect("problems");
    problems
        .iter()
        .map(|problem| problem["field"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let stranger = Person::new(&server);
    let sign_up = async |name: &str, password: &str, email: &str| {
        let fields = [
            ("account_name", name),
            ("password", password),
            ("name", "N"),
            ("nickname", "n"),
            ("email", email),
        ];
        stranger.post("sign_up", &fields).await
    };
    assert_eq!(
        code(&sign_up("MINA", PASSWORD, "other@example.com").await),
        (409, "account_name_taken")
    );
    assert_eq!(
        code(&sign_up("other", PASSWORD, "Mina@example.com").await),
        (409, "email_taken")
    );
    assert_eq!(
        fields(&sign_up("other", "short", "other@example.com").await),
        ["password"]
    );
    assert_eq!(
        fields(&sign_up("!", "short", "nowhere").await),
        ["account_name", "password", "email"]
    );
    assert_eq!(
        code(&stranger.post("sign_up", &[("account_name", "x")]).await),
        (400, "malformed")
    );

    let wrong = stranger
        .post(
            "log_in",
            &[("account_name", "mina"), ("password", "not it at all")],
        )
        .await;
    let unknown = stranger
        .post(
            "log_in",
            &[("account_name", "nobody"), ("password", "not it at all")],
        )
        .await;
    assert_eq!(code(&wrong), (401, "wrong_credentials"));
    assert_eq!(wrong, unknown);
    assert_eq!(
        code(&stranger.get("list_tickets", &[]).await),
        (401, "not_logged_in")
    );
    assert_eq!(person.get("list_tickets", &[]).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn concerts() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let user = Person::signed_up(&server, "user").await;
    let create = async |by: &Person, changes: &[(&'static str, String)]| {
        let fields = concert_fields(changes);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        by.post("create_concert", &fields).await
    };
    assert_eq!(code(&create(&user, &[]).await), (403, "forbidden"));
    assert_eq!(
        code(&create(&Person::new(&server), &[]).await),
        (401, "not_logged_in")
    );
    assert_eq!(
        fields(&create(&organiser, &[("starts_at", "tomorrow".into())]).await),
        ["starts_at"]
    );
    assert_eq!(
        fields(&create(&organiser, &[("ends_at", local(now()))]).await),
        ["ends_at"]
    );
    assert_eq!(
        fields(
            &create(
                &organiser,
                &[("price_won", "-1".into()), ("capacity", "0".into())]
            )
            .await
        ),
        ["price_won", "capacity"]
    );
    assert_eq!(
        fields(&create(&organiser, &[("title", "x".repeat(121))]).await),
        ["title"]
    );
    assert_eq!(
        code(&create(&organiser, &[("description", "x".repeat(300_000))]).await),
        (413, "too_large")
    );

    let concert = make_concert(&organiser, &[]).await;
    let mut changed = concert_fields(&[("title", "Another".into())]);
    changed.push(("id", concert.clone()));
    let changed: Vec<(&str, &str)> = changed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        code(&user.post("update_concert", &changed).await),
        (403, "forbidden")
    );
    let (status, after) = organiser.post("update_concert", &changed).await;
    assert_eq!(
        (status, &after["title"]),
        (StatusCode::OK, &Value::from("Another"))
    );
    assert_eq!(
        code(&user.get("get_concert", &[("id", "99999")]).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&user.get("get_concert", &[("id", "one")]).await),
        (400, "malformed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_tickets() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let (holder, other) = (
        Person::signed_up(&server, "holder").await,
        Person::signed_up(&server, "other").await,
    );
    let early = make_concert(
        &organiser,
        &[("sale_opens_at", local(now() + TimeDelta::hours(1)))],
    )
    .await;
    assert_eq!(
        code(&holder.post("join_queue", &[("concert_id", &early)]).await),
        (409, "sale_not_open")
    );
    assert_eq!(
        code(&holder.post("join_queue", &[("concert_id", "99999")]).await),
        (404, "not_found")
    );
    assert_eq!(
        code(
            &Person::new(&server)
                .post("join_queue", &[("concert_id", &early)])
                .await
        ),
        (401, "not_logged_in")
    );
    assert_eq!(
        code(&holder.get("queue_stream", &[("concert_id", "99999")]).await),
        (404, "not_found")
    );
    assert_eq!(
        code(
            &Person::new(&server)
                .get("queue_stream", &[("concert_id", &early)])
                .await
        ),
        (401, "not_logged_in")
    );

    let concert = make_concert(&organiser, &[]).await;
    assert_eq!(
        holder
            .post("join_queue", &[("concert_id", &concert)])
            .await
            .0,
        StatusCode::OK
    );
    let ticket = loop {
        let (_, tickets) = holder.get("list_tickets", &[]).await;
        if let Some(id) = tickets[0]["id"].as_i64() {
            break id.to_string();
        }
    };
    assert_eq!(
        holder.get("get_ticket", &[("id", &ticket)]).await.0,
        StatusCode::OK
    );
    assert_eq!(
        code(&other.get("get_ticket", &[("id", &ticket)]).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&other.post("cancel_ticket", &[("id", &ticket)]).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&holder.post("join_queue", &[("concert_id", &concert)]).await),
        (409, "holds_ticket")
    );
    assert_eq!(
        other.page(&format!("/tickets/{ticket}")).await.0,
        StatusCode::NOT_FOUND
    );
    let (status, page) = holder.page(&format!("/tickets/{ticket}")).await;
    assert!(status == StatusCode::OK && page.contains("Low Tide"));

    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    sqlx::query("UPDATE concerts SET state = 'closed'")
        .execute(&db)
        .await
        .expect("closed");
    let closed = loop {
        let answer = other.post("join_queue", &[("concert_id", &concert)]).await;
        if answer.0 != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(code(&closed), (409, "sale_closed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_the_right_status() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let (user, stranger) = (
        Person::signed_up(&server, "user").await,
        Person::new(&server),
    );
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    for path in [
        "/",
        "/sign-up",
        "/log-in",
        &format!("/concerts/{concert}"),
        "/?search=tide&genre=indie&page=1",
    ] {
        let (status, page) = stranger.page(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(
            page.contains("<title>") && page.contains("name=\"description\""),
            "{path} lacks a title or a description"
        );
    }
    for path in ["/concerts/99999", "/concerts/one", "/nowhere", "/tickets/x"] {
        assert_eq!(user.page(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(user.page("/concerts/new").await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        user.page(&format!("/concerts/{concert}/edit")).await.0,
        StatusCode::FORBIDDEN
    );
    for path in [
        "/tickets",
        "/account",
        "/concerts/new",
        &format!("/concerts/{concert}/queue"),
    ] {
        let request = stranger
            .client
            .get(format!("{}{path}", server.url))
            .header(header::ACCEPT, "text/html");
        let response = request.send().await.expect("an answer");
        assert!(
            response.status().is_redirection(),
            "{path}: {}",
            response.status()
        );
        let to = response.headers()[header::LOCATION]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(to.starts_with("/log-in?next="), "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_a_refused_form_comes_back_with_what_was_typed() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::new(&server);
    let typed = [
        ("account_name", "mina"),
        ("password", "short"),
        ("name", "김미나"),
        ("nickname", "mina & <co>"),
        ("email", "mina@example.com"),
    ];
    let response = person.send_form("/sign-up", "sign_up", &typed).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = response.text().await.expect("a page");
    assert!(
        page.contains("value=\"김미나\"") && page.contains("value=\"mina &amp; &lt;co&gt;\""),
        "{page}"
    );
    assert!(page.contains("aria-invalid=\"true\"") && !page.contains("value=\"short\""));
    // The echo is shown once: a reload renders an empty form.
    assert!(!person.page("/sign-up").await.1.contains("김미나"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_before_any_page_is_still_said_in_the_readers_language() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::new(&server);
    let request = person.client.post(format!("{}/api/sign_up", server.url));
    let request = request
        .header(header::ACCEPT, "text/html")
        .header(header::ACCEPT_LANGUAGE, "ko");
    let response = request
        .form(&[("name", "x".repeat(70_000))])
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let page = response.text().await.expect("a page");
    assert!(
        page.contains("lang=\"ko\"") && page.contains("요."),
        "{page}"
    );
}
