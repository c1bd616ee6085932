//! `frontrow rehearse` against a server, and against addresses it must not contact.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use reqwest::StatusCode;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use support::{PASSWORD, Person, Server, audit, make_concert, stores};
use tokio::process::Command;

fn rehearse(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    command
        .args(["rehearse", "--url", url])
        .args(arguments)
        .env("FRONTROW_PASSWORD", PASSWORD);
    command
}

fn numbers(folder: &Path) -> Value {
    let json = std::fs::read_to_string(folder.join("report.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[tokio::test]
async fn sixty_people_rehearse_a_sale_of_twenty_tickets() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let mina = Person::organiser(&server, &stores, "mina").await;
    let changes = [
        ("capacity", "20".to_owned()),
        ("batch_size", "5".to_owned()),
        ("interval_ms", "400".to_owned()),
    ];
    let concert = make_concert(&mina, &changes).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let arguments = [
        ["--concert", &concert],
        ["--people", "60"],
        ["--duration", "3"],
        ["--leave", "0.2"],
        ["--sign-ins", "3"],
        ["--opens-in", "2"],
        ["--account-name", "mina"],
        ["--report", report.to_str().unwrap()],
    ];
    let output = rehearse(&server.url, arguments.as_flattened())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("joined 60/60"), "{said}");

    let numbers = numbers(&report);
    assert_eq!(numbers["kept"], true, "{said}");
    assert_eq!(numbers["ended"], "complete");
    assert_eq!(numbers["totals"]["joined"], 60);
    assert_eq!(numbers["totals"]["issued"], 20);
    assert_eq!(numbers["checks"].as_array().map(Vec::len), Some(6));
    assert_eq!(numbers["latency"]["sign_in"]["count"], 3);
    assert_eq!(numbers["errors"], serde_json::json!({}), "{said}");
    let page = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("Every promise was kept."));
    assert_eq!(page.matches("<svg").count(), 6);
    for elsewhere in ["http://", "https://", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }

    // The concert is unchanged, and nothing remains of the rehearsal and its accounts.
    let (status, view) = mina.get("get_concert", &[("id", &concert)]).await;
    assert_eq!(
        (status, &view["concert"]["issued"]),
        (StatusCode::OK, &0.into())
    );
    let db = sqlx::PgPool::connect(&stores.database_url).await.unwrap();
    let left = sqlx::query_scalar::<_, i64>(
        "SELECT (SELECT count(*) FROM concerts) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM queue_entries)",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(left, 2, "the concert and its organiser");
    let (kept, said) = audit(&stores);
    assert!(kept, "{said}");
}

#[tokio::test]
async fn ctrl_c_takes_it_away_and_still_writes_the_report() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let mina = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&mina, &[("batch_size", "1".to_owned())]).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        ["--concert", &concert],
        ["--people", "40"],
        ["--opens-in", "1"],
        ["--sign-ins", "0"],
        ["--duration", "1"],
        ["--account-name", "mina"],
        ["--report", folder.path().to_str().unwrap()],
    ];
    let mut child = rehearse(&server.url, arguments.as_flattened())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = {
        use tokio::io::{AsyncBufReadExt, BufReader};
        BufReader::new(child.stdout.take().unwrap()).lines()
    };
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("joined 40/40") {
            let id = nix::unistd::Pid::from_raw(child.id().unwrap() as i32);
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
            break;
        }
    }
    while lines.next_line().await.unwrap().is_some() {}
    assert!(child.wait().await.unwrap().success());
    let numbers = numbers(folder.path());
    assert_eq!(numbers["ended"], "stopped");
    assert_eq!(numbers["kept"], true, "{}", numbers["checks"]);
    let db = sqlx::PgPool::connect(&stores.database_url).await.unwrap();
    let concerts = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM concerts");
    assert_eq!(concerts.fetch_one(&db).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_not_this_machine_is_refused_without_being_contacted() {
    // This address reaches the listener, so a connection attempt would be seen.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let arguments = ["--concert", "1", "--account-name", "mina"];
    let output = rehearse(&format!("http://0.0.0.0:{port}"), &arguments)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--not-only-loopback"), "{said}");
    assert!(listener.accept().is_err(), "somebody connected");
}

#[tokio::test]
async fn it_says_in_one_line_why_it_cannot_be_held() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let mina = Person::organiser(&server, &stores, "mina").await;
    Person::signed_up(&server, "fan").await;
    let concert = make_concert(&mina, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().to_str().unwrap();
    for (arguments, reason) in [
        (
            ["--concert", concert.as_str(), "--account-name", "fan"],
            "only the organiser",
        ),
        (
            ["--concert", concert.as_str(), "--account-name", "nobody"],
            "--password",
        ),
        (["--concert", "404", "--account-name", "mina"], "404"),
    ] {
        let output = rehearse(&server.url, &arguments)
            .args(["--report", report])
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(reason) && said.trim().lines().count() == 1,
            "{said}"
        );
    }
}
