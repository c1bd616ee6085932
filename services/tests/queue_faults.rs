//! Neither a crash nor lost data changes which accounts wait and in which order (P4).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::Refusal;
use model::queue::Arrival;
use model::queue::Standing;
use services::admission;
use services::queue;
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::queue::{News, Recorded};
use std::time::Duration;
use support::queue::{
    LEASE, NO_PACE, arrival, claim, issue, live_tickets, news_of, rank, redis_command, run_until,
    seal, set_state,
};
use support::{here, world};

#[tokio::test]
async fn a_batch_whose_server_died_comes_back_ahead_of_everybody() {
    let world = world().await;
    let concert = world.concert(30, 3, NO_PACE).await;
    let fans = world.accounts(6).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    let claim = async |lease| claim(&world.services, &concert, lease).await;
    // A server claims with an empty lease and is never heard of again …
    let dead = claim(Duration::ZERO).await.unwrap();
    assert_eq!(
        rank(&world.services, &fans[0], &concert).await,
        1,
        "in flight is still waiting"
    );
    assert_eq!(rank(&world.services, &fans[5], &concert).await, 6);
    // … and another one takes over. While its lease runs, no other server claims.
    let alive = claim(Duration::from_secs(60)).await.unwrap();
    assert_eq!(alive.entries, dead.entries);
    assert!(claim(Duration::from_secs(60)).await.is_none());
    // The dead server wakes up after all: its claim is stale once the newer one is issued.
    let issued = issue(&world.services, &alive).await.unwrap();
    assert!(issue(&world.services, &dead).await.is_none());
    assert!(
        scheduler::acknowledge(&world.services, &alive, &issued)
            .await
            .unwrap()
    );
    assert!(
        !scheduler::acknowledge(&world.services, &dead, &issued)
            .await
            .unwrap()
    );
    let holders: Vec<i64> = live_tickets(&world.services, &concert)
        .await
        .into_iter()
        .map(|(account, ..)| account)
        .collect();
    assert_eq!(
        holders,
        fans[..3]
            .iter()
            .map(|fan| fan.account_id.0)
            .collect::<Vec<_>>()
    );
    assert_eq!(rank(&world.services, &fans[3], &concert).await, 1);
}

