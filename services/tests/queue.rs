//! The queue's promises, one by one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use model::Refusal;
use model::concerts::{Concert, ConcertDetails};
use model::queue::{Arrival, QueueView, Standing};
use model::tickets::TicketId;
use services::queue::Recorded;
use services::queue::sale::SaleRow;
use services::queue::{issue, scheduler};
use services::sessions::Session;
use services::{Services, concerts, queue, tickets};
use std::time::Duration;
use support::{World, another_server, world};
use tokio_util::sync::CancellationToken;

/// Nobody can measure it, everybody can claim at once.
const NO_PACE: u32 = 1;

async fn rank(services: &Services, who: &Session, concert: &Concert) -> u64 {
    match queue::view(services, who.account_id, concert.id)
        .await
        .unwrap()
        .standing
    {
        Standing::Waiting { rank, .. } => rank,
        other => panic!("{} is {other:?}", who.account_id),
    }
}

fn arrival(view: &QueueView) -> Arrival {
    match view.standing {
        Standing::Waiting { arrival, .. } => arrival,
        ref other => panic!("{other:?}"),
    }
}

/// Steps the sale until `done` says so.
async fn run_until(services: &Services, concert: &Concert, mut done: impl AsyncFnMut() -> bool) {
    let mut newest = None;
    while !done().await {
        let sale = SaleRow::find(&services.db, concert.id).await.unwrap();
        let rest = scheduler::step(services, concert.id, &sale, &mut newest)
            .await
            .unwrap();
        tokio::time::sleep(rest).await;
    }
}

async fn live_tickets(services: &Services, concert: &Concert) -> Vec<(i64, i64, i32)> {
    sqlx::query_as(
        "SELECT account_id, arrival, serial FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL ORDER BY serial",
    )
    .bind(concert.id.0)
    .fetch_all(&services.db)
    .await
    .unwrap()
}

/// Everything that Redis holds of this queue, gone.
async fn lose_redis(world: &World) {
    let mut redis = world.services.redis.connection();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(world.services.redis.key("queue:*"))
        .query_async(&mut redis)
        .await
        .unwrap();
    redis::cmd("DEL")
        .arg(keys)
        .exec_async(&mut redis)
        .await
        .unwrap();
}

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
        tokio::spawn(async move { queue::join(&services, &fan, concert.id).await.unwrap() })
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
        tokio::spawn(
            async move { arrival(&queue::join(&services, &fan, concert.id).await.unwrap()) },
        )
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
    let servers =
        [&world.services, &other].map(|s| tokio::spawn(scheduler::run(s.clone(), stop.clone())));
    while live_tickets(&world.services, &concert).await.len() < 30 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Some more intervals, in which nothing must happen.
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

