//! Forms as browsers without JavaScript send them: no typed text is lost, no page reports what did
//! not happen, and no form acts for another account.

mod support;

use embedded::testing::{self, TestStores};
use reqwest::{Response, StatusCode, header};
use support::pages::form_action;
use support::{PASSWORD, Person, Server, make_concert, stores};

/// Returns the Redis keys of this Frontrow, except those of rate limits.
async fn keys(stores: &TestStores) -> Vec<String> {
    let mut all = Vec::new();
    for redis in stores.redis_servers() {
        let mut redis = testing::connect(&redis).await.expect("redis");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{}*", stores.redis_prefix))
            .query_async(&mut redis)
            .await
            .expect("keys");
        all.extend(keys.into_iter().filter(|key| !key.contains("limit:")));
    }
    all.sort();
    all
}

/// Returns a sign-up form that is refused for its password and e-mail address.
fn sign_up_form<'a>(account_name: &'a str, nickname: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("account_name", account_name),
        ("password", "short"),
        ("name", "Mina"),
        ("nickname", nickname),
        ("email", "mina"),
    ]
}

/// Any client can send refused forms, so nothing from them may be stored: at 32 KB each, they
/// filled a Redis of 24 MB within seconds.
#[tokio::test(flavor = "multi_thread")]
async fn refused_forms_of_strangers_leave_nothing_in_redis() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let stranger = Person::new(&server);
    stranger.page("/sign-up").await;
    let before = keys(&stores).await;
    let long = "가".repeat(3_000);
    for _ in 0..20 {
        let typed = sign_up_form("x", &long);
        let refused = stranger.send_form("/sign-up", "sign_up", &typed).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!refused.headers().contains_key(header::SET_COOKIE));
        let page = refused.text().await.expect("a page");
        assert!(page.contains(&long), "what was typed is there again");
    }
    assert_eq!(keys(&stores).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_text_comes_back_whole_in_any_script() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&organiser, &[]).await;
    let description = "불이 꺼지면 ".repeat(1_428);
    let description = description.trim();
    let edit = format!("/concerts/{concert}/edit");
    let (_, page) = organiser.page(&edit).await;
    let mut fields = support::pages::inputs(&page, "concert-form");
    for (name, value) in &mut fields {
        match name.as_str() {
            "price_won" => *value = "-1".to_owned(),
            "description" => *value = description.to_owned(),
            _ => {}
        }
    }
    let typed: Vec<_> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let refused = organiser.send_form(&edit, "update_concert", &typed).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.expect("a page");
    assert!(page.contains(description) && page.contains("price_won-problem"));
}

/// Posts to `action`, resolved as a browser does.
async fn send(person: &Person, action: &str, fields: &[(&str, &str)]) -> Response {
    let request = person
        .client
        .post(format!("{}{action}", person.url))
        .header(header::ACCEPT, "text/html");
    request.form(fields).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_keeps_what_it_was_asked_for_through_a_refusal() {
    let stores = stores().await;
    let server = Server::start(&stores);
    Person::signed_up(&server, "mina").await;
    let person = Person::new(&server);
    let (_, page) = person.page("/log-in?next=%2Ftickets").await;
    let action = form_action(&page, "log_in");
    assert_eq!(action, "/log-in?next=%2Ftickets&call=/api/log_in");
    let next = ("next", "/tickets");
    let wrong = [("account_name", "mina"), ("password", "wrong-horse"), next];
    let refused = send(&person, &action, &wrong).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let page = refused.text().await.expect("a page");
    assert_eq!(form_action(&page, "log_in"), action);
    assert!(page.contains("/sign-up?next=/tickets"), "{page}");
    let right = [("account_name", "mina"), ("password", PASSWORD), next];
    let on = send(&person, &action, &right).await;
    assert_eq!(on.headers()[header::LOCATION], "/tickets");
}

/// The form has no text to lose, so the usual redirect to the log-in page applies.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_text_leads_a_stranger_to_the_log_in_and_back() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let page = format!("/concerts/{concert}");
    for (page, endpoint, next) in [
        (
            page.clone(),
            "join_queue",
            format!("/concerts/{concert}/queue"),
        ),
        (
            format!("{page}/queue"),
            "leave_queue",
            format!("{page}/queue"),
        ),
    ] {
        let stranger = Person::new(&server);
        let sent = stranger
            .send_form(&page, endpoint, &[("concert_id", &concert)])
            .await;
        assert!(
            sent.status().is_redirection(),
            "{endpoint}: {}",
            sent.status()
        );
        let to = sent.headers()[header::LOCATION].to_str().expect("text");
        let (log_in, to) = to.split_once("?next=").expect("the log-in page");
        assert_eq!(log_in, "/log-in");
        assert!([&page, &next].contains(&&to.to_owned()), "{endpoint}: {to}");
    }
}