/// PostgreSQL resolves a deadlock by aborting one of the transactions, and here it is the one that
/// issues.
///
/// It checks for a deadlock once, a second after a transaction has begun to wait. So all wait for
/// the concert's row first, and the transaction that checks is the one that closes the circle,
/// however slow the machine is.
#[tokio::test]
async fn a_batch_that_loses_a_circle_of_locks_is_issued_within_the_same_step() {
    let world = world().await;
    let concert = world.concert(5, 3, NO_PACE).await;
    for fan in &world.accounts(5).await {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    let db = &world.services.db;
    let locked = async |locks| {
        let mut connection = db.acquire().await.unwrap().detach();
        sqlx::raw_sql(locks).execute(&mut connection).await.unwrap();
        connection
    };
    // A transaction that takes the locks in the opposite order and never checks for a deadlock.
    let mut other =
        locked("BEGIN; SET LOCAL deadlock_timeout = '1h'; SELECT FROM queue_entries FOR UPDATE")
            .await;
    let mut before = locked("BEGIN; SELECT FROM concerts FOR UPDATE").await;
    let until_waiting = async |people| {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(db)
            .await
            .unwrap()
            < people
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };

    let sale = SaleRow::find(db, concert.id).await.unwrap();
    let (mut progress, id) = (Progress::default(), concert.id);
    // Longer than the other transaction could take.
    let lease = Duration::from_secs(60);
    let step = scheduler::step(&world.services, id, &sale, lease, &mut progress);
    let circle = async {
        until_waiting(1).await;
        let close = async {
            let concert = "SELECT FROM concerts FOR UPDATE";
            sqlx::raw_sql(concert).execute(&mut other).await.unwrap();
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        };
        let begin = async {
            until_waiting(2).await;
            let begin = sqlx::raw_sql("ROLLBACK").execute(&mut before).await;
            begin.unwrap();
        };
        tokio::join!(close, begin);
    };
    let (stepped, ()) = tokio::join!(step, circle);
    stepped.unwrap();
    assert_eq!(live_tickets(&world.services, &concert).await.len(), 3);
}

#[tokio::test]
async fn a_batch_that_was_issued_but_not_acknowledged_is_not_issued_again() {
    let world = world().await;
    let concert = world.concert(3, 3, NO_PACE).await;
    let fans = world.accounts(5).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    let claim = claim(&world.services, &concert, Duration::ZERO)
        .await
        .unwrap();
    issue(&world.services, &claim).await.unwrap();
    // The server dies here. The holder of a ticket is shown the ticket, not a place.
    let view = queue::view(&world.services, fans[0].account_id, concert.id)
        .await
        .unwrap();
    assert!(matches!(
        view.standing,
        Standing::Issued { ticket: Some(_) }
    ));
    run_until(&world.services, &concert, async || {
        let view = queue::view(&world.services, fans[3].account_id, concert.id)
            .await
            .unwrap();
        matches!(view.standing, Standing::Waiting { rank: 1, .. })
    })
    .await;
    assert_eq!(live_tickets(&world.services, &concert).await.len(), 3);
}

#[tokio::test]
async fn a_lost_redis_is_built_again_in_the_same_order() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(200).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
        ));
    }
    admission::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    world.lose("queue:*").await;
    for (n, fan) in fans.iter().enumerate().skip(1) {
        let view = queue::view(&world.services, fan.account_id, concert.id)
            .await
            .unwrap();
        assert_eq!(arrival(&view), arrivals[n]);
        assert!(matches!(view.standing, Standing::Waiting { rank, .. } if rank == n as u64));
    }
    // An account that left is still gone, and joins at the end: the clock went on.
    let again = admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(
        again.standing,
        Standing::Waiting { rank: 200, .. }
    ));
    assert!(arrival(&again) > arrivals[199]);
}

#[tokio::test]
async fn a_single_lost_place_is_put_back_when_its_owner_looks() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(3).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
        ));
    }
    let key = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:waiting", concert.id));
    redis::cmd("ZREM")
        .arg(&key)
        .arg(fans[1].account_id.0)
        .exec_async(&mut world.services.redis.connection())
        .await
        .unwrap();
    // Joining again finds the old place, not a new one at the end.
    let again = admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();
    assert_eq!(arrival(&again), arrivals[1]);
    redis::cmd("ZREM")
        .arg(&key)
        .arg(fans[0].account_id.0)
        .exec_async(&mut world.services.redis.connection())
        .await
        .unwrap();
    assert_eq!(rank(&world.services, &fans[0], &concert).await, 1);
    assert_eq!(rank(&world.services, &fans[2], &concert).await, 3);
}

/// A place given before Redis was lost, and recorded only after the queue was built without it,
/// would be acknowledged and lost.
#[tokio::test]
async fn a_place_given_by_an_older_build_is_not_recorded() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fan = world.accounts(1).await.remove(0);
    queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    let generation: i64 = sqlx::query_scalar("SELECT generation FROM concerts")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    let join = |generation| queue::Join {
        concert: concert.id,
        account: fan.account_id,
        arrival: Arrival(1_000),
        joined_rank: 1,
        generation,
    };
    assert_eq!(
        world
            .services
            .journal
            .join(join(generation - 1))
            .await
            .unwrap(),
        Recorded::Stale
    );
    assert_eq!(
        world.services.journal.join(join(generation)).await.unwrap(),
        Recorded::Waiting(Arrival(1_000))
    );
    // A recorded place stays recorded: a retry after the next build finds it.
    world.lose("queue:*").await;
    let view = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(arrival(&view), Arrival(1_000));
    assert_eq!(
        world.services.journal.join(join(generation)).await.unwrap(),
        Recorded::Waiting(Arrival(1_000))
    );
}