#[tokio::test(flavor = "multi_thread")]
async fn however_many_servers_run_the_pace_is_kept() {
    let world = world().await;
    let interval = TimeDelta::milliseconds(120);
    let concert = world.concert(40, 4, 120).await;
    for fan in world.accounts(40).await {
        queue::join(&world.services, &fan, concert.id)
            .await
            .unwrap();
    }
    let stop = CancellationToken::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let services = another_server(&world.stores, &world.clock).await;
        servers.push(tokio::spawn(scheduler::run(services, stop.clone())));
    }
    while live_tickets(&world.services, &concert).await.len() < 40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    join_all(servers).await;
    let issued: Vec<chrono::DateTime<chrono::Utc>> =
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
    match queue::join(&world.services, &fans[0], early.id)
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
    queue::join(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
    let again = queue::join(&world.services, &fans[0], concert.id)
        .await
        .unwrap_err();
    assert_eq!(again.refusal(), Refusal::HoldsTicket);
    // Sold out is the waiting list, not the end.
    queue::join(&world.services, &fans[1], concert.id)
        .await
        .unwrap();
    let unknown = queue::join(&world.services, &fans[1], model::concerts::ConcertId(9_999))
        .await
        .unwrap_err();
    assert_eq!(unknown.refusal(), Refusal::NotFound);

    sqlx::query("UPDATE concerts SET state = 'closed' WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(scheduler::run(world.services.clone(), stop.clone()));
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
    let late = queue::join(&world.services, &fans[1], concert.id)
        .await
        .unwrap_err();
    assert_eq!(late.refusal(), Refusal::SaleClosed);
}

#[tokio::test]
async fn leaving_moves_everybody_behind_up_and_rejoining_goes_to_the_end() {
    let world = world().await;
    let concert = world.concert(30, 10, 1000).await;
    let fans = world.accounts(5).await;
    // Paused, so that nobody is issued a ticket meanwhile.
    sqlx::query("UPDATE concerts SET state = 'paused' WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    let mut first = None;
    for fan in &fans {
        let view = queue::join(&world.services, fan, concert.id).await.unwrap();
        first.get_or_insert(arrival(&view));
    }
    for _ in 0..2 {
        let left = queue::leave(&world.services, &fans[0], concert.id)
            .await
            .unwrap();
        assert_eq!(left.standing, Standing::Left);
    }
    let again = queue::join(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    assert!(arrival(&again) > first.unwrap());
    // The tick that tells the others comes within a second.
    let mut watcher = world.services.ticks.watch(concert.id);
    let mut mine = queue::view(&world.services, fans[3].account_id, concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        while let Ok(event) = watcher.try_recv() {
            mine.apply(&event.tick);
        }
        matches!(mine.standing, Standing::Waiting { rank: 3, .. })
    })
    .await;
    for (expected, fan) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 0)] {
        assert_eq!(rank(&world.services, &fans[fan], &concert).await, expected);
    }
}

#[tokio::test]
async fn a_cancelled_ticket_goes_to_the_head_of_the_waiting_list() {
    let world = world().await;
    let concert = world.concert(2, 10, NO_PACE).await;
    let fans = world.accounts(4).await;
    for fan in &fans {
        queue::join(&world.services, fan, concert.id).await.unwrap();
    }
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 2
    })
    .await;
    assert_eq!(rank(&world.services, &fans[2], &concert).await, 1);
    let ticket = tickets::list(&world.services, &fans[0])
        .await
        .unwrap()
        .remove(0);
    let foreign = tickets::cancel(&world.services, &fans[3], ticket.id)
        .await
        .unwrap_err();
    assert_eq!(foreign.refusal(), Refusal::NotFound);
    for _ in 0..2 {
        tickets::cancel(&world.services, &fans[0], ticket.id)
            .await
            .unwrap();
    }
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 2
    })
    .await;
    let holders: Vec<_> = live_tickets(&world.services, &concert)
        .await
        .into_iter()
        .map(|(account, _, serial)| (account, serial))
        .collect();
    assert_eq!(
        holders,
        [(fans[1].account_id.0, 2), (fans[2].account_id.0, 3)]
    );
    let back = queue::join(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(back.standing, Standing::Waiting { rank: 2, .. }));
    let seen = tickets::find(&world.services, &fans[1], TicketId(ticket.id.0))
        .await
        .unwrap_err();
    assert_eq!(seen.refusal(), Refusal::NotFound);
}

