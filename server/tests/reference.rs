//! The reference sale: 100 accounts, 30 tickets, 10 per second.

mod support;

use futures::future::join_all;
use futures::{StreamExt, stream};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;
use support::{Person, Server, audit, make_concert, stores};

/// Lets all accounts join at the same time, spread over the servers, and then waits until all
/// tickets are issued.
async fn reference(servers: usize) {
    let stores = stores().await;
    let servers: Vec<Server> = (0..servers).map(|_| Server::start(&stores)).collect();
    let names: Vec<String> = (0..100).map(|n| format!("fan{n}")).collect();
    let people: Vec<Person> = stream::iter(names.iter().enumerate())
        .map(|(n, name)| Person::signed_up(&servers[n % servers.len()], name))
        // More sign-ups than a server lets wait for password hashing would be refused and told to
        // retry.
        .buffered(32)
        .collect()
        .await;
    let organiser = Person::organiser(&servers[0], &stores, "organiser").await;
    let concert = make_concert(&organiser, &[]).await;
    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    let set_state = async |state: &str| {
        sqlx::query("UPDATE concerts SET state = $1")
            .bind(state)
            .execute(&db)
            .await
            .expect("a state");
    };
    // Nothing is issued until all have joined; otherwise the first batch is too small on a slow
    // machine.
    set_state("paused").await;

    let fields = [("concert_id", concert.as_str())];
    let joined = join_all(
        people
            .iter()
            .map(|person| person.post("join_queue", &fields)),
    )
    .await;
    let mut order: Vec<(i64, &Person)> = joined
        .iter()
        .zip(&people)
        .map(|((status, view), person)| {
            assert_eq!(*status, StatusCode::OK, "{view}");
            (view["arrival"].as_i64().expect("an arrival"), person)
        })
        .collect();
    order.sort_by_key(|(arrival, _)| *arrival);
    assert!(
        order.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "arrivals are unique"
    );

    set_state("open").await;
    let tickets = async || -> Vec<(i32, i64, chrono::DateTime<chrono::Utc>)> {
        sqlx::query_as("SELECT serial, arrival, issued_at FROM tickets ORDER BY serial")
            .fetch_all(&db)
            .await
            .expect("tickets")
    };
    while tickets().await.len() < 30 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Two more intervals, in which nothing may be issued.
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let issued = tickets().await;
    let expected: Vec<(i32, i64)> = order
        .iter()
        .take(30)
        .zip(1..)
        .map(|((arrival, _), serial)| (serial, *arrival))
        .collect();
    assert_eq!(
        issued
            .iter()
            .map(|(serial, arrival, _)| (*serial, *arrival))
            .collect::<Vec<_>>(),
        expected
    );
    // Three ticks, each at least a whole interval after the previous one.
    let mut ticks: Vec<_> = issued.iter().map(|(.., at)| *at).collect();
    ticks.dedup();
    assert_eq!(ticks.len(), 3);
    assert!(
        ticks
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= chrono::TimeDelta::seconds(1)),
        "{ticks:?}"
    );

    let views = join_all(order.iter().map(|(_, person)| person.view(&concert))).await;
    for (n, view) in views.iter().enumerate() {
        if n < 30 {
            assert_eq!(view["standing"], "issued", "{view}");
        } else {
            assert_eq!(
                (&view["standing"], &view["rank"]),
                (&Value::from("waiting"), &Value::from(n - 29)),
                "{view}"
            );
        }
    }
    let (kept, said) = audit(&stores);
    assert!(
        kept && said.contains("100 entries (70 waiting), 30 tickets (30 live)"),
        "{said}"
    );
    let (_, mine) = order[4].1.get("list_tickets", &[]).await;
    assert_eq!(
        (mine[0]["serial"].as_u64(), mine.as_array().map(Vec::len)),
        (Some(5), Some(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server() {
    reference(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers() {
    reference(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_changes_neither_order_nor_count() {
    let stores = stores().await;
    let mut first = Server::start(&stores);
    let organiser = Person::organiser(&first, &stores, "organiser").await;
    let concert = make_concert(
        &organiser,
        &[
            ("batch_size", "2".into()),
            ("interval_ms", "200".into()),
            ("capacity", "8".into()),
        ],
    )
    .await;
    let people = join_all((0..12).map(|n| {
        let name = format!("fan{n}");
        let server = &first;
        async move { Person::signed_up(server, &name).await }
    }))
    .await;
    let mut arrivals = Vec::new();
    for person in &people {
        let (status, view) = person.post("join_queue", &[("concert_id", &concert)]).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        arrivals.push(view["arrival"].as_i64().expect("an arrival"));
    }
    first.kill();
    let second = Server::start(&stores);
    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    let tickets = async || -> Vec<i64> {
        sqlx::query_scalar("SELECT arrival FROM tickets ORDER BY serial")
            .fetch_all(&db)
            .await
            .expect("tickets")
    };
    while tickets().await.len() < 8 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(tickets().await, arrivals[..8]);
    for (n, person) in people.iter().enumerate().skip(8) {
        let view = person.at(&second).view(&concert).await;
        assert_eq!(view["rank"].as_u64(), Some(n as u64 - 7), "{view}");
    }
    let (kept, said) = audit(&stores);
    assert!(kept, "{said}");
    sqlx::query("UPDATE queue_entries SET state = 'left' WHERE state = 'issued'")
        .execute(&db)
        .await
        .expect("damage");
    let (kept, said) = audit(&stores);
    assert!(!kept && said.contains("Vanished"), "{said}");
}
