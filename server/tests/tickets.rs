//! A ticket's files, which only its holder can download; and the public keys, which any client can.

mod support;

use chrono::TimeDelta;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use std::time::Duration;
use support::pages::{is_dressed, said};
use support::{Person, Server, concert_fields, local, make_concert, now, stores};

/// Joins the queue and returns the account's ticket.
async fn ticket(person: &Person, concert: &str) -> Value {
    let (status, body) = person.post("join_queue", &[("concert_id", concert)]).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    loop {
        let (_, tickets) = person.get("list_tickets", &[]).await;
        if let Some(ticket) = tickets.get(0) {
            return ticket.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn get(person: &Person, path: &str) -> Response {
    person.request(Method::GET, path, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_paper_and_a_date_to_its_owner_alone() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let title = "강가의 밤: \"끝\"/1";
    let concert = make_concert(&organiser, &[("title", title.into())]).await;
    let owner = Person::signed_up(&server, "mina").await;
    let ticket = ticket(&owner, &concert).await;
    let id = ticket["id"].to_string();
    let (pdf, calendar) = (
        format!("/tickets/{id}/ticket.pdf"),
        format!("/tickets/{id}/concert.ics"),
    );

    let response = get(&owner, &pdf).await;
    assert_eq!(response.status(), StatusCode::OK);
    is_dressed(&response);
    assert_eq!(said(&response, "content-type"), "application/pdf");
    assert_eq!(said(&response, "cache-control"), "no-store");
    let policy = said(&response, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'"));
    assert_eq!(
        said(&response, "content-disposition"),
        format!(
            "attachment; filename=\"ticket-{id}.pdf\"; \
             filename*=UTF-8''%EA%B0%95%EA%B0%80%EC%9D%98%20%EB%B0%A4%20%EB%81%9D%201%2C%20ticket%201.pdf"
        )
    );
    let bytes = response.bytes().await.expect("a body");
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 10_000);
    let korean = owner.client.get(format!("{}{pdf}", server.url));
    let korean = korean
        .header(header::ACCEPT_LANGUAGE, "ko")
        .send()
        .await
        .expect("an answer");
    assert!(said(&korean, "content-disposition").contains("%ED%8B%B0%EC%BC%93"));

    let response = get(&owner, &calendar).await;
    assert_eq!(
        said(&response, "content-type"),
        "text/calendar; charset=utf-8"
    );
    assert_eq!(said(&response, "cache-control"), "no-store");
    is_dressed(&response);
    let text = response.text().await.expect("a body");
    let unfolded = text.replace("\r\n ", "");
    assert!(
        unfolded.contains("SUMMARY:강가의 밤: \"끝\"/1\r\n"),
        "{text}"
    );
    assert!(
        unfolded.contains("Ticket number 1\\n") && unfolded.contains(&format!("/tickets/{id}\r\n"))
    );

    let head = owner.request(Method::HEAD, &pdf, &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(said(&head, "content-type"), "application/pdf");
    assert!(head.bytes().await.expect("a body").is_empty());
    let posted = owner.request(Method::POST, &pdf, &[]).await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);

    let somebody = Person::signed_up(&server, "somebody").await;
    let nobody = Person::new(&server);
    for path in [&pdf, &calendar] {
        for (person, status) in [
            (&somebody, StatusCode::NOT_FOUND),
            (&organiser, StatusCode::NOT_FOUND),
            (&nobody, StatusCode::UNAUTHORIZED),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let response = person.request(method, path, &[]).await;
                assert_eq!(response.status(), status, "{path}");
                is_dressed(&response);
                assert!(!response.headers().contains_key(header::CONTENT_DISPOSITION));
            }
            // A browser is redirected to the page, which says the same in words.
            let (status, _) = person.page(path).await;
            assert_eq!(status, StatusCode::SEE_OTHER);
        }
    }
    for wrong in [
        "x",
        "0",
        "-1",
        "999999",
        "99999999999999999999",
        "%2e%2e",
        "1%00",
    ] {
        for file in ["ticket.pdf", "concert.ics"] {
            let response = get(&owner, &format!("/tickets/{wrong}/{file}")).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{wrong}");
        }
    }

    // A cancelled ticket has no files.
    let (status, _) = owner.post("cancel_ticket", &[("id", &id)]).await;
    assert_eq!(status, StatusCode::OK);
    for path in [&pdf, &calendar] {
        assert_eq!(get(&owner, path).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_checked_at_the_door_and_without_us() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let another = Person::organiser(&server, &stores, "another").await;
    let concert = make_concert(&organiser, &[]).await;
    let owner = Person::signed_up(&server, "mina").await;
    let ticket = ticket(&owner, &concert).await;
    let signed = ticket["signed"].as_str().expect("a signed code");

    // Verifies the code with nothing but the published keys, which any client may read from any
    // origin.
    let response = get(
        &Person::new(&server),
        "/.well-known/frontrow-ticket-keys.json",
    )
    .await;
    assert_eq!(said(&response, "access-control-allow-origin"), "*");
    assert_eq!(
        said(&response, "cross-origin-resource-policy"),
        "cross-origin"
    );
    assert_eq!(said(&response, "cache-control"), "public, max-age=300");
    let keys: Value = response.json().await.expect("json");
    let key = &keys["keys"][0];
    let jwk = json!({ "kty": key["kty"], "crv": key["crv"], "x": key["x"] });
    let key = jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(jwk).expect("a key"))
        .expect("a key");
    let (said_of_it, signature) = signed.rsplit_once(':').expect("a signature");
    let signature: Vec<u8> = (0..64)
        .map(|n| u8::from_str_radix(&signature[2 * n..2 * n + 2], 16).expect("hexadecimal digits"))
        .collect();
    let signature = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, signature);
    let verified = |text: &str| {
        jsonwebtoken::crypto::verify(
            &signature,
            text.as_bytes(),
            &key,
            jsonwebtoken::Algorithm::EdDSA,
        )
        .expect("a verdict")
    };
    assert!(verified(said_of_it));
    assert!(!verified(&said_of_it.replacen("FR1", "FR2", 1)));
    let expected = format!("{}:{concert}:1:", ticket["id"]);
    assert!(said_of_it.contains(&expected), "{said_of_it}");

    let check =
        async |person: &Person, code: &str| person.get("check_ticket", &[("code", code)]).await;
    let valid = json!({ "verdict": "valid", "concert_id": concert.parse::<i64>().expect("a number"), "title": "Low Tide", "serial": 1 });
    for code in [signed, ticket["code"].as_str().expect("a code")] {
        assert_eq!(
            check(&organiser, code).await,
            (StatusCode::OK, valid.clone())
        );
        let not_ours = json!({ "verdict": "not_ours" });
        assert_eq!(check(&another, code).await, (StatusCode::OK, not_ours));
        let forbidden = json!({ "code": "forbidden" });
        assert_eq!(
            check(&owner, code).await,
            (StatusCode::FORBIDDEN, forbidden)
        );
        assert_eq!(
            check(&Person::new(&server), code).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    owner
        .post("cancel_ticket", &[("id", &ticket["id"].to_string())])
        .await;
    let (_, told) = check(&organiser, signed).await;
    assert_eq!(
        (&told["verdict"], &told["serial"]),
        (&json!("cancelled"), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_note_a_concert_in_their_calendar() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let nobody = Person::new(&server);
    let response = get(&nobody, &format!("/concerts/{concert}/concert.ics")).await;
    assert_eq!(response.status(), StatusCode::OK);
    is_dressed(&response);
    assert_eq!(
        said(&response, "content-type"),
        "text/calendar; charset=utf-8"
    );
    let text = response.text().await.expect("a body");
    assert!(
        text.starts_with("BEGIN:VCALENDAR\r\n") && text.contains("\r\nSUMMARY:Low Tide\r\n"),
        "{text}"
    );
    assert!(
        text.contains(&format!("\r\nUID:concert-{concert}@"))
            && text.ends_with("\r\nEND:VCALENDAR\r\n")
    );
    for wrong in ["x", "999999"] {
        let response = get(&nobody, &format!("/concerts/{wrong}/concert.ics")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}

/// Returns the lines of an event by which a calendar recognises it and tells which version is the
/// newer one.
async fn noted(server: &Server, path: &str) -> [String; 5] {
    let response = get(&Person::new(server), path).await;
    assert_eq!(response.status(), StatusCode::OK);
    let text = response.text().await.expect("a body");
    [
        "UID",
        "SEQUENCE",
        "DTSTART",
        "LAST-MODIFIED",
        "ORGANIZER;CN=Frontrow",
    ]
    .map(|name| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concert_that_is_moved_twice_moves_in_calendars() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let days = |days| {
        let starts_at = now() + TimeDelta::days(days);
        vec![
            ("starts_at", local(starts_at)),
            ("ends_at", local(starts_at + TimeDelta::hours(2))),
        ]
    };
    let concert = make_concert(&organiser, &days(30)).await;
    let path = format!("/concerts/{concert}/concert.ics");
    let mut before = noted(&server, &path).await;
    assert_eq!(before[1], "0");
    assert_eq!(before[4], server.url);
    for (moved_to, sequence) in [(31, "1"), (29, "2")] {
        let mut changes = days(moved_to);
        changes.push(("id", concert.clone()));
        update(&organiser, &changes).await;
        let after = noted(&server, &path).await;
        assert_eq!((&after[0], after[1].as_str()), (&before[0], sequence));
        assert_ne!(after[2], before[2]);
        assert!(after[3] >= before[3]);
        // Changes that no calendar shows leave the sequence as it is: the price, issued tickets, a
        // pause.
        changes.push(("price_won", format!("{moved_to}000")));
        update(&organiser, &changes).await;
        let fan = Person::signed_up(&server, &format!("fan{moved_to}")).await;
        ticket(&fan, &concert).await;
        for action in ["pause", "resume"] {
            let fields = [("id", concert.as_str()), ("action", action)];
            let (status, body) = organiser.post("steer_sale", &fields).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
        assert_eq!(noted(&server, &path).await, after);
        before = after;
    }
}

async fn update(organiser: &Person, changes: &[(&'static str, String)]) {
    let fields = concert_fields(changes);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, body) = organiser.post("update_concert", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_opening_of_a_sale_may_be_noted_until_it_has_come() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let tomorrow = [("sale_opens_at", local(now() + TimeDelta::days(1)))];
    let (soon, open) = (
        make_concert(&organiser, &tomorrow).await,
        make_concert(&organiser, &[]).await,
    );
    let nobody = Person::new(&server);
    let response = get(&nobody, &format!("/concerts/{soon}/sale.ics")).await;
    assert_eq!(response.status(), StatusCode::OK);
    is_dressed(&response);
    let text = response.text().await.expect("a body");
    assert!(
        text.contains("\r\nSUMMARY:Sale opens: Low Tide\r\n"),
        "{text}"
    );
    assert!(text.contains(&format!("\r\nUID:sale-{soon}@")), "{text}");
    for wrong in [&open, "x"] {
        let response = get(&nobody, &format!("/concerts/{wrong}/sale.ics")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