#[tokio::test]
async fn a_batch_whose_server_died_comes_back_ahead_of_everybody() {
    let world = world().await;
    let concert = world.concert(30, 3, NO_PACE).await;
    let fans = world.accounts(6).await;
    for fan in &fans {
        queue::join(&world.services, fan, concert.id).await.unwrap();
    }
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let claim = async |lease| {
        scheduler::claim(&world.services, concert.id, &sale, lease, &mut None)
            .await
            .unwrap()
            .1
    };
    // Claimed for no time at all by a server that is never heard of again …
    let dead = claim(Duration::ZERO).await.unwrap();
    assert_eq!(
        rank(&world.services, &fans[0], &concert).await,
        1,
        "in flight is still waiting"
    );
    assert_eq!(rank(&world.services, &fans[5], &concert).await, 6);
    // … and taken over by another, as long as whose lease runs nobody else claims.
    let alive = claim(Duration::from_secs(60)).await.unwrap();
    assert_eq!(alive.entries, dead.entries);
    assert!(claim(Duration::from_secs(60)).await.is_none());
    // The dead one wakes up after all: its claim is stale once the newer one is carried out.
    let now = world.clock.now();
    let issued = issue::issue(&world.services.db, &alive, now)
        .await
        .unwrap()
        .unwrap();
    assert!(
        issue::issue(&world.services.db, &dead, now)
            .await
            .unwrap()
            .is_none()
    );
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

#[tokio::test]
async fn a_batch_that_was_issued_but_not_acknowledged_is_not_issued_again() {
    let world = world().await;
    let concert = world.concert(3, 3, NO_PACE).await;
    let fans = world.accounts(5).await;
    for fan in &fans {
        queue::join(&world.services, fan, concert.id).await.unwrap();
    }
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let claim = scheduler::claim(
        &world.services,
        concert.id,
        &sale,
        Duration::ZERO,
        &mut None,
    )
    .await
    .unwrap()
    .1
    .unwrap();
    issue::issue(&world.services.db, &claim, world.clock.now())
        .await
        .unwrap()
        .unwrap();
    // The server dies here. Whoever holds a ticket is shown it, not a place.
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
async fn someone_who_leaves_while_in_flight_gets_no_ticket() {
    let world = world().await;
    let concert = world.concert(30, 3, NO_PACE).await;
    let fans = world.accounts(4).await;
    for fan in &fans {
        queue::join(&world.services, fan, concert.id).await.unwrap();
    }
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let claim = scheduler::claim(
        &world.services,
        concert.id,
        &sale,
        Duration::from_secs(60),
        &mut None,
    )
    .await
    .unwrap()
    .1
    .unwrap();
    assert_eq!(
        queue::leave(&world.services, &fans[1], concert.id)
            .await
            .unwrap()
            .standing,
        Standing::Left
    );
    let issued = issue::issue(&world.services.db, &claim, world.clock.now())
        .await
        .unwrap()
        .unwrap();
    use issue::Outcome::*;
    assert_eq!(issued.outcomes, [Issued, Dropped, Issued]);
    assert!(
        scheduler::acknowledge(&world.services, &claim, &issued)
            .await
            .unwrap()
    );
    assert_eq!(rank(&world.services, &fans[3], &concert).await, 1);
    // The other way round: the ticket was issued before the leave was recorded.
    let issued = queue::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(issued.standing, Standing::Issued { .. }));
}

#[tokio::test]
async fn a_lost_redis_is_built_again_in_the_same_order() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(200).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &queue::join(&world.services, fan, concert.id).await.unwrap(),
        ));
    }
    queue::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    lose_redis(&world).await;
    for (n, fan) in fans.iter().enumerate().skip(1) {
        let view = queue::view(&world.services, fan.account_id, concert.id)
            .await
            .unwrap();
        assert_eq!(arrival(&view), arrivals[n]);
        assert!(matches!(view.standing, Standing::Waiting { rank, .. } if rank == n as u64));
    }
    // Whoever left is still gone, and joins at the end: the clock went on.
    let again = queue::join(&world.services, &fans[0], concert.id)
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
            &queue::join(&world.services, fan, concert.id).await.unwrap(),
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
    let again = queue::join(&world.services, &fans[1], concert.id)
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