/// A browser may omit the `Referer` header.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_comes_back_to_its_page_without_a_referer() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let typed = [("account_name", "mina"), ("password", "wrong-horse")];
    let refused = person
        .send_form("/log-in?next=%2Ftickets&lang=ko", "log_in", &typed)
        .await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let page = refused.text().await.expect("a page");
    assert!(
        page.contains("lang=\"ko\"") && page.contains("value=\"/tickets\""),
        "{page}"
    );
    assert!(page.contains("value=\"mina\"") && !page.contains("wrong-horse"));
    // A form that succeeds also returns to its page.
    let typed = [("language", "en")];
    let switched = person
        .send_form("/tickets?lang=ko&page=2", "set_language", &typed)
        .await;
    assert_eq!(switched.headers()[header::LOCATION], "/tickets?page=2");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_makes_a_page_say_what_did_not_happen() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    // `{"code":"account_deactivated"}`, as Leptos would encode it.
    let forged = "eyJjb2RlIjoiYWNjb3VudF9kZWFjdGl2YXRlZCJ9";
    for page in ["/log-in", "/account/password", "/sign-up"] {
        for path in ["log_in", "change_password", "sign_up"] {
            let address = format!("{page}?__path=%2Fapi%2F{path}&__err={forged}");
            let (_, page) = person.page(&address).await;
            assert!(!page.contains("role=\"alert\""), "{address}");
        }
    }
    for done in ["profile", "password", "session_ended", "others_ended"] {
        let (_, page) = person.page(&format!("/account?done={done}")).await;
        assert!(!page.contains("class=\"done\""), "{done}");
    }
    // A change that did happen is reported, once.
    let profile = [
        ("name", "Mina"),
        ("nickname", "Mina"),
        ("email", "mina@example.com"),
    ];
    let changed = person
        .send_form("/account/profile", "change_profile", &profile)
        .await;
    assert_eq!(changed.headers()[header::LOCATION], "/account");
    assert!(
        person
            .page("/account")
            .await
            .1
            .contains("Your profile has been changed.")
    );
    assert!(
        !person
            .page("/account")
            .await
            .1
            .contains("Your profile has been changed.")
    );
}

