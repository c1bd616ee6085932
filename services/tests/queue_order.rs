//! Tickets are issued in the order of arrival, one per account (P2, P3).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use model::Refusal;
use model::concerts::ConcertDetails;
use model::queue::Arrival;
use model::queue::Standing;
use services::admission;
use services::concerts;
use services::queue;
use services::queue::scheduler;
use services::sessions::Session;
use std::time::Duration;
use support::queue::{LEASE, NO_PACE, arrival, live_tickets, rank, run_until, set_state};
use support::{another_server, here, world};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_joins_of_one_account_make_one_place() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let concert = world.concert(30, 10, NO_PACE).await;
    let fan = world.accounts(1).await.remove(0);
    let joins = (0..200).map(|n| {
        let services = if n % 2 == 0 {
            world.services.clone()
        } else {
            other.clone()
        };
        let fan = fan.clone();
        tokio::spawn(async move {
            admission::join(&services, &here(), &fan, concert.id)
                .await
                .unwrap()
        })
    });
    let arrivals: Vec<Arrival> = join_all(joins)
        .await
        .iter()
        .map(|view| arrival(view.as_ref().unwrap()))
        .collect();
    assert!(arrivals.iter().all(|arrival| *arrival == arrivals[0]));
    let entries: i64 = sqlx::query_scalar("SELECT count(*) FROM queue_entries")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    assert_eq!(entries, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_thirty_of_a_hundred_get_the_tickets_in_order_of_arrival() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let concert = world.concert(30, 10, 50).await;
    let fans = world.accounts(100).await;
    let joins = fans.iter().cloned().enumerate().map(|(n, fan)| {
        let services = if n % 2 == 0 {
            world.services.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            arrival(
                &admission::join(&services, &here(), &fan, concert.id)
                    .await
                    .unwrap(),
            )
        })
    });
    let mut order: Vec<(Arrival, &Session)> = join_all(joins)
        .await
        .into_iter()
        .map(Result::unwrap)
        .zip(&fans)
        .collect();
    order.sort_by_key(|(arrival, _)| *arrival);
    assert!(
        order.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "arrivals are unique"
    );

    let stop = CancellationToken::new();
    let servers = [&world.services, &other]
        .map(|s| tokio::spawn(scheduler::run(s.clone(), LEASE, stop.clone())));
    while live_tickets(&world.services, &concert).await.len() < 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Some more intervals, in which nothing may be issued.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.cancel();
    join_all(servers).await;

    let expected: Vec<(i64, i64, i32)> = order
        .iter()
        .take(30)
        .zip(1..)
        .map(|((arrival, fan), n)| (fan.account_id.0, arrival.0, n))
        .collect();
    assert_eq!(live_tickets(&world.services, &concert).await, expected);
    for (n, (_, fan)) in order.iter().enumerate().skip(30) {
        assert_eq!(rank(&world.services, fan, &concert).await, n as u64 - 29);
    }
}

#[tokio::test]
async fn joining_is_refused_before_the_opening_after_the_end_and_with_a_ticket() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let fans = world.accounts(2).await;
    let opens_at = world.clock.now() + TimeDelta::hours(1);
    let early = concerts::create(
        &world.services,
        &by,
        ConcertDetails {
            sale_opens_at: opens_at,
            ..world.details()
        },
    )
    .await
    .unwrap();
    match admission::join(&world.services, &here(), &fans[0], early.id)
        .await
        .unwrap_err()
        .refusal()
    {
        Refusal::SaleNotOpen { opens_at: told } => {
            assert_eq!(told.timestamp_micros(), opens_at.timestamp_micros())
        }
        other => panic!("{other:?}"),
    }
    let concert = world.concert(1, 1, NO_PACE).await;
    admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
    let again = admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap_err();
    assert_eq!(again.refusal(), Refusal::HoldsTicket);
    // A concert that is sold out has a waiting list; its sale is not over.
    admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();
    let unknown = admission::join(
        &world.services,
        &here(),
        &fans[1],
        model::concerts::ConcertId(9_999),
    )
    .await
    .unwrap_err();
    assert_eq!(unknown.refusal(), Refusal::NotFound);

    set_state(&world, &concert, "closed").await;
    let stop = CancellationToken::new();
    let server = tokio::spawn(scheduler::run(world.services.clone(), LEASE, stop.clone()));
    while queue::view(&world.services, fans[1].account_id, concert.id)
        .await
        .unwrap()
        .standing
        != Standing::Expired
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    server.await.unwrap();
    let late = admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap_err();
    assert_eq!(late.refusal(), Refusal::SaleClosed);
}

/// As if the machine's clock had been set back by an hour.
#[tokio::test]
async fn arrivals_only_ever_go_up_whatever_the_clock_does() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    set_state(&world, &concert, "paused").await;
    let fans = world.accounts(3).await;
    queue::view(&world.services, fans[0].account_id, concert.id)
        .await
        .unwrap();
    let ahead = (world.clock.now() + TimeDelta::hours(1)).timestamp_micros();
    let state = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:state", concert.id));
    let mut redis = world.services.redis.connection();
    redis::cmd("HSET")
        .arg(&state)
        .arg("clock")
        .arg(ahead)
        .exec_async(&mut redis)
        .await
        .unwrap();
    let mut newest = Arrival(ahead);
    for fan in &fans {
        let joined = arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
        );
        assert!(joined > newest, "{joined:?} after {newest:?}");
        newest = joined;
        // The clock continues from the newest arrival in the journal, also in an empty Redis.
        world.lose("queue:*").await;
    }
}

/// Joins that arrive while a commit runs share the next one.
#[tokio::test]
async fn a_storm_of_joins_makes_few_commits() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(1_000).await;
    let joins = fans
        .iter()
        .map(async |fan| admission::join(&world.services, &here(), fan, concert.id).await);
    for joined in futures::future::join_all(joins).await {
        joined.unwrap();
    }
    // `xmin` is the transaction that wrote a row.
    let (entries, commits): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT xmin::text) FROM queue_entries")
            .fetch_one(&world.services.db)
            .await
            .unwrap();
    assert_eq!(entries, 1_000);
    assert!(commits <= 100, "{commits} commits for {entries} joins");
}