#[tokio::test]
async fn postgresql_itself_refuses_to_oversell() {
    let world = world().await;
    let concert = world.concert(2, 10, NO_PACE).await;
    let fans = world.accounts(3).await;
    let sell = |n: usize| {
        sqlx::query("INSERT INTO tickets (concert_id, account_id, arrival, serial, code) VALUES ($1, $2, $3, $3, $4)")
            .bind(concert.id.0)
            .bind(fans[n].account_id.0)
            .bind(n as i32 + 1)
            .bind(format!("code {n}"))
            .execute(&world.services.db)
    };
    sell(0).await.unwrap();
    sell(1).await.unwrap();
    let refused = sell(2).await.unwrap_err();
    assert_eq!(
        refused.as_database_error().and_then(|e| e.constraint()),
        Some("concerts_never_oversold")
    );
    let by = support::session(fans[0].account_id.0, model::accounts::Role::Admin);
    let smaller = concerts::update(
        &world.services,
        &by,
        concert.id,
        ConcertDetails {
            capacity: 1,
            ..world.details()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        smaller.refusal(),
        Refusal::CapacityBelowIssued { issued: 2 }
    );
    sqlx::query("DELETE FROM tickets WHERE serial = 1")
        .execute(&world.services.db)
        .await
        .unwrap();
    assert_eq!(
        concerts::find(&world.services, concert.id)
            .await
            .unwrap()
            .issued,
        1
    );
}

#[tokio::test]
async fn a_smaller_batch_and_a_pause_take_effect_at_once() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let details = ConcertDetails {
        capacity: 30,
        batch_size: 10,
        interval_ms: 1,
        ..world.details()
    };
    let concert = concerts::create(&world.services, &by, details.clone())
        .await
        .unwrap();
    for fan in world.accounts(12).await {
        queue::join(&world.services, &fan, concert.id)
            .await
            .unwrap();
    }
    // What this server read before the change is older than what the queue was told, and does not overrule it.
    let stale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    concerts::update(
        &world.services,
        &by,
        concert.id,
        ConcertDetails {
            batch_size: 2,
            ..details
        },
    )
    .await
    .unwrap();
    let claim = scheduler::claim(
        &world.services,
        concert.id,
        &stale,
        Duration::ZERO,
        &mut None,
    )
    .await
    .unwrap()
    .1
    .unwrap();
    assert_eq!(claim.entries.len(), 2);
    sqlx::query("UPDATE concerts SET state = 'paused' WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    // Paused between the claim and the transaction: nothing is issued, everybody keeps their place.
    let issued = issue::issue(&world.services.db, &claim, world.clock.now())
        .await
        .unwrap()
        .unwrap();
    assert!(
        issued
            .outcomes
            .iter()
            .all(|outcome| *outcome == issue::Outcome::Released)
    );
    assert!(
        scheduler::acknowledge(&world.services, &claim, &issued)
            .await
            .unwrap()
    );
    assert!(
        scheduler::claim(
            &world.services,
            concert.id,
            &stale,
            Duration::ZERO,
            &mut None
        )
        .await
        .unwrap()
        .1
        .is_none()
    );
    assert!(live_tickets(&world.services, &concert).await.is_empty());
}

/// A place that was given before Redis was lost, and recorded only after the queue had been built without it, would be
/// acknowledged and gone.
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
    // Recorded is recorded: a retry after the next build finds it.
    lose_redis(&world).await;
    let view = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(arrival(&view), Arrival(1_000));
    assert_eq!(
        world.services.journal.join(join(generation)).await.unwrap(),
        Recorded::Waiting(Arrival(1_000))
    );
}