/// The target of a log-in is part of a link that any client can forge.
#[tokio::test(flavor = "multi_thread")]
async fn no_address_makes_a_log_in_look_refused() {
    let stores = stores().await;
    let server = Server::start(&stores);
    Person::signed_up(&server, "mina").await;
    let browser = Person::new(&server);
    let next = "/tickets?__path=%2Fapi%2Flog_in&__err=eyJjb2RlIjoiaW50ZXJuYWwifQ==&preview=1";
    let fields = [
        ("account_name", "mina"),
        ("password", PASSWORD),
        ("next", next),
    ];
    let logged_in = browser.send_form("/log-in", "log_in", &fields).await;
    assert_eq!(logged_in.status(), StatusCode::FOUND);
    assert_eq!(browser.page("/account").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_was_left_open_acts_for_nobody_else() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[("interval_ms", "3600000".into())]).await;
    let ahead = Person::signed_up(&server, "ahead").await;
    let browser = Person::signed_up(&server, "mina").await;
    let (queue, place) = (
        format!("/concerts/{concert}/queue"),
        [("concert_id", concert.as_str())],
    );
    ahead.post("join_queue", &place).await;
    browser.post("join_queue", &place).await;
    let (_, old) = browser.page(&queue).await;
    let leave = form_action(&old, "leave_queue");
    let (_, old) = browser.page("/account/profile").await;
    let change = form_action(&old, "change_profile");

    // Another account logs in in the same browser and takes its own place.
    browser.post("log_out", &[]).await;
    browser.sign_up("jun").await;
    browser.post("join_queue", &place).await;
    let send = async |page: &str, action: &str, fields: &[(&str, &str)]| {
        let request = browser
            .client
            .post(format!("{}{page}{action}", server.url))
            .header(header::ACCEPT, "text/html");
        request.form(fields).send().await.expect("an answer")
    };
    let profile = [
        ("name", "Mina"),
        ("nickname", "mina"),
        ("email", "mina2@example.com"),
    ];
    for refused in [
        send(&queue, &leave, &place).await,
        send("/account/profile", &change, &profile).await,
    ] {
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let page = refused.text().await.expect("a page");
        assert!(page.contains("Someone else has logged in here"), "{page}");
    }
    let (_, view) = browser.get("queue_view", &place).await;
    assert_eq!(view["standing"], "waiting", "{view}");
    let (_, page) = browser.page("/account/profile").await;
    assert!(page.contains("value=\"jun\"") && !page.contains("mina2@example.com"));
    // A script that names the account it acts for gets the same refusal.
    let (_, owner) = leave.split_once("as=").expect("an owner");
    let call = format!("{}/api/leave_queue?as={owner}", server.url);
    let request = browser.client.post(call).form(&place);
    let refused = request.send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let body: serde_json::Value = refused.json().await.expect("json");
    assert_eq!(body["code"], "other_account");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_while_the_session_ended_is_sent_again_after_logging_in() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let (_, page) = person.page("/account/profile").await;
    let action = form_action(&page, "change_profile");
    person.post("log_out", &[]).await;
    let typed = [
        ("name", "Mina"),
        ("nickname", "Mina & \"Ko\""),
        ("email", "mina@example.com"),
    ];
    let send = async |address: &str, fields: &[(&str, &str)]| {
        let request = person
            .client
            .post(format!("{}{address}", server.url))
            .header(header::ACCEPT, "text/html");
        request.form(fields).send().await.expect("an answer")
    };
    let refused = send(&format!("/account/profile{action}"), &typed).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let page = refused.text().await.expect("a page");
    assert!(page.contains("What you typed is still here"), "{page}");
    assert!(
        page.contains("value=\"Mina &amp; &quot;Ko&quot;\""),
        "{page}"
    );
    let again = form_action(&page, "change_profile");
    assert_eq!(again, format!("/account/profile{action}"));
    let fields = [("account_name", "mina"), ("password", PASSWORD)];
    assert_eq!(person.post("log_in", &fields).await.0, StatusCode::OK);
    let saved = send(&again, &typed).await;
    assert_eq!(saved.status(), StatusCode::FOUND);
    let (_, page) = person.page("/account/profile").await;
    assert!(
        page.contains("value=\"Mina &amp; &quot;Ko&quot;\""),
        "{page}"
    );
}

