//! Redis is made to agree with the journal: lost data is restored, outdated data removed, and
//! neither order nor pace suffers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::concerts::Concert;
use model::queue::{Arrival, TickId};
use services::admission;
use services::queue::reconcile::{Outcome, Window, miscounted, reconcile};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::queue::{self, News, Recorded};
use services::sessions::Session;
use support::queue::{
    LEASE, arrival, claim, live_tickets, news_of, rank, redis_command, run_until, seal,
};
use support::{World, here, world};

/// Redis as it is after servers have died at the worst moments: the next reconcile repairs
/// everything.
#[tokio::test]
async fn what_differs_is_mended_without_anybody_looking() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(5).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
        ));
    }
    let agreed = async |window| match reconcile(&world.services, concert.id, window).await {
        Ok(Outcome::Agreed(mark)) => mark,
        other => panic!("{other:?}"),
    };
    let mark = agreed(Window::Everything).await;
    // Recorded as left, and still in Redis: all ranks behind are too high.
    let leave = queue::Leave {
        concert: concert.id,
        account: fans[0].account_id,
        arrival: arrivals[0],
    };
    assert!(world.services.journal.leave(leave).await.unwrap());
    // Lost, so all ranks behind are too low.
    let lost = fans[2].account_id.to_string();
    redis_command(&world, &["ZREM"], "waiting", &concert, &[&lost]).await;
    agreed(Window::Since(mark)).await;
    // A leave counts from the next tick on.
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    redis_command(&world, &["HSET"], "state", &concert, &["tick", "0"]).await;
    redis_command(
        &world,
        &["HSET"],
        "state",
        &concert,
        &["next_claim", "9e15"],
    )
    .await;
    scheduler::claim(
        &world.services,
        concert.id,
        &sale,
        LEASE,
        &mut Progress::default(),
    )
    .await
    .unwrap();
    for (rank_now, fan) in fans[1..].iter().enumerate() {
        assert_eq!(
            rank(&world.services, fan, &concert).await,
            rank_now as u64 + 1
        );
    }
    let again = admission::join(&world.services, &here(), &fans[2], concert.id)
        .await
        .unwrap();
    assert_eq!(arrival(&again), arrivals[2]);
}

/// A promoted replica has the queue as of a moment ago, and its clock may be behind.
#[tokio::test]
async fn nobody_joins_a_queue_of_another_redis_before_it_is_rebuilt() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(3).await;
    let first = arrival(
        &admission::join(&world.services, &here(), &fans[0], concert.id)
            .await
            .unwrap(),
    );
    // The newest place is in the journal only, and its arrival is ahead of the clock of the new
    // Redis, which has another origin.
    let ahead = Arrival(first.0 + 3_600_000_000);
    let generation: i64 = sqlx::query_scalar("SELECT generation FROM concerts")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    let recorded = world
        .services
        .journal
        .join(queue::Join {
            concert: concert.id,
            account: fans[1].account_id,
            arrival: ahead,
            joined_rank: 2,
            generation,
        })
        .await
        .unwrap();
    assert_eq!(recorded, Recorded::Waiting(ahead));
    redis_command(&world, &["HSET"], "state", &concert, &["origin", "another"]).await;
    let last = admission::join(&world.services, &here(), &fans[2], concert.id)
        .await
        .unwrap();
    assert!(arrival(&last) > ahead);
    assert_eq!(rank(&world.services, &fans[2], &concert).await, 3);
}

/// A Redis that was promoted, demoted and promoted again is the same process with older data.
#[tokio::test]
async fn nobody_joins_a_queue_of_a_redis_that_was_promoted_again_before_it_is_rebuilt() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(2).await;
    admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    let redis = &world.services.redis;
    let origin: String = redis::cmd("HGET")
        .arg(redis.key(format_args!("queue:{{{}}}:state", concert.id)))
        .arg("origin")
        .query_async(&mut redis.connection())
        .await
        .unwrap();
    let (run_id, replication) = origin.split_at(40);
    assert_eq!(replication.len(), 40, "{origin}");
    let before = format!("{run_id}{}", "f".repeat(40));
    let first = fans[0].account_id.to_string();
    redis_command(&world, &["ZREM"], "waiting", &concert, &[&first]).await;
    seal(&world, &concert).await;
    redis_command(&world, &["HSET"], "state", &concert, &["origin", &before]).await;
    admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();
    assert_eq!(rank(&world.services, &fans[1], &concert).await, 2);
}

/// The ticks of a Redis whose clock was ahead are newer than any from the clock of its successor.
#[tokio::test]
async fn ticks_go_on_after_a_redis_with_a_clock_that_was_ahead() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fan = world.accounts(1).await.remove(0);
    admission::join(&world.services, &here(), &fan, concert.id)
        .await
        .unwrap();
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let ahead = TickId(world.clock.now().timestamp_micros() + 3_600_000_000);
    let mut progress = Progress {
        newest: Some(ahead),
        ..Progress::default()
    };
    let mut watching = news_of(&world.services, &concert);
    scheduler::claim(&world.services, concert.id, &sale, LEASE, &mut progress)
        .await
        .unwrap();
    assert!(progress.newest > Some(ahead));
    match watching.recv().await.unwrap() {
        News::Tick(event) => assert_ne!(event.tick.previous, ahead, "everybody reads anew"),
        other => panic!("{other:?}"),
    }
}

