//! Right-to-left text typed by users does not reorder the text beside it: every page puts it in an
//! element with its own direction.

mod support;

use reqwest::StatusCode;
use scraper::{ElementRef, Html, Node, Selector};
use std::time::{Duration, Instant};
use support::{PASSWORD, Person, Server, make_concert, stores};

/// Hebrew and Arabic, with figures and brackets, whose position depends on the direction around
/// them.
const TITLE: &str = "גאות 7 (שפל";
const ARTIST: &str = "فيروز 3";
const VENUE: &str = "היכל 12!";
const DESCRIPTION: &str = "ערב אחד.\nمساء واحد (2)";
const NAME: &str = "שירה כהן";
const NICKNAME: &str = "שירה 5";

fn is_turned(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{5ff}' | '\u{600}'..='\u{6ff}')
}

/// Returns whether the style sheet of the HTML standard isolates this element from the text around
/// it.
fn isolates(element: ElementRef) -> bool {
    element.value().name() == "bdi" || element.attr("dir") == Some("auto")
}

/// Returns each displayed text and input value of the page that has right-to-left characters, and
/// whether it is isolated.
fn typed(page: &str) -> Vec<(String, bool)> {
    let html = Html::parse_document(page);
    let body = Selector::parse("body").expect("a selector");
    let body = html.select(&body).next().expect("a body");
    body.descendants()
        .filter_map(|node| match node.value() {
            Node::Text(text) if text.contains(is_turned) => {
                let mut around = node.ancestors().filter_map(ElementRef::wrap);
                // Data for scripts is not displayed.
                let parent = node.parent().and_then(ElementRef::wrap)?;
                let shown = !matches!(parent.value().name(), "script" | "template" | "style");
                shown.then(|| (text.to_string(), around.any(isolates)))
            }
            Node::Element(input) if input.name() == "input" => {
                let value = input.attr("value")?;
                let shown = input.attr("type") != Some("hidden") && value.contains(is_turned);
                shown.then(|| (value.to_owned(), input.attr("dir") == Some("auto")))
            }
            _ => None,
        })
        .collect()
}

async fn isolated(person: &Person, path: &str) {
    let (status, page) = person.page(path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    let typed = typed(&page);
    assert!(!typed.is_empty(), "nothing on {path}");
    for (text, isolated) in typed {
        assert!(isolated, "{text:?} on {path}");
    }
}

async fn fan(server: &Server, name: &str) -> Person {
    let person = Person::new(server);
    let email = format!("{name}@example.com");
    let fields = [
        ("account_name", name),
        ("password", PASSWORD),
        ("name", NAME),
        ("nickname", NICKNAME),
        ("email", &email),
    ];
    let (status, body) = person.post("sign_up", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    person
}

async fn join(person: &Person, concert: &str) {
    let (status, body) = person.post("join_queue", &[("concert_id", concert)]).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

/// Waits up to 30 s for the account's only ticket and returns its id.
async fn ticket(person: &Person) -> String {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, mine) = person.get("list_tickets", &[]).await;
        if let Some(ticket) = mine.get(0) {
            return ticket["id"].to_string();
        }
        assert!(Instant::now() < patience, "no ticket: {mine}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_typed_from_right_to_left_is_isolated_on_every_page() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(
        &organiser,
        &[
            ("title", TITLE.into()),
            ("artist", ARTIST.into()),
            ("venue", VENUE.into()),
            ("description", DESCRIPTION.into()),
            ("capacity", "1".into()),
            ("batch_size", "1".into()),
        ],
    )
    .await;
    let (holder, late) = (
        fan(&server, "holder").await,
        fan(&server, "latecomer").await,
    );
    join(&holder, &concert).await;
    let ticket = ticket(&holder).await;
    join(&late, &concert).await;

    let visitor = Person::new(&server);
    for path in ["/", "/?search=היכל", &format!("/concerts/{concert}")] {
        isolated(&visitor, path).await;
    }
    for path in [
        "/concerts/mine".to_owned(),
        format!("/concerts/{concert}"),
        format!("/concerts/{concert}/edit"),
        format!("/concerts/{concert}/desk"),
    ] {
        isolated(&organiser, &path).await;
    }
    for path in [
        "/".to_owned(),
        "/tickets".to_owned(),
        format!("/tickets/{ticket}"),
        format!("/concerts/{concert}/queue"),
        "/account".to_owned(),
        "/account/profile".to_owned(),
    ] {
        isolated(&holder, &path).await;
    }
    for path in ["/tickets".to_owned(), format!("/concerts/{concert}/queue")] {
        isolated(&late, &path).await;
    }
    let admin = Person::admin(&server, &stores, "boss").await;
    let (_, account) = holder.get("current_account", &[]).await;
    for path in [
        "/admin".to_owned(),
        "/admin?search=שירה".to_owned(),
        format!("/admin/accounts/{}", account["id"]),
    ] {
        isolated(&admin, &path).await;
    }
}
