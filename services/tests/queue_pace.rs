//! At most one batch of tickets in an interval, and no fewer while accounts wait (P5).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use embedded::testing;
use futures::future::join_all;
use model::accounts::Role;
use model::concerts::{Concert, Steering};
use services::admission;
use services::concerts;
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::sessions::Session;
use std::time::{Duration, Instant};
use support::queue::{
    LEASE, NO_PACE, after_the_last_batch, claim, claim_ahead, issue, live_tickets, nothing_to_note,
};
use support::{World, another_server, here, session, world};
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn however_many_servers_run_the_pace_is_kept() {
    let world = world().await;
    let interval = TimeDelta::milliseconds(120);
    let concert = world.concert(40, 4, 120).await;
    for fan in world.accounts(40).await {
        admission::join(&world.services, &here(), &fan, concert.id)
            .await
            .unwrap();
    }
    let stop = CancellationToken::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let services = another_server(&world.stores, &world.clock).await;
        servers.push(tokio::spawn(scheduler::run(services, LEASE, stop.clone())));
    }
    while live_tickets(&world.services, &concert).await.len() < 40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    join_all(servers).await;
    let issued: Vec<DateTime<Utc>> =
        sqlx::query_scalar("SELECT issued_at FROM tickets ORDER BY serial")
            .fetch_all(&world.services.db)
            .await
            .unwrap();
    for window in issued.windows(5) {
        assert!(
            window[4] - window[0] >= interval,
            "five tickets within {}",
            window[4] - window[0]
        );
    }
}

