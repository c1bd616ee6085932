//! Helpers for the tests of the queue.

use super::World;
use model::concerts::Concert;
use model::queue::{Arrival, QueueView, Standing, TickId};
use services::queue::News;
use services::queue::issue::{self, Claim, Issue, Issued};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::sessions::Session;
use services::{Services, queue};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

/// Duration of a lease unless a test sets another one.
pub const LEASE: Duration = Duration::from_secs(5);

/// Receives the news as a new watcher does.
pub fn news_of(services: &Services, concert: &Concert) -> Receiver<News> {
    services.ticks.watch_from(concert.id, TickId(0)).0
}

/// Claims a batch for `lease`, if it is due.
pub async fn claim(services: &Services, concert: &Concert, lease: Duration) -> Option<Claim> {
    claim_ahead(services, concert, Duration::ZERO, lease)
        .await
        .1
}

/// Claims as a server that takes `ahead` to prepare a batch; also returns for how long nothing can
/// be claimed.
pub async fn claim_ahead(
    services: &Services,
    concert: &Concert,
    ahead: Duration,
    lease: Duration,
) -> (Duration, Option<Claim>) {
    let sale = SaleRow::find(&services.db, concert.id).await.unwrap();
    let mut progress = Progress {
        ahead,
        ..Progress::default()
    };
    scheduler::claim(services, concert.id, &sale, lease, &mut progress)
        .await
        .unwrap()
}

/// Issues a claim. Returns `None` if the claim must not be carried out any more.
pub async fn issue(services: &Services, claim: &Claim) -> Option<Issued> {
    match issue::issue(services, claim).await.unwrap() {
        Issue::Done(issued) => Some(issued),
        Issue::Stale | Issue::OtherBuild => None,
        Issue::TooEarly(early) => panic!("{:?} too early", early.wait),
    }
}

/// As if `passed` more time had elapsed since the last batch.
pub async fn after_the_last_batch(services: &Services, concert: &Concert, passed: Duration) {
    sqlx::query(
        "UPDATE concerts SET last_batch_at = last_batch_at - $2 * interval '1 second' WHERE id = $1",
    )
    .bind(concert.id.0)
    .bind(passed.as_secs_f64())
    .execute(&services.db)
    .await
    .unwrap();
}

/// An interval in milliseconds that is too short to measure, so that every claim is due at once.
pub const NO_PACE: u32 = 1;

pub async fn rank(services: &Services, who: &Session, concert: &Concert) -> u64 {
    match queue::view(services, who.account_id, concert.id)
        .await
        .unwrap()
        .standing
    {
        Standing::Waiting { rank, .. } => rank,
        other => panic!("{} is {other:?}", who.account_id),
    }
}

pub fn arrival(view: &QueueView) -> Arrival {
    match view.standing {
        Standing::Waiting { arrival, .. } => arrival,
        ref other => panic!("{other:?}"),
    }
}

/// Makes steps of the scheduler until `done` returns true.
pub async fn run_until(
    services: &Services,
    concert: &Concert,
    mut done: impl AsyncFnMut() -> bool,
) {
    let mut progress = Progress::default();
    while !done().await {
        let sale = SaleRow::find(&services.db, concert.id).await.unwrap();
        let rest = scheduler::step(services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
        rest_for(rest).await;
    }
}

/// Sleeps until the next step, but for at most 50 ms, because nothing wakes these tests.
pub async fn rest_for(rest: Duration) {
    tokio::time::sleep(rest.min(Duration::from_millis(50))).await;
}

pub async fn live_tickets(services: &Services, concert: &Concert) -> Vec<(i64, i64, i32)> {
    sqlx::query_as(
        "SELECT account_id, arrival, serial FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL ORDER BY serial",
    )
    .bind(concert.id.0)
    .fetch_all(&services.db)
    .await
    .unwrap()
}

pub async fn redis_command(
    world: &World,
    command: &[&str],
    key: &str,
    concert: &Concert,
    arguments: &[&str],
) {
    let key = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:{key}", concert.id));
    let mut redis = world.services.redis.connection();
    redis::cmd(command[0])
        .arg(&command[1..])
        .arg(key)
        .arg(arguments)
        .exec_async(&mut redis)
        .await
        .unwrap();
}

/// Notes the sizes of the keys as a script does, so that changes made directly are not taken for a
/// loss.
pub async fn seal(world: &World, concert: &Concert) {
    let redis = &world.services.redis;
    let key = |name: &str| redis.key(format_args!("queue:{{{}}}:{name}", concert.id));
    let (waiting, inflight, leaving, holders): (u64, u64, u64, u64) = redis::pipe()
        .zcard(key("waiting"))
        .zcard(key("inflight"))
        .zcard(key("leaving"))
        .scard(key("holders"))
        .query_async(&mut redis.connection())
        .await
        .unwrap();
    let sizes = format!("{waiting} {inflight} {leaving} {holders}");
    redis_command(world, &["HSET"], "state", concert, &["sizes", &sizes]).await;
}

/// As if the throughput were noted already: the rest that a claim returns includes the time until
/// the next note.
pub async fn nothing_to_note(world: &World, concert: &Concert) {
    let none = ["joined", "0", "issued", "0"];
    redis_command(world, &["HSET"], "state", concert, &none).await;
}

/// Sets the state of a sale, as an organiser would.
pub async fn set_state(world: &World, concert: &Concert, state: &str) {
    sqlx::query("UPDATE concerts SET state = $2 WHERE id = $1")
        .bind(concert.id.0)
        .bind(state)
        .execute(&world.services.db)
        .await
        .unwrap();
}