/// Regression: a form opened before the dashboard changed capacity and pace used to revert both.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_opened_earlier_takes_nothing_back() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&organiser, &[("capacity", "100".into())]).await;
    let edit = format!("/concerts/{concert}/edit");
    let (_, opened) = organiser.page(&edit).await;
    let mut fields = support::pages::inputs(&opened, "concert-form");
    let id = ("id", concert.as_str());
    organiser
        .post("set_capacity", &[id, ("capacity", "80")])
        .await;
    organiser
        .post(
            "set_pace",
            &[id, ("batch_size", "3"), ("interval_ms", "1500")],
        )
        .await;

    let set = |fields: &mut Vec<(String, String)>, name: &str, value: &str| {
        let field = fields
            .iter_mut()
            .find(|(of, _)| of == name)
            .expect("a field");
        field.1 = value.to_owned();
    };
    set(&mut fields, "venue", "Nodeul Island");
    let send = async |fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        organiser.send_form(&edit, "update_concert", &fields).await
    };
    assert_eq!(send(&fields).await.status(), StatusCode::FOUND);
    let (_, saved) = organiser.get("get_concert", &[id]).await;
    let saved = &saved["concert"];
    assert_eq!(saved["venue"], "Nodeul Island");
    assert_eq!(
        (&saved["capacity"], &saved["batch_size"]),
        (&80.into(), &3.into())
    );

    // A conflicting change of the same field: both values are shown and nothing is saved.
    set(&mut fields, "capacity", "90");
    set(&mut fields, "venue", "Elsewhere");
    let refused = send(&fields).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let page = refused.text().await.expect("a page");
    assert!(
        page.contains("value=\"90\"") && page.contains("Saved now: \u{2068}80\u{2069}"),
        "{page}"
    );
    assert!(
        page.contains("Saved now: \u{2068}Nodeul Island\u{2069}"),
        "{page}"
    );
    let (_, now) = organiser.get("get_concert", &[id]).await;
    assert_eq!(now["concert"]["venue"], "Nodeul Island");
    // Sending the form again from that page confirms the change.
    let again = support::pages::inputs(&page, "concert-form");
    assert_eq!(send(&again).await.status(), StatusCode::FOUND);
    let (_, now) = organiser.get("get_concert", &[id]).await;
    assert_eq!(now["concert"]["capacity"], 90);
    // The same holds after an invalid value: sending the form again does not revert fields that
    // were not touched.
    let (_, opened) = organiser.page(&edit).await;
    let mut slipped = support::pages::inputs(&opened, "concert-form");
    organiser
        .post("set_capacity", &[id, ("capacity", "70")])
        .await;
    set(&mut slipped, "price_won", "-1");
    let refused = send(&slipped).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page_after_slip = refused.text().await.expect("a page");
    let mut corrected = support::pages::inputs(&page_after_slip, "concert-form");
    set(&mut corrected, "price_won", "66000");
    assert_eq!(send(&corrected).await.status(), StatusCode::FOUND);
    let (_, now) = organiser.get("get_concert", &[id]).await;
    assert_eq!(now["concert"]["capacity"], 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_a_desk_take_nothing_back_from_each_other() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let sale = [
        ("capacity", "100"),
        ("batch_size", "10"),
        ("interval_ms", "1000"),
    ];
    let concert = make_concert(&organiser, &sale.map(|(name, value)| (name, value.into()))).await;
    let id = ("id", concert.as_str());
    let desk = format!("/concerts/{concert}/desk");
    let pace = r#"{"batch_size":"10","interval_ms":"1000"}"#;
    let capacity = r#"{"capacity":"100"}"#;
    let (_, page) = organiser.page(&desk).await;
    for opened in [pace, capacity] {
        let opened = opened.replace('"', "&quot;");
        assert!(page.contains(&format!("value=\"{opened}\"")), "{page}");
    }
    let send = async |call: &str, fields: &[(&str, &str)]| {
        let answer = organiser.send_form(&desk, call, fields).await;
        (answer.status(), answer.text().await.expect("a page"))
    };
    // One user changes the batch, the other the interval.
    let batch = [
        id,
        ("opened", pace),
        ("batch_size", "3"),
        ("interval_ms", "1000"),
    ];
    assert_eq!(send("set_pace", &batch).await.0, StatusCode::FOUND);
    let interval = [
        id,
        ("opened", pace),
        ("batch_size", "10"),
        ("interval_ms", "1500"),
    ];
    assert_eq!(send("set_pace", &interval).await.0, StatusCode::FOUND);
    let (_, now) = organiser.get("desk_view", &[id]).await;
    assert_eq!(
        (&now["batch_size"], &now["interval_ms"]),
        (&3.into(), &1500.into())
    );
    // Both change the same field.
    let more = [id, ("opened", capacity), ("capacity", "120")];
    assert_eq!(send("set_capacity", &more).await.0, StatusCode::FOUND);
    let fewer = [id, ("opened", capacity), ("capacity", "80")];
    let (status, page) = send("set_capacity", &fewer).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        page.contains("value=\"80\"") && page.contains("Saved now: \u{2068}120\u{2069}"),
        "{page}"
    );
    // Sending the form again from that page confirms the change.
    let known = r#"{"capacity":"120"}"#;
    assert!(page.contains(&known.replace('"', "&quot;")), "{page}");
    let again = [id, ("opened", known), ("capacity", "80")];
    assert_eq!(send("set_capacity", &again).await.0, StatusCode::FOUND);
    let (_, now) = organiser.get("desk_view", &[id]).await;
    assert_eq!(now["capacity"], 80);
}