/// The server that requested a place died before it was recorded, or gave up on an answer that came
/// too late.
#[tokio::test]
async fn a_place_that_nobody_has_recorded_is_put_on_record() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(2).await;
    admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    let arrival = Arrival(world.clock.now().timestamp_micros() - 60_000_000);
    let (score, member) = (arrival.0.to_string(), fans[1].account_id.to_string());
    redis_command(&world, &["ZADD"], "waiting", &concert, &[&score, &member]).await;
    seal(&world, &concert).await;
    reconcile(&world.services, concert.id, Window::Everything)
        .await
        .unwrap();
    let recorded: Vec<i64> = sqlx::query_scalar(
        "SELECT arrival FROM queue_entries WHERE account_id = $1 AND state = 'waiting'",
    )
    .bind(fans[1].account_id.0)
    .fetch_all(&world.services.db)
    .await
    .unwrap();
    assert_eq!(recorded, [arrival.0]);
    // It is a place like any other: lost with Redis, it is restored.
    world.lose("queue:*").await;
    assert_eq!(rank(&world.services, &fans[1], &concert).await, 1);
    assert_eq!(rank(&world.services, &fans[0], &concert).await, 2);
}

/// Many queues are counted at once, as are those in which nothing happens.
#[tokio::test]
async fn a_count_finds_what_redis_has_lost() {
    let world = world().await;
    let fans = world.accounts(3).await;
    let (mut concerts, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let concert = world.concert(30, 1, 3_600_000).await;
        join_until_one_holds(&world, &concert, &fans).await;
        ids.push(concert.id);
        concerts.push(concert);
    }
    let lost = async || miscounted(&world.services, &ids).await.unwrap();
    assert_eq!(lost().await, []);
    let last = fans[2].account_id.to_string();
    redis_command(&world, &["ZREM"], "waiting", &concerts[0], &[&last]).await;
    redis_command(&world, &["DEL"], "holders", &concerts[2], &[]).await;
    redis_command(&world, &["DEL"], "state", &concerts[3], &[]).await;
    assert_eq!(lost().await, [ids[0], ids[2], ids[3]]);
    for id in [ids[0], ids[2]] {
        reconcile(&world.services, id, Window::Everything)
            .await
            .unwrap();
    }
    assert_eq!(lost().await, [ids[3]]);
}

/// A server may sleep between writing its tickets and the commit: the time on the tickets does not
/// determine the pace.
#[tokio::test]
async fn after_a_rebuild_a_whole_interval_passes_whatever_is_written_on_the_tickets() {
    let world = world().await;
    let concert = world.concert(30, 1, 3_600_000).await;
    let fans = world.accounts(2).await;
    join_until_one_holds(&world, &concert, &fans).await;
    sqlx::query("UPDATE tickets SET issued_at = issued_at - interval '2 hours'")
        .execute(&world.services.db)
        .await
        .unwrap();
    world.lose("queue:*").await;
    for _ in 0..5 {
        let claimed = claim(&world.services, &concert, LEASE).await;
        assert!(claimed.is_none(), "{claimed:?}");
    }
}

/// The statistics of yesterday's sale do not describe today's. A query that is planned by them
/// takes minutes and exceeds its limit of ten seconds, and a lost queue would never be rebuilt.
#[tokio::test]
async fn a_sale_that_no_statistics_know_of_is_rebuilt_like_any_other() {
    const WAITING: i64 = 40_000;
    let world = world().await;
    let fans = world.accounts(WAITING).await;
    let yesterday = world.concert(30, 10, 3_600_000).await;
    everybody_waits(&world, &yesterday).await;
    sqlx::query("ANALYZE")
        .execute(&world.services.db)
        .await
        .unwrap();
    let today = world.concert(30, 10, 3_600_000).await;
    everybody_waits(&world, &today).await;
    for window in [Window::Nothing, Window::Everything] {
        let outcome = reconcile(&world.services, today.id, window).await;
        let Ok(Outcome::Agreed(mark)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(mark.compared, WAITING as usize);
    }
    let last = fans.last().unwrap();
    assert_eq!(rank(&world.services, last, &today).await, WAITING as u64);
}

/// Makes all user accounts wait according to the journal, in the order of their ids.
async fn everybody_waits(world: &World, concert: &Concert) {
    sqlx::query(
        "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
         SELECT $1, row_number() OVER (ORDER BY id), id, 1, 'waiting' FROM accounts WHERE role = 'user'",
    )
    .bind(concert.id.0)
    .execute(&world.services.db)
    .await
    .unwrap();
}

/// Lets the accounts join in this order, and runs the sale until the first is issued a ticket.
async fn join_until_one_holds(world: &World, concert: &Concert, fans: &[Session]) {
    for fan in fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    run_until(&world.services, concert, async || {
        live_tickets(&world.services, concert).await.len() == 1
    })
    .await;
}
