//! No secret is in any line of the log, at any log level; security events are, without personal
//! data.

mod support;

use reqwest::{Method, header};
use std::fs::{self, File};
use support::{PASSWORD, Person, SECRET, Server, stores};

#[tokio::test(flavor = "multi_thread")]
async fn no_password_and_no_token_is_logged() {
    let stores = stores().await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let file = File::create(&log).expect("a file");
    let server = Server::start_as(&stores, "127.0.0.1:0", |command| {
        command.env("FRONTROW_LOG", "trace").stderr(file);
    });
    let person = Person::signed_up(&server, "mina").await;
    let credentials = [("account_name", "mina"), ("password", PASSWORD)];
    let cookies = person
        .request(Method::POST, "/api/log_in", &credentials)
        .await;
    let mut secret: Vec<String> = cookies
        .cookies()
        .map(|cookie| cookie.value().to_owned())
        .collect();
    assert_eq!(secret.len(), 2);
    let (_, pair) = person.post("create_token", &credentials).await;
    let refresh = pair["refresh_token"].as_str().expect("a token");
    let (_, renewed) = person
        .post("refresh_token", &[("refresh_token", refresh)])
        .await;
    for pair in [&pair, &renewed] {
        for name in ["access_token", "refresh_token"] {
            secret.push(pair[name].as_str().map(str::to_owned).expect("a token"));
        }
    }
    let bearer = person
        .client
        .get(format!("{}/api/list_tickets", server.url))
        .bearer_auth(&secret[2]);
    bearer.send().await.expect("an answer");
    secret.extend([SECRET.to_owned(), PASSWORD.to_owned()]);

    // Sends a password in every wrong way: in the query, as another content type, in a form that is
    // refused without JavaScript, and to unknown paths.
    const MISTAKEN: &str = "a-mistaken-passphrase";
    let mistaken = [
        ("account_name", "mina"),
        ("password", MISTAKEN),
        ("refresh_token", MISTAKEN),
    ];
    for path in [
        "/api/log_in",
        "/api/sign_up",
        "/api/refresh_token",
        "/log-in",
        "/nowhere",
    ] {
        for method in [Method::GET, Method::POST] {
            person.request(method.clone(), path, &mistaken).await;
            let request = person
                .client
                .request(method, format!("{}{path}", server.url))
                .query(&mistaken)
                .header(header::ACCEPT, "text/html")
                .header(
                    header::REFERER,
                    format!("{}{path}?password={MISTAKEN}", server.url),
                );
            request.form(&mistaken).send().await.expect("an answer");
        }
        let request = person.client.post(format!("{}{path}", server.url));
        request.json(&mistaken).send().await.expect("an answer");
    }
    secret.push(MISTAKEN.to_owned());
    secret.push(MISTAKEN.replace('-', "%2D"));

    let logged = fs::read_to_string(&log).expect("the log");
    assert!(
        logged.contains("path=\"/api/log_in\""),
        "requests are not logged"
    );
    for secret in secret {
        let found = logged.lines().find(|line| line.contains(&secret));
        assert_eq!(found, None, "{secret}");
    }
}

/// Events that fail2ban reads (docs/operations.md) and that an investigation after an attack needs.
#[tokio::test(flavor = "multi_thread")]
async fn what_matters_to_security_is_logged_without_personal_data() {
    let stores = stores().await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let file = File::create(&log).expect("a file");
    let server = Server::start_as(&stores, "127.0.0.1:0", |command| {
        command
            .env("FRONTROW_LIMIT_SIGN_UPS", "3")
            .env("FRONTROW_LOG_JSON", "true")
            .stderr(file);
    });
    let admin = Person::admin(&server, &stores, "root-of-all").await;
    let person = Person::signed_up(&server, "minakim").await;
    let wrong = [
        ("account_name", "minakim"),
        ("password", "not the passphrase"),
    ];
    person.post("log_in", &wrong).await;
    person.get("get_account", &[("id", "1")]).await;
    let (_, me) = person.get("current_account", &[]).await;
    let id = me["id"].to_string();
    admin
        .post("change_role", &[("id", &id), ("role", "organiser")])
        .await;
    admin
        .post("change_role", &[("id", &id), ("role", "organiser")])
        .await;
    for name in ["one", "two", "three"] {
        let email = format!("{name}@example.com");
        let fields = [
            ("account_name", name),
            ("password", PASSWORD),
            ("name", "Fan"),
            ("nickname", name),
            ("email", &email),
        ];
        Person::new(&server).post("sign_up", &fields).await;
    }
    let logged = fs::read_to_string(&log).expect("the log");
    let events = |name: &str| {
        let event = format!("\"event\":\"{name}\"");
        let lines = logged.lines().filter(|line| line.contains(&event));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for (name, times) in [
        ("log_in_failed", 1),
        ("forbidden", 1),
        ("role_changed", 1),
        ("too_many_requests", 1),
    ] {
        let lines = events(name);
        assert_eq!(lines.len(), times, "{name}: {logged}");
        for line in lines {
            let of_somebody = ["minakim", "@", "passphrase"];
            let found = of_somebody.iter().find(|word| line.contains(**word));
            assert_eq!(found, None, "{line}");
        }
    }
    assert!(events("log_in_failed")[0].contains("\"address\":\"127.0.0.1\""));
}