/// As when Redis was restarted from an older copy of its file, or a replica without the last second was promoted.
#[tokio::test]
async fn a_redis_that_lost_the_last_moments_is_noticed_before_anything_is_issued() {
    let world = world().await;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(6).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &queue::join(&world.services, fan, concert.id).await.unwrap(),
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
        .arg("run_id")
        .arg("another")
        .exec_async(&mut redis)
        .await
        .unwrap();

    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let claim = async || {
        scheduler::claim(
            &world.services,
            concert.id,
            &sale,
            Duration::from_secs(60),
            &mut None,
        )
        .await
        .unwrap()
        .1
    };
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

async fn redis_command(
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

/// A server died after the journal had recorded the leave and before Redis was told.
#[tokio::test]
async fn a_place_that_was_left_is_not_waiting_whatever_redis_says() {
    let world = world().await;
    let concert = world.concert(30, 10, NO_PACE).await;
    let fans = world.accounts(2).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &queue::join(&world.services, fan, concert.id).await.unwrap(),
        ));
    }
    for (n, fan) in fans.iter().enumerate() {
        let leave = queue::Leave {
            concert: concert.id,
            account: fan.account_id,
            arrival: arrivals[n],
        };
        assert!(world.services.journal.leave(leave).await.unwrap());
    }
    let looked = queue::view(&world.services, fans[0].account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(looked.standing, Standing::Left);
    // Joining again is a new place, on disk, that ends in a ticket.
    let again = queue::join(&world.services, &fans[1], concert.id)
        .await
        .unwrap();
    assert!(arrival(&again) > arrivals[1]);
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
}

/// The journal could not be written when Redis had given the place.
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
        queue::join(&world.services, &fan, concert.id)
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
    lose_redis(&world).await;
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
    let refused = queue::join(&world.services, &nobody, concert.id)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal(), Refusal::NotLoggedIn);
    queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    redis_command(&world, &["ZADD"], "waiting", &concert, &["1000", "999999"]).await;
    queue::join(&world.services, &fan, concert.id)
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
    queue::join(&world.services, &fan, concert.id)
        .await
        .unwrap();
    sqlx::query("UPDATE concerts SET state = 'closed'")
        .execute(&world.services.db)
        .await
        .unwrap();
    sqlx::query("UPDATE queue_entries SET state = 'expired'")
        .execute(&world.services.db)
        .await
        .unwrap();
    let looked = queue::view(&world.services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(looked.standing, Standing::Expired);
    let mut watching = world.services.ticks.watch(concert.id);
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    let mut newest = None;
    let told = loop {
        scheduler::step(&world.services, concert.id, &sale, &mut newest)
            .await
            .unwrap();
        match watching.try_recv() {
            Ok(event) if event.tick.waiting == 0 => break event,
            _ => {}
        }
    };
    assert_eq!(told.tick.sale.state, model::concerts::SaleState::Closed);
}

#[tokio::test]
async fn a_shorter_interval_counts_at_once() {
    let world = world().await;
    let concert = world.concert(30, 1, 3_600_000).await;
    for fan in world.accounts(2).await {
        queue::join(&world.services, &fan, concert.id)
            .await
            .unwrap();
    }
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
    sqlx::query("UPDATE concerts SET interval_ms = 100")
        .execute(&world.services.db)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 2
    })
    .await;
}

/// Who has left and was in no tick yet still counts, or the next tick would count them twice.
#[tokio::test]
async fn a_rank_read_between_two_ticks_stays_true_over_the_next() {
    let world = world().await;
    let concert = world.concert(30, 10, 1000).await;
    sqlx::query("UPDATE concerts SET state = 'paused'")
        .execute(&world.services.db)
        .await
        .unwrap();
    let fans = world.accounts(3).await;
    for fan in &fans {
        queue::join(&world.services, fan, concert.id).await.unwrap();
    }
    let mut watching = world.services.ticks.watch(concert.id);
    let mut before = queue::view(&world.services, fans[2].account_id, concert.id)
        .await
        .unwrap();
    queue::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    let mut between = queue::view(&world.services, fans[2].account_id, concert.id)
        .await
        .unwrap();
    let mut newest = Some(between.tick);
    while newest == Some(between.tick) {
        let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
        scheduler::step(&world.services, concert.id, &sale, &mut newest)
            .await
            .unwrap();
    }
    let tick = watching.recv().await.unwrap().tick;
    for view in [&mut before, &mut between] {
        assert_eq!(view.apply(&tick), model::queue::Applied::Yes);
        assert!(
            matches!(view.standing, Standing::Waiting { rank: 2, .. }),
            "{view:?}"
        );
    }
}
