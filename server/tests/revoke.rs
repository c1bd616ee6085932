//! Revoking tickets, with forms as a browser without JavaScript sends them: on the dashboard, on
//! the admins' page of an account, and when deleting one's own account.

mod support;

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, LOCATION};
use reqwest::{Method, Response, StatusCode};
use scraper::{Html, Selector};
use serde_json::{Value, json};
use std::time::Duration;
use support::pages::form_action;
use support::{PASSWORD, Person, Server, make_concert, stores};

const REASON: &str = "bought by a script & resold";

/// Joins the queue and returns the first ticket of the account.
async fn ticket(person: &Person, concert: &str) -> Value {
    let (status, body) = person.post("join_queue", &[("concert_id", concert)]).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    next_ticket(person).await
}

async fn next_ticket(person: &Person) -> Value {
    loop {
        let (_, tickets) = person.get("list_tickets", &[]).await;
        if let Some(ticket) = tickets.get(0) {
            return ticket.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Posts these fields to the action of the page's form for `endpoint`.
async fn send(person: &Person, page: &str, endpoint: &str, typed: &[(&str, &str)]) -> Response {
    let action = form_action(page, endpoint);
    let request = person
        .client
        .post(format!("{}{action}", person.url))
        .header(ACCEPT, "text/html");
    request.form(typed).send().await.expect("an answer")
}

/// Returns the page that an answer redirects to.
async fn onward(person: &Person, response: Response) -> String {
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()[LOCATION].to_str().expect("an address");
    let (status, page) = person.page(location).await;
    assert_eq!(status, StatusCode::OK);
    page
}

async fn page_in(person: &Person, language: &str, path: &str) -> String {
    let request = person
        .client
        .get(format!("{}{path}", person.url))
        .header(ACCEPT, "text/html")
        .header(ACCEPT_LANGUAGE, language);
    let response = request.send().await.expect("an answer");
    response.text().await.expect("a page")
}

/// Returns the text of each element that matches the selector.
fn said(page: &str, what: &str) -> Vec<String> {
    let what = Selector::parse(what).expect("a selector");
    let page = Html::parse_document(page);
    let texts = page.select(&what).map(|found| found.text().collect());
    texts.collect()
}

/// Returns the value of a form's hidden field.
fn hidden(page: &str, form: &str, name: &str) -> String {
    let what = Selector::parse(&format!("[data-testid={form}] input[name={name}]"));
    let page = Html::parse_document(page);
    let field = page.select(&what.expect("a selector")).next();
    let value = field.and_then(|field| field.attr("value"));
    value.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organiser_finds_a_ticket_on_the_desk_and_revokes_it() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[("capacity", "1".into())]).await;
    let bot = Person::signed_up(&server, "bot").await;
    let revoked = ticket(&bot, &concert).await;
    let next = Person::signed_up(&server, "next").await;
    next.post("join_queue", &[("concert_id", &concert)]).await;
    let code = revoked["code"].as_str().expect("a code");

    let desk = format!("/concerts/{concert}/desk");
    let (_, page) = organiser.page(&format!("{desk}?ticket=nobody")).await;
    assert!(page.contains("No ticket of this concert is called that."));
    for typed in [code, "1", "bot"] {
        let (_, page) = organiser.page(&format!("{desk}?ticket={typed}")).await;
        assert_eq!(said(&page, "[data-testid=ticket-state]"), ["Valid"]);
        assert!(!page.contains(revoked["signed"].as_str().expect("signed")));
    }
    let (_, page) = organiser.page(&format!("{desk}?ticket=bot")).await;
    let (id, back) = (
        hidden(&page, "revoke-ticket", "id"),
        hidden(&page, "revoke-ticket", "next"),
    );
    // Without a reason nothing is revoked, and the form stays open.
    let fields = |reason| [("id", id.as_str()), ("next", &back), ("reason", reason)];
    let refused = send(&organiser, &page, "revoke_ticket", &fields(" ")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = refused.text().await.expect("a page");
    assert_eq!(said(&refused, "details[open] #reason-problem").len(), 1);
    assert_eq!(said(&refused, "[data-testid=ticket-state]"), ["Valid"]);

    let done = send(&organiser, &page, "revoke_ticket", &fields(REASON)).await;
    let page = onward(&organiser, done).await;
    assert!(page.contains("The ticket is revoked. It is in the record."));
    let state = said(&page, "[data-testid=ticket-state]").remove(0);
    assert!(
        state.starts_with("Revoked ") && state.contains(REASON),
        "{state}"
    );
    assert!(said(&page, "[data-testid=revoke-ticket]").is_empty());

    assert_eq!(next_ticket(&next).await["serial"], 2);
    let (_, told) = organiser.get("check_ticket", &[("code", code)]).await;
    assert_eq!(
        (&told["verdict"], &told["reason"], &told["serial"]),
        (&json!("revoked"), &json!(REASON), &json!(1))
    );
    assert!(told["revoked_at"].is_string());
    // The holder reads when and why in either language, and gets no QR code and no files.
    let path = format!("/tickets/{}", revoked["id"]);
    for (language, words) in [
        ("en", "The organiser has taken"),
        ("ko", "주최자가 이 티켓을 회수해서"),
    ] {
        let page = page_in(&bot, language, &path).await;
        let told = said(&page, "[data-testid=revoked]").remove(0);
        assert!(told.contains(words) && told.contains(REASON), "{told}");
        let void = said(&page, ".ticket-void").remove(0);
        assert!(
            void.starts_with("Revoked ") || void.ends_with("회수됨"),
            "{void}"
        );
        assert!(said(&page, "[data-testid=qr]").is_empty());
    }
    for file in ["ticket.pdf", "concert.ics"] {
        let file = bot
            .request(Method::GET, &format!("{path}/{file}"), &[])
            .await;
        assert_eq!(file.status(), StatusCode::NOT_FOUND);
    }
    let (clean, report) = support::audit(&stores);
    assert!(clean, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_revokes_a_ticket() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let owner = Person::signed_up(&server, "owner").await;
    let ticket = ticket(&owner, &concert).await;
    let another = Person::organiser(&server, &stores, "another").await;
    let id = ticket["id"].to_string();
    let fields = [("id", id.as_str()), ("reason", REASON)];
    for (person, status) in [
        (&Person::new(&server), StatusCode::UNAUTHORIZED),
        (&owner, StatusCode::FORBIDDEN),
        (&another, StatusCode::FORBIDDEN),
    ] {
        assert_eq!(person.post("revoke_ticket", &fields).await.0, status);
        let found = [("concert_id", concert.as_str()), ("ticket", "1")];
        assert_eq!(person.get("find_tickets", &found).await.0, status);
        assert_eq!(
            person.get("account_tickets", &[("id", "1")]).await.0,
            status
        );
    }
    let none = [("id", "999999"), ("reason", REASON)];
    assert_eq!(
        organiser.post("revoke_ticket", &none).await.0,
        StatusCode::NOT_FOUND
    );
    let (_, still) = owner.get("get_ticket", &[("id", &id)]).await;
    assert_eq!(
        (&still["cancelled_at"], &still["revoked"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_revokes_one_ticket_or_all_with_the_account() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let admin = Person::admin(&server, &stores, "chief").await;
    let (one, two) = (
        make_concert(&admin, &[]).await,
        make_concert(&admin, &[]).await,
    );
    let bot = Person::signed_up(&server, "bot").await;
    ticket(&bot, &one).await;
    let (_, account) = bot.get("current_account", &[]).await;
    let account = account["id"].to_string();
    let path = format!("/admin/accounts/{account}");
    let (_, page) = admin.page(&path).await;
    assert_eq!(said(&page, "[data-testid=ticket-state]"), ["Valid"]);
    let id = hidden(&page, "revoke-ticket", "id");
    let fields = [("id", id.as_str()), ("next", &path), ("reason", REASON)];
    let done = send(&admin, &page, "revoke_ticket", &fields).await;
    let page = onward(&admin, done).await;
    assert!(said(&page, "[data-testid=ticket-state]").is_empty());

    bot.post("join_queue", &[("concert_id", &two)]).await;
    let live = async || -> usize {
        let (_, tickets) = admin.get("account_tickets", &[("id", &account)]).await;
        tickets.as_array().map_or(0, Vec::len)
    };
    while live().await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, page) = admin.page(&path).await;
    let fields = |reason| {
        [
            ("id", account.as_str()),
            ("action", "deactivate"),
            ("revoke_tickets", "true"),
            ("tickets_reason", reason),
        ]
    };
    let refused = send(&admin, &page, "act_on_account", &fields("")).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = refused.text().await.expect("a page");
    assert_eq!(
        said(&refused, "details[open] #tickets_reason-problem").len(),
        1
    );
    assert_eq!(said(&refused, "[data-testid=account-state]"), ["Active"]);

    let done = send(&admin, &page, "act_on_account", &fields(REASON)).await;
    let page = onward(&admin, done).await;
    let state = said(&page, "[data-testid=account-state]").remove(0);
    assert!(state.starts_with("Deactivated"), "{state}");
    assert_eq!(live().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_account_asks_what_becomes_of_its_tickets() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let without = Person::signed_up(&server, "without").await;
    let (_, page) = without.page("/account/delete").await;
    assert!(said(&page, "[data-testid=tickets-left]").is_empty());

    for (name, choice, verdict) in [
        ("gives", "give_back", "cancelled"),
        ("keeps", "keep", "valid"),
    ] {
        let person = Person::signed_up(&server, name).await;
        let ticket = ticket(&person, &concert).await;
        let (_, page) = person.page("/account/delete").await;
        let asked = said(&page, "[data-testid=tickets-left] legend");
        assert_eq!(
            asked,
            ["You hold a ticket for a concert to come. What becomes of it?"]
        );
        let chosen = Selector::parse("input[name=tickets][checked]").expect("a selector");
        let html = Html::parse_document(&page);
        let chosen: Vec<_> = html
            .select(&chosen)
            .map(|input| input.attr("value"))
            .collect();
        assert_eq!(chosen, [Some("give_back")]);

        let wrong = [("tickets", choice), ("current_password", "not this")];
        let refused = send(&person, &page, "delete_account", &wrong).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let right = [("tickets", choice), ("current_password", PASSWORD)];
        let done = send(&person, &page, "delete_account", &right).await;
        assert_eq!(done.status(), StatusCode::FOUND);
        let code = ticket["code"].as_str().expect("a code");
        let (_, told) = organiser.get("check_ticket", &[("code", code)]).await;
        assert_eq!(told["verdict"], verdict, "{told}");
    }
}