/// Creates a sale of two tickets an hour, of which the first two have just been issued, and
/// accounts that wait.
async fn sale(world: &World) -> Concert {
    let concert = world.concert(10, 2, HOUR.as_millis() as u32).await;
    for fan in world.accounts(8).await {
        admission::join(&world.services, &here(), &fan, concert.id)
            .await
            .unwrap();
    }
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let mut progress = Progress::default();
    while live_tickets(&world.services, &concert).await.is_empty() {
        scheduler::step(&world.services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
    }
    concert
}

/// Returns a session that may steer every sale.
async fn admin(world: &World) -> Session {
    session(world.organiser("steering").await.account_id.0, Role::Admin)
}

/// Returns the time that claims read, in microseconds; all masters of a cluster are on this
/// machine.
async fn micros(world: &World) -> i64 {
    let master = &world.stores.redis_servers()[0];
    let mut redis = testing::connect(master).await.unwrap();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    seconds * 1_000_000 + micros
}

#[tokio::test]
async fn a_batch_that_is_prepared_before_its_time_is_committed_in_its_time() {
    let world = world().await;
    let services = &world.services;
    let concert = sale(&world).await;
    let minute = Duration::from_secs(60);
    nothing_to_note(&world, &concert).await;
    let (rest, early) = claim_ahead(services, &concert, minute, LEASE).await;
    assert!(early.is_none(), "a minute is not an hour");
    assert!(
        rest > HOUR - 2 * minute && rest <= HOUR - minute,
        "{rest:?}"
    );

    let (_, ahead) = claim_ahead(services, &concert, HOUR, LEASE).await;
    let mut ahead = ahead.unwrap();
    assert_eq!(ahead.entries.len(), 2);
    assert!(ahead.due > Instant::now() + HOUR - minute);
    let patience = Duration::from_millis(300);
    let issuing = issue(services, &ahead);
    assert!(tokio::time::timeout(patience, issuing).await.is_err());
    assert_eq!(live_tickets(services, &concert).await.len(), 2);

    // As if all but a moment of the hour had passed.
    ahead.due = Instant::now() + patience;
    after_the_last_batch(services, &concert, HOUR).await;
    let issued = issue(services, &ahead).await.unwrap();
    assert!(Instant::now() >= ahead.due);
    assert_eq!(live_tickets(services, &concert).await.len(), 4);
    // The next batch is due an interval after the acknowledgement of this one; both times are by
    // the clock of Redis.
    let committed = micros(&world).await;
    assert!(
        scheduler::acknowledge(services, &ahead, &issued)
            .await
            .unwrap()
    );
    let next: i64 = redis::cmd("HGET")
        .arg(
            services
                .redis
                .key(format_args!("queue:{{{}}}:state", concert.id)),
        )
        .arg("next_claim")
        .query_async(&mut services.redis.connection())
        .await
        .unwrap();
    assert!(next >= committed + HOUR.as_micros() as i64);
}

#[tokio::test]
async fn a_batch_that_was_prepared_by_a_server_that_died_keeps_its_time() {
    let world = world().await;
    let concert = sale(&world).await;
    let (_, dead) = claim_ahead(&world.services, &concert, HOUR, Duration::ZERO).await;
    let (dead, other) = (
        dead.unwrap(),
        another_server(&world.stores, &world.clock).await,
    );
    let (_, taken_over) = claim_ahead(&other, &concert, HOUR, LEASE).await;
    let taken_over = taken_over.unwrap();
    assert_eq!(taken_over.entries, dead.entries);
    assert!(taken_over.due > Instant::now() + HOUR - Duration::from_secs(60));
}

#[tokio::test]
async fn nothing_is_prepared_before_the_opening_or_while_the_sale_is_paused() {
    let world = world().await;
    let services = &world.services;
    let concert = sale(&world).await;
    let by = admin(&world).await;
    let prepared = async || {
        claim_ahead(services, &concert, 2 * HOUR, LEASE)
            .await
            .1
            .is_some()
    };
    let opens_at = async |at: DateTime<Utc>| {
        sqlx::query("UPDATE concerts SET sale_opens_at = $1")
            .bind(at)
            .execute(&services.db)
            .await
            .unwrap();
    };
    opens_at(world.clock.now() + TimeDelta::minutes(10)).await;
    assert!(!prepared().await);
    opens_at(world.clock.now() - TimeDelta::minutes(10)).await;
    concerts::steer(services, &by, concert.id, Steering::Pause)
        .await
        .unwrap();
    assert!(!prepared().await);
    concerts::steer(services, &by, concert.id, Steering::Resume)
        .await
        .unwrap();
    assert!(prepared().await);
}

/// A pause is effective from its answer on, even if a batch was just waiting for its time.
#[tokio::test]
async fn no_ticket_goes_out_after_a_pause_was_answered() {
    let world = world().await;
    let services = &world.services;
    let concert = sale(&world).await;
    let by = admin(&world).await;
    let (_, ahead) = claim_ahead(services, &concert, HOUR, LEASE).await;
    let mut ahead = ahead.unwrap();
    ahead.due = Instant::now() + Duration::from_millis(300);
    after_the_last_batch(services, &concert, HOUR).await;
    let issuing = issue(services, &ahead);
    let pausing = async {
        concerts::steer(services, &by, concert.id, Steering::Pause)
            .await
            .unwrap();
        live_tickets(services, &concert).await.len()
    };
    let (issued, when_answered) = tokio::join!(issuing, pausing);
    issued.unwrap();
    assert_eq!(live_tickets(services, &concert).await.len(), when_answered);
}

/// A server that slept, or a connection that stalled, between the last statement and the commit: a
/// queue that is rebuilt must not start the next interval at the time the batch was due.
#[tokio::test]
async fn a_batch_that_is_committed_after_its_time_is_as_late_as_it_is() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(10, 2, NO_PACE).await;
    for fan in &world.accounts(4).await {
        admission::join(services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    // Constraint triggers fire in the order of their names, so this one comes before
    // `concerts_batch_in_time`. The server dies before it can note anything.
    sqlx::raw_sql(
        "CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER a_line_stands_still AFTER UPDATE ON concerts DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.last_serial > OLD.last_serial) EXECUTE FUNCTION stand_still();",
    )
    .execute(&services.db)
    .await
    .unwrap();
    let claim = claim(services, &concert, LEASE).await.unwrap();
    let dying = tokio::time::timeout(Duration::from_millis(150), issue(services, &claim));
    assert!(dying.await.is_err());
    let committed = async {
        while live_tickets(services, &concert).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    committed.await;
    let late_by: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM last_batch_at - issued_at)::float8
           FROM concerts JOIN tickets ON concert_id = concerts.id WHERE concerts.id = $1 LIMIT 1",
    )
    .bind(concert.id.0)
    .fetch_one(&services.db)
    .await
    .unwrap();
    assert!(late_by >= 0.3, "{late_by} s");
}