/// As if Redis had restarted from an older copy of its file, or a replica without the last second
/// had been promoted.
#[tokio::test]
async fn a_redis_that_lost_the_last_moments_is_noticed_before_anything_is_issued() {
    let world = world().await;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(6).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
        ));
    }
    let mut redis = world.services.redis.connection();
    let waiting = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:waiting", concert.id));
    let state = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:state", concert.id));
    redis::cmd("ZREM")
        .arg(&waiting)
        .arg(fans[0].account_id.0)
        .arg(fans[4].account_id.0)
        .exec_async(&mut redis)
        .await
        .unwrap();
    redis::cmd("HSET")
        .arg(&state)
        .arg("origin")
        .arg("another")
        .exec_async(&mut redis)
        .await
        .unwrap();

    let claim = async || claim(&world.services, &concert, Duration::from_secs(60)).await;
    assert!(
        claim().await.is_none(),
        "nothing is claimed from a queue that may have lost its head"
    );
    let ranks: Vec<u64> =
        futures::future::join_all(fans.iter().map(|fan| rank(&world.services, fan, &concert)))
            .await;
    assert_eq!(ranks, [1, 2, 3, 4, 5, 6]);
    let claim = loop {
        if let Some(claim) = claim().await {
            break claim;
        }
    };
    assert_eq!(
        claim.entries,
        [
            (fans[0].account_id, arrivals[0]),
            (fans[1].account_id, arrivals[1])
        ]
    );
}

/// The journal cannot be written after Redis has given the place.
#[tokio::test]
async fn what_is_shown_as_waiting_is_on_disk() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fan = world.accounts(1).await.remove(0);
    sqlx::query("ALTER TABLE queue_entries ADD CONSTRAINT broken CHECK (false) NOT VALID")
        .execute(&world.services.db)
        .await
        .unwrap();
    assert_eq!(
        admission::join(&world.services, &here(), &fan, concert.id)
            .await
            .unwrap_err()
            .refusal(),
        Refusal::Unavailable
    );
    assert_eq!(
        queue::view(&world.services, fan.account_id, concert.id)
            .await
            .unwrap_err()
            .refusal(),
        Refusal::Unavailable
    );
    sqlx::query("ALTER TABLE queue_entries DROP CONSTRAINT broken")
        .execute(&world.services.db)
        .await
        .unwrap();
    let view = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    world.lose("queue:*").await;
    let after = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(arrival(&after), arrival(&view));
}

#[tokio::test]
async fn a_session_without_an_account_stops_nobody() {
    let world = world().await;
    let concert = world.concert(30, 10, NO_PACE).await;
    let fan = world.accounts(1).await.remove(0);
    let nobody = support::session(999_999, model::accounts::Role::User);
    let refused = admission::join(&world.services, &here(), &nobody, concert.id)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal(), Refusal::NotLoggedIn);
    queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    redis_command(&world, &["ZADD"], "waiting", &concert, &["1000", "999999"]).await;
    seal(&world, &concert).await;
    admission::join(&world.services, &here(), &fan, concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_sale_that_redis_was_not_told_is_told_later() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fan = world.accounts(1).await.remove(0);
    admission::join(&world.services, &here(), &fan, concert.id)
        .await
        .unwrap();
    set_state(&world, &concert, "closed").await;
    sqlx::query("UPDATE queue_entries SET state = 'expired'")
        .execute(&world.services.db)
        .await
        .unwrap();
    let looked = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(looked.standing, Standing::Expired);
    let mut watching = news_of(&world.services, &concert);
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let mut progress = Progress::default();
    let told = loop {
        scheduler::step(&world.services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
        match watching.try_recv() {
            Ok(News::Tick(event)) if event.tick.waiting == 0 => break event,
            _ => {}
        }
    };
    assert_eq!(told.tick.sale.state, model::concerts::SaleState::Closed);
}
