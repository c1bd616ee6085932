//! The cost of a sale while nothing happens, and how soon it wakes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use embedded::testing::{self, TestStores};
use services::Services;
use services::admission;
use services::queue::scheduler;
use std::time::Duration;
use support::queue::{LEASE, live_tickets, redis_command, seal};
use support::{World, another_server, here, world, world_in};
use tokio_util::sync::CancellationToken;

const SALES: usize = 20;
const QUIET: Duration = Duration::from_secs(10);

/// Returns how many script calls there were so far.
async fn script_calls(services: &Services) -> u64 {
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut services.redis.connection())
        .await
        .unwrap();
    let calls = |command: &str| {
        let line = stats.lines().find(|line| line.starts_with(command));
        line.and_then(|line| line.strip_prefix(command)?.split(',').next()?.parse().ok())
            .unwrap_or(0)
    };
    calls("cmdstat_evalsha:calls=") + calls("cmdstat_eval:calls=")
}

/// Uses stores of its own, so that every script call there is for these sales. Regression: each of
/// them used to be asked hundreds of times a second.
#[tokio::test(flavor = "multi_thread")]
async fn open_sales_without_people_are_left_alone() {
    let (stores, _dir) = testing::throwaway().await.unwrap();
    let world = world_in(TestStores::of(&stores)).await;
    let mut last = None;
    for _ in 0..SALES {
        last = Some(world.concert(30, 1, 1_000).await);
    }
    let last = last.unwrap();
    let stop = CancellationToken::new();
    let driving = tokio::spawn(scheduler::run(world.services.clone(), LEASE, stop.clone()));
    // This sale is driven: an account that joins soon has a ticket. The others were started before
    // it.
    let fans = world.accounts(2).await;
    join_and_wait(&world, &world.services, &fans[0], &last, 1).await;

    // Until the issued ticket is noted and recorded.
    tokio::time::sleep(Duration::from_secs(25)).await;
    let before = script_calls(&world.services).await;
    tokio::time::sleep(QUIET).await;
    let calls = script_calls(&world.services).await - before;
    // One sweep for all of them every two seconds; the count of their places comes after a minute.
    assert!(calls < 2 * QUIET.as_secs(), "{calls} calls");
    // The driver sleeps and has not died.
    join_and_wait(&world, &world.services, &fans[1], &last, 2).await;
    stop.cancel();
    driving.await.unwrap();
}

async fn join_and_wait(
    world: &World,
    through: &Services,
    fan: &services::sessions::Session,
    concert: &model::concerts::Concert,
    tickets: usize,
) {
    admission::join(through, &here(), fan, concert.id)
        .await
        .unwrap();
    while live_tickets(&world.services, concert).await.len() < tickets {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Wake-ups are published while the server has no subscription.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_wake_up_costs_a_moment_and_no_ticket() {
    let (stores, _dir) = testing::throwaway().await.unwrap();
    let world = world_in(TestStores::of(&stores)).await;
    let concert = world.concert(30, 1, 1).await;
    let joined_through = another_server(&world.stores, &world.clock).await;
    let stop = CancellationToken::new();
    let driving = tokio::spawn(scheduler::run(world.services.clone(), LEASE, stop.clone()));
    let fans = world.accounts(4).await;
    for (n, fan) in fans.iter().enumerate() {
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "pubsub"])
            .exec_async(&mut world.services.redis.connection())
            .await
            .unwrap();
        join_and_wait(&world, &joined_through, fan, &concert, n + 1).await;
    }
    stop.cancel();
    driving.await.unwrap();
}

/// A place is added without notice to a server that listens, and nothing is published: only the
/// sweep can find it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_finds_what_was_never_published() {
    let world = world().await;
    let concert = world.concert(30, 1, 1).await;
    let stop = CancellationToken::new();
    let driving = tokio::spawn(scheduler::run(world.services.clone(), LEASE, stop.clone()));
    let fans = world.accounts(3).await;
    join_and_wait(&world, &world.services, &fans[0], &concert, 1).await;
    // By then the throughput is noted for the dashboard, and the driver sleeps.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let newest = || async {
        let clock: i64 = redis::cmd("HGET")
            .arg(
                world
                    .services
                    .redis
                    .key(format_args!("queue:{{{}}}:state", concert.id)),
            )
            .arg("clock")
            .query_async(&mut world.services.redis.connection())
            .await
            .unwrap();
        clock
    };
    let arrival = (newest().await + 1).to_string();
    let fan = fans[1].account_id.to_string();
    redis_command(&world, &["ZADD"], "waiting", &concert, &[&arrival, &fan]).await;
    seal(&world, &concert).await;
    redis_command(&world, &["HSET"], "state", &concert, &["clock", &arrival]).await;
    while live_tickets(&world.services, &concert).await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    // A Redis that lost the last moments has an earlier clock than the driver has seen.
    let earlier = (newest().await - 1_000_000).to_string();
    let fan = fans[2].account_id.to_string();
    redis_command(&world, &["ZADD"], "waiting", &concert, &[&earlier, &fan]).await;
    seal(&world, &concert).await;
    redis_command(&world, &["HSET"], "state", &concert, &["clock", &earlier]).await;
    while live_tickets(&world.services, &concert).await.len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    driving.await.unwrap();
}
