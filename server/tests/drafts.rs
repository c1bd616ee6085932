//! Drafts and previews over HTTP.

mod support;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Person, Server, concert_fields, make_concert, stores};

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_made_and_published_over_http() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let fan = Person::signed_up(&server, "fan").await;
    let draft = make_concert(&organiser, &[("draft", "true".into())]).await;
    let public = make_concert(&organiser, &[]).await;
    let id = [("id", draft.as_str())];
    let code = |answer: &(StatusCode, Value)| (answer.0.as_u16(), answer.1["code"].clone());

    let (_, mine) = organiser.get("list_my_concerts", &[]).await;
    let mine = mine["concerts"].as_array().expect("a list");
    let drafts: Vec<_> = mine.iter().filter(|one| one["draft"] == true).collect();
    assert_eq!(drafts.len(), 1, "{mine:?}");
    assert_eq!(drafts[0]["id"].to_string(), draft);
    let refused = fan.get("list_my_concerts", &[]).await;
    assert_eq!(code(&refused), (403, json!("forbidden")));
    let listed = async || {
        let (_, page) = fan.get("list_concerts", &[]).await;
        let ids = page["concerts"].as_array().expect("a list").iter();
        let mut ids: Vec<String> = ids.map(|concert| concert["id"].to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(listed().await, std::slice::from_ref(&public));
    assert_eq!(
        code(&fan.get("get_concert", &id).await),
        (404, json!("not_found"))
    );
    let joined = fan.post("join_queue", &[("concert_id", &draft)]).await;
    assert_eq!(code(&joined), (404, json!("not_found")));
    let (status, _) = fan.page(&format!("/concerts/{draft}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = organiser.page(&format!("/concerts/{draft}")).await;
    assert_eq!(status, StatusCode::OK);
    let refused = fan.post("publish_concert", &id).await;
    assert_eq!(code(&refused), (404, json!("not_found")));

    let (status, published) = organiser.post("publish_concert", &id).await;
    assert_eq!(
        (status, &published["draft"]),
        (StatusCode::OK, &json!(false))
    );
    let mut both = [draft.clone(), public];
    both.sort();
    assert_eq!(listed().await, both);
    let joined = fan.post("join_queue", &[("concert_id", &draft)]).await;
    assert_eq!(joined.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_looked_at_and_nothing_is_saved() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let rival = Person::organiser(&server, &stores, "rival").await;
    let fan = Person::signed_up(&server, "fan").await;
    let concert = make_concert(&organiser, &[]).await;
    let form = |changes: &[(&'static str, &str)]| {
        let changes: Vec<_> = changes
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        concert_fields(&changes)
    };
    let look = async |by: &Person, fields: &[(&'static str, String)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        by.post("preview_concert", &fields).await
    };

    let (status, looked) = look(&organiser, &form(&[("title", "Night <b> & Day")])).await;
    assert_eq!(
        (status, &looked["problems"]),
        (StatusCode::OK, &json!([])),
        "{looked}"
    );
    let html = looked["html"].as_str().expect("markup");
    assert!(
        html.contains("Night &lt;b> &amp; Day") || html.contains("Night &lt;b&gt; &amp; Day"),
        "{html}"
    );
    assert!(
        html.contains("₩66,000") && !html.contains("<script"),
        "{html}"
    );

    // Characters that a ticket cannot render are mentioned but are no problem; without any, nothing
    // is said.
    let unset = "show a box in place of: \u{13000}\u{13001}.";
    let title = "Dvořák 漢字 عمر 🎸 \u{13001}\u{13000}\u{13001}";
    for (title, said) in [(title, true), ("Dvořák 漢字 عمر 🎸", false)] {
        let (_, looked) = look(&organiser, &form(&[("title", title)])).await;
        let html = looked["html"].as_str().expect("markup");
        assert_eq!(looked["problems"], json!([]));
        assert_eq!(html.contains(unset), said, "{html}");
        assert_eq!(html.contains("undrawable"), said, "{html}");
    }

    let wrong = form(&[("price_won", "-1"), ("ends_at", "")]);
    let (_, looked) = look(&organiser, &wrong).await;
    let expected = json!([
        {"field": "ends_at", "words": "Please fill this in."},
        {"field": "price_won", "words": "Must be from 0 to 100,000,000."},
    ]);
    assert_eq!(looked["problems"], expected);
    let (_, looked) = look(
        &organiser,
        &form(&[
            ("starts_at", "2020-01-01T00:00"),
            ("sale_opens_at", "2019-01-01T00:00"),
        ]),
    )
    .await;
    assert_eq!(
        looked["problems"],
        json!([{"field": "starts_at", "words": "The concert must start in the future."}])
    );

    for (by, id, code) in [
        (&fan, "", 403),
        (&rival, concert.as_str(), 403),
        (&organiser, "99999", 404),
    ] {
        let mut fields = form(&[]);
        if !id.is_empty() {
            fields.push(("id", id.to_owned()));
        }
        assert_eq!(look(by, &fields).await.0.as_u16(), code);
    }

    // Without JavaScript, the page is rendered with the echo, the problems and the preview.
    let mut fields = form(&[
        ("title", "Day Boat"),
        ("price_won", "-1"),
        ("venue", "\u{13000}\u{13001}"),
    ]);
    fields.push(("id", concert.clone()));
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let edit = format!("/concerts/{concert}/edit");
    let sent = organiser.send_form(&edit, "preview_concert", &fields).await;
    assert_eq!(sent.status(), StatusCode::OK);
    let page = sent.text().await.expect("a page");
    assert!(page.contains("value=\"Day Boat\""), "{page}");
    assert!(page.contains("Must be from 0 to 100,000,000."), "{page}");
    assert!(page.contains("multipart/form-data"));
    assert!(page.contains(unset), "{page}");
    let (_, view) = fan.get("get_concert", &[("id", &concert)]).await;
    assert_eq!(view["concert"]["title"], "Low Tide");
    let (_, mine) = organiser.get("list_my_concerts", &[]).await;
    let mine = mine["concerts"].as_array().expect("a list");
    assert!(mine.iter().all(|concert| concert["draft"] == false));
}

/// The existence of a draft is confidential: other accounts get the answers of an id that is not in
/// use.
#[tokio::test(flavor = "multi_thread")]
async fn to_others_a_draft_is_not_there_whatever_they_ask() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let rival = Person::organiser(&server, &stores, "rival").await;
    let fan = Person::signed_up(&server, "fan").await;
    let draft = make_concert(&organiser, &[("draft", "true".into())]).await;
    let mut details = concert_fields(&[]);
    details.push(("id", draft.clone()));
    let details: Vec<(&str, &str)> = details
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let (id, concert_id) = (("id", &*draft), ("concert_id", &*draft));
    let asked: [(&str, Vec<(&str, &str)>); 5] = [
        ("get_concert", vec![id]),
        ("desk_view", vec![id]),
        ("sale_changes", vec![id]),
        ("find_tickets", vec![concert_id, ("ticket", "mina")]),
        ("queue_view", vec![concert_id]),
    ];
    let done: [(&str, Vec<(&str, &str)>); 9] = [
        ("update_concert", details),
        ("steer_sale", vec![id, ("action", "pause")]),
        (
            "set_pace",
            vec![id, ("batch_size", "1"), ("interval_ms", "500")],
        ),
        ("set_capacity", vec![id, ("capacity", "41")]),
        ("publish_concert", vec![id]),
        ("remove_poster", vec![id]),
        ("join_queue", vec![concert_id]),
        ("leave_queue", vec![concert_id]),
        (
            "create_rehearsal",
            vec![concert_id, ("people", "2"), ("sale_opens_in_s", "60")],
        ),
    ];
    for person in [&rival, &fan] {
        for (call, fields) in &asked {
            let (status, refused) = person.get(call, fields).await;
            assert_eq!(
                (status, &refused["code"]),
                (StatusCode::NOT_FOUND, &json!("not_found")),
                "{call}"
            );
        }
        for (call, fields) in &done {
            let (status, refused) = person.post(call, fields).await;
            assert_eq!(
                (status, &refused["code"]),
                (StatusCode::NOT_FOUND, &json!("not_found")),
                "{call}"
            );
        }
        for page in [
            "",
            "/edit",
            "/desk",
            "/queue",
            "/sale.ics",
            "/concert.ics",
            "/card.png",
        ] {
            let asked = async |id: &str| person.page(&format!("/concerts/{id}{page}")).await.0;
            let draft = asked(&draft).await;
            assert_eq!(draft, asked("999999").await, "{page}");
            assert!(!draft.is_success(), "{page}");
        }
    }
}
