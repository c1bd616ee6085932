//! A queue that lost a part of itself, whose clocks were set, or whose PostgreSQL went back in time
//! issues nothing until that is detected, and then goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use embedded::testing::stores;
use model::concerts::Concert;
use model::queue::Standing;
use model::{Refusal, concerts::SaleState};
use services::admission;
use services::queue::audit::{Kind, audit};
use services::queue::issue::{self, Issue};
use services::queue::reconcile::{Outcome, Window, reconcile};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::queue::{self, News};
use services::sessions::Session;
use services::{Clock, Error, concerts};
use std::time::Duration;
use support::queue::{
    LEASE, NO_PACE, after_the_last_batch, arrival, claim, live_tickets, news_of, rank,
    redis_command, run_until,
};
use support::{World, another_server, here, world};

const HOUR: Duration = Duration::from_secs(3_600);

async fn join_all(world: &World, fans: &[Session], concert: &Concert) {
    for fan in fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
}

/// Makes one step of the scheduler, and returns how long it would rest.
async fn step(world: &World, concert: &Concert) -> Duration {
    let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
    scheduler::step(
        &world.services,
        concert.id,
        &sale,
        LEASE,
        &mut Progress::default(),
    )
    .await
    .unwrap()
}

async fn holders(world: &World, concert: &Concert) -> Vec<i64> {
    let tickets = live_tickets(&world.services, concert).await;
    tickets.into_iter().map(|(account, ..)| account).collect()
}

/// As if Redis's clock had been set by `by`: moves the times noted in the queue the other way.
async fn set_redis_clock(world: &World, concert: &Concert, by: TimeDelta) {
    let redis = &world.services.redis;
    let state = redis.key(format_args!("queue:{{{}}}:state", concert.id));
    for field in [
        "next_claim",
        "lease_until",
        "due",
        "ticked",
        "noted",
        "builder_until",
    ] {
        let noted: Option<i64> = redis::cmd("HGET")
            .arg(&state)
            .arg(field)
            .query_async(&mut redis.connection())
            .await
            .unwrap();
        let micros = by.num_microseconds().unwrap();
        if let Some(noted) = noted.filter(|noted| *noted > 0) {
            let now = (noted - micros).to_string();
            redis_command(world, &["HSET"], "state", concert, &[field, &now]).await;
        }
    }
}

/// The order is strict whichever key is lost in the middle of a sale, and the ranks are right at
/// once.
#[tokio::test]
async fn whatever_part_is_lost_nobody_is_passed_over() {
    let world = world().await;
    let services = &world.services;
    for part in [
        "waiting", "inflight", "leaving", "holders", "ticks", "state",
    ] {
        let concert = world.concert(30, 2, NO_PACE).await;
        let fans: Vec<Session> = world.more_accounts(part, 12).await;
        join_all(&world, &fans[..10], &concert).await;
        run_until(services, &concert, async || {
            holders(&world, &concert).await.len() == 4
        })
        .await;
        // One account has left since the last tick, and two are in flight.
        admission::leave(services, &fans[9], concert.id)
            .await
            .unwrap();
        let taken = claim(services, &concert, Duration::ZERO).await.unwrap();
        assert_eq!(taken.entries.len(), 2);
        redis_command(&world, &["DEL"], part, &concert, &[]).await;
        join_all(&world, &fans[10..], &concert).await;
        assert_eq!(rank(services, &fans[4], &concert).await, 1, "{part}");
        let last = rank(services, &fans[11], &concert).await;
        assert!((7..=8).contains(&last), "{part}: {last}");
        let holder = queue::view(services, fans[0].account_id, concert.id).await;
        let holds = matches!(holder.unwrap().standing, Standing::Issued { .. });
        assert!(holds, "{part}");
        let refused = admission::join(services, &here(), &fans[0], concert.id).await;
        assert!(
            matches!(refused, Err(Error::Refused(Refusal::HoldsTicket))),
            "{part}: {refused:?}"
        );
        run_until(services, &concert, async || {
            holders(&world, &concert).await.len() == 11
        })
        .await;
        let order: Vec<i64> = [&fans[..9], &fans[10..]]
            .concat()
            .iter()
            .map(|fan| fan.account_id.0)
            .collect();
        assert_eq!(holders(&world, &concert).await, order, "{part}");
    }
    assert_eq!(audit(services, None).await.unwrap().violations, []);
}

/// The keys of a queue, and the names of their copies.
const KEPT: [(&str, &str); 6] = [
    ("waiting", "kept-waiting"),
    ("inflight", "kept-inflight"),
    ("leaving", "kept-leaving"),
    ("holders", "kept-holders"),
    ("state", "kept-state"),
    ("ticks", "kept-ticks"),
];

async fn copy(world: &World, concert: &Concert, from: &str, to: &str) {
    let to = format!("queue:{{{}}}:{to}", concert.id);
    let to = world.services.redis.key(to);
    redis_command(world, &["COPY"], from, concert, &[&to, "REPLACE"]).await;
}

/// Another Redis took over for a while, and then the previous one is back, with the queue it had.
#[tokio::test]
async fn a_queue_of_before_that_comes_back_is_not_shown() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(8).await;
    join_all(&world, &fans[..6], &concert).await;
    for (key, kept) in KEPT {
        copy(&world, &concert, key, kept).await;
    }
    for (key, _) in KEPT {
        redis_command(&world, &["DEL"], key, &concert, &[]).await;
    }
    admission::leave(services, &fans[0], concert.id)
        .await
        .unwrap();
    admission::leave(services, &fans[1], concert.id)
        .await
        .unwrap();
    step(&world, &concert).await;
    assert_eq!(
        rank(services, &fans[5], &concert).await,
        2,
        "two were issued tickets"
    );
    for (key, kept) in KEPT {
        redis_command(&world, &["DEL"], key, &concert, &[]).await;
        copy(&world, &concert, kept, key).await;
    }
    // A server that has only just started does not show it either.
    let other = another_server(&world.stores, &world.clock).await;
    assert_eq!(rank(&other, &fans[5], &concert).await, 2);
    for (key, kept) in KEPT {
        redis_command(&world, &["DEL"], key, &concert, &[]).await;
        copy(&world, &concert, kept, key).await;
    }
    assert_eq!(rank(services, &fans[5], &concert).await, 2);
    join_all(&world, &fans[6..], &concert).await;
    run_until(services, &concert, async || {
        holders(&world, &concert).await.len() == 6
    })
    .await;
    let order: Vec<i64> = fans[2..].iter().map(|fan| fan.account_id.0).collect();
    assert_eq!(holders(&world, &concert).await, order);
    assert_eq!(audit(services, None).await.unwrap().violations, []);
}

/// A claim from a Redis that is no longer the queue, because another one was built in the meantime.
#[tokio::test]
async fn a_queue_of_an_older_generation_issues_nothing() {
    let world = world().await;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(4).await;
    join_all(&world, &fans, &concert).await;
    let old = claim(&world.services, &concert, LEASE).await.unwrap();
    sqlx::query("UPDATE concerts SET generation = generation + 1 WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    assert!(matches!(
        issue::issue(&world.services, &old).await.unwrap(),
        Issue::OtherBuild
    ));
    // Its driver has the queue rebuilt from the journal, and goes on.
    redis_command(&world, &["HSET"], "state", &concert, &["lease_until", "1"]).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 4
    })
    .await;
    let order: Vec<i64> = fans.iter().map(|fan| fan.account_id.0).collect();
    assert_eq!(holders(&world, &concert).await, order);
}

#[tokio::test]
async fn the_pace_is_kept_when_redis_s_clock_is_set_forward() {
    let world = world().await;
    let concert = world.concert(30, 2, 3_600_000).await;
    let fans = world.accounts(8).await;
    join_all(&world, &fans, &concert).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
    for forward in [TimeDelta::milliseconds(3_599_600), TimeDelta::hours(30)] {
        set_redis_clock(&world, &concert, forward).await;
        step(&world, &concert).await;
        assert_eq!(holders(&world, &concert).await.len(), 2, "{forward}");
        // The places are released, and due when the interval is over by PostgreSQL's clock.
        assert_eq!(rank(&world.services, &fans[2], &concert).await, 1);
        let rest = step(&world, &concert).await;
        assert!(
            rest <= HOUR + Duration::from_secs(1) && rest > HOUR / 2
                || rest <= Duration::from_secs(1),
            "{rest:?}"
        );
        assert_eq!(holders(&world, &concert).await.len(), 2, "{forward}");
    }
    after_the_last_batch(&world.services, &concert, HOUR).await;
    set_redis_clock(&world, &concert, TimeDelta::hours(1)).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 4
    })
    .await;
}

/// A longer interval counts from the previous batch, and Redis receives only what PostgreSQL says
/// in the meantime.
#[tokio::test]
async fn a_batch_that_is_given_back_tells_no_revision_that_is_none() {
    let world = world().await;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(6).await;
    join_all(&world, &fans, &concert).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
    sqlx::query("UPDATE concerts SET interval_ms = 3600000 WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    step(&world, &concert).await;
    step(&world, &concert).await;
    assert_eq!(holders(&world, &concert).await.len(), 2);
    let outcome = reconcile(&world.services, concert.id, Window::Nothing)
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::There), "{outcome:?}");
    sqlx::query("UPDATE concerts SET interval_ms = 1 WHERE id = $1")
        .bind(concert.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 6
    })
    .await;
}

/// PostgreSQL's own clock may be wrong, too: an hour ahead, then corrected.
#[tokio::test]
async fn a_sale_goes_on_when_postgresql_s_clock_is_set_back() {
    let world = world().await;
    let concert = world.concert(30, 2, 400).await;
    let fans = world.accounts(4).await;
    join_all(&world, &fans, &concert).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
    sqlx::query("UPDATE concerts SET last_batch_at = now() + interval '1 hour'")
        .execute(&world.services.db)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 4
    })
    .await;
}

/// Set back by an hour: nothing is delayed by an hour.
#[tokio::test]
async fn a_sale_goes_on_when_redis_s_clock_is_set_back() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(30, 2, 400).await;
    let fans = world.accounts(6).await;
    join_all(&world, &fans, &concert).await;
    let sold = async |number| {
        run_until(services, &concert, async || {
            holders(&world, &concert).await.len() >= number
        })
        .await;
    };
    sold(2).await;
    set_redis_clock(&world, &concert, TimeDelta::hours(-1)).await;
    let rest = step(&world, &concert).await;
    assert!(rest <= Duration::from_millis(600), "{rest:?}");
    sold(4).await;
    // In the middle of a batch whose server has died.
    let dead = claim(services, &concert, Duration::from_millis(100)).await;
    let dead = match dead {
        Some(dead) => dead,
        None => {
            set_redis_clock(&world, &concert, TimeDelta::seconds(1)).await;
            claim(services, &concert, Duration::from_millis(100))
                .await
                .unwrap()
        }
    };
    assert_eq!(dead.entries.len(), 2);
    set_redis_clock(&world, &concert, TimeDelta::hours(-1)).await;
    let rest = step(&world, &concert).await;
    assert!(rest <= LEASE, "{rest:?}");
    redis_command(&world, &["HSET"], "state", &concert, &["lease_until", "1"]).await;
    sold(6).await;
    assert_eq!(audit(services, None).await.unwrap().violations, []);
}

/// A leave shows in the ranks behind within a second, even by a clock that was set back.
#[tokio::test]
async fn a_clock_that_was_set_back_hides_no_leaver() {
    let world = world().await;
    let concert = world.concert(30, 2, 3_600_000).await;
    let fans = world.accounts(6).await;
    join_all(&world, &fans, &concert).await;
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
    set_redis_clock(&world, &concert, TimeDelta::hours(-1)).await;
    admission::leave(&world.services, &fans[2], concert.id)
        .await
        .unwrap();
    let mut watching = news_of(&world.services, &concert);
    let rest = step(&world, &concert).await;
    assert!(rest <= Duration::from_secs(1), "{rest:?}");
    let told = async || {
        while let Ok(news) = watching.try_recv() {
            if matches!(&news, News::Tick(event) if event.tick.left.len() == 1) {
                return true;
            }
        }
        false
    };
    run_until(&world.services, &concert, told).await;
    assert_eq!(rank(&world.services, &fans[3], &concert).await, 1);
}

/// Regression: it used to close every sale whose concert began within those two hours, permanently.
#[tokio::test]
async fn a_server_whose_clock_is_ahead_ends_no_sale() {
    let stores = stores().await.unwrap();
    let clock = Clock::on_a_machine_ahead(TimeDelta::hours(2));
    let services = another_server(&stores, &clock).await;
    let world = World {
        services: services.clone(),
        clock,
        stores,
    };
    assert!(services.primary.is_skewed());
    let skew = services.clock.skew().unwrap() - TimeDelta::hours(2);
    assert!(skew.abs() < TimeDelta::seconds(5), "{skew}");
    let concert = world.concert(30, 2, 3_600_000).await;
    let soon = "UPDATE concerts SET starts_at = now() + interval '1 hour', ends_at = now() + interval '2 hours'";
    sqlx::query(soon).execute(&services.db).await.unwrap();
    let fan = world.accounts(1).await.remove(0);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(scheduler::run(services.clone(), LEASE, stop.clone()));
    admission::join(&services, &here(), &fan, concert.id)
        .await
        .unwrap();
    run_until(&services, &concert, async || {
        holders(&world, &concert).await.len() == 1
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    let concert = concerts::find(&services, concert.id).await.unwrap();
    assert_eq!(concert.sale().state, SaleState::Open);
}

/// A standby without the last commits was promoted. Redis still knows their contents.
#[tokio::test]
async fn what_postgresql_has_lost_is_put_back_as_far_as_redis_knows_it() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(7).await;
    join_all(&world, &fans[..6], &concert).await;
    run_until(services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
    let fourth = queue::view(services, fans[4].account_id, concert.id)
        .await
        .unwrap();
    // The first account has lost its place and ticket, the second its ticket, the fifth its place.
    for lost in [
        "DELETE FROM tickets WHERE concert_id = $1",
        "UPDATE queue_entries SET state = 'waiting' WHERE concert_id = $1 AND state = 'issued'",
        "DELETE FROM queue_entries WHERE concert_id = $1 AND account_id IN
            (SELECT id FROM accounts WHERE account_name IN ('fan1', 'fan5'))",
    ] {
        sqlx::query(lost)
            .bind(concert.id.0)
            .execute(&services.db)
            .await
            .unwrap();
    }
    let timeline = services.primary.timeline();
    assert!(timeline > 0, "PostgreSQL tells it");
    let before = (timeline - 1).to_string();
    redis_command(&world, &["HSET"], "state", &concert, &["timeline", &before]).await;

    step(&world, &concert).await;
    join_all(&world, &fans[6..], &concert).await;
    run_until(services, &concert, async || {
        holders(&world, &concert).await.len() == 6
    })
    .await;
    let order: Vec<i64> = fans[1..].iter().map(|fan| fan.account_id.0).collect();
    assert_eq!(holders(&world, &concert).await, order);
    let tickets = live_tickets(services, &concert).await;
    assert_eq!(tickets[3].1, arrival(&fourth).0);
    let violations = audit(services, None).await.unwrap().violations;
    let [lost] = &violations[..] else {
        panic!("{violations:?}");
    };
    assert_eq!(lost.kind, Kind::Lost);
    assert!(
        lost.detail.contains(&fans[0].account_id.to_string()),
        "{lost}"
    );
    // The account may join again.
    let view = admission::join(services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(view.standing, Standing::Waiting { .. }));
}

/// A join may come before the first comparison with the new primary.
#[tokio::test]
async fn a_lost_ticket_is_noted_though_its_holder_joins_again_first() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(1).await;
    join_all(&world, &fans, &concert).await;
    run_until(services, &concert, async || {
        holders(&world, &concert).await.len() == 1
    })
    .await;
    for lost in [
        "DELETE FROM tickets WHERE concert_id = $1",
        "DELETE FROM queue_entries WHERE concert_id = $1",
    ] {
        sqlx::query(lost)
            .bind(concert.id.0)
            .execute(&services.db)
            .await
            .unwrap();
    }
    let before = (services.primary.timeline() - 1).to_string();
    redis_command(&world, &["HSET"], "state", &concert, &["timeline", &before]).await;
    let view = admission::join(services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(view.standing, Standing::Waiting { .. }));
    let noted: Vec<i64> =
        sqlx::query_scalar("SELECT unnest(holders) FROM lost_commits WHERE concert_id = $1")
            .bind(concert.id.0)
            .fetch_all(&services.db)
            .await
            .unwrap();
    assert_eq!(noted, [fans[0].account_id.0]);
}

/// The commit that built the queue may be among those lost. PostgreSQL then knows only an earlier
/// build, but the places are not those of an outdated queue.
#[tokio::test]
async fn a_queue_whose_build_postgresql_has_lost_is_put_back_on_record() {
    let world = world().await;
    let services = &world.services;
    for by_claim in [false, true] {
        let concert = world.concert(5, 2, NO_PACE).await;
        let name = format!("built{by_claim}");
        let fans = world.more_accounts(&name, 45).await;
        join_all(&world, &fans[..4], &concert).await;
        for lost in [
            "DELETE FROM queue_entries WHERE concert_id = $1",
            "UPDATE concerts SET generation = generation - 1000000, last_claim = 0 WHERE id = $1",
        ] {
            sqlx::query(lost)
                .bind(concert.id.0)
                .execute(&services.db)
                .await
                .unwrap();
        }
        if by_claim {
            step(&world, &concert).await;
        }
        // Many requests detect it at once: they must not take all connections from the one that
        // repairs it.
        let from = here();
        let joining = fans[4..]
            .iter()
            .map(|fan| admission::join(services, &from, fan, concert.id));
        for joined in futures::future::join_all(joining).await {
            joined.unwrap();
        }
        // Earlier arrivals are still ahead.
        assert!(rank(services, &fans[4], &concert).await >= 5);
        assert_eq!(rank(services, &fans[3], &concert).await, 4);
        run_until(services, &concert, async || {
            holders(&world, &concert).await.len() == 5
        })
        .await;
        let order: Vec<i64> = fans[..4].iter().map(|fan| fan.account_id.0).collect();
        assert_eq!(holders(&world, &concert).await[..4], order);
    }
    assert_eq!(audit(services, None).await.unwrap().violations, []);
}

/// Regression: a revision that PostgreSQL no longer knows used to overrule all later ones.
#[tokio::test]
async fn a_sale_that_was_steered_in_a_lost_commit_is_steered_again() {
    let world = world().await;
    let concert = world.concert(30, 2, NO_PACE).await;
    let fans = world.accounts(2).await;
    join_all(&world, &fans, &concert).await;
    let paused = ["revision", "1000000", "state", "paused"];
    redis_command(&world, &["HSET"], "state", &concert, &paused).await;
    let outcome = reconcile(&world.services, concert.id, Window::Nothing)
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Busy), "{outcome:?}");
    run_until(&world.services, &concert, async || {
        holders(&world, &concert).await.len() == 2
    })
    .await;
}

/// More waiting accounts than fit in a page of the journal, and many more that have left.
#[tokio::test]
async fn a_large_queue_is_built_and_ended_by_pages() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(30, 2, 3_600_000).await;
    let fans = world.accounts(12_001).await;
    let entries = "INSERT INTO queue_entries (concert_id, arrival, account_id, joined_rank, state)
        SELECT $1, $2 + row_number() OVER (ORDER BY id DESC), id, 1, $3 FROM accounts WHERE account_name LIKE 'fan%'";
    for (after, state) in [
        (1_000_000, "left"),
        (2_000_000, "waiting"),
        (1_500_000, "left"),
    ] {
        sqlx::query(entries)
            .bind(concert.id.0)
            .bind(after)
            .bind(state)
            .execute(&services.db)
            .await
            .unwrap();
    }
    reconcile(services, concert.id, Window::Nothing)
        .await
        .unwrap();
    // The account that arrived last has the lowest id.
    assert_eq!(rank(services, &fans[0], &concert).await, 12_001);
    assert_eq!(rank(services, &fans[12_000], &concert).await, 1);
    let whole = reconcile(services, concert.id, Window::Everything)
        .await
        .unwrap();
    let Outcome::Agreed(mark) = whole else {
        panic!("{whole:?}");
    };
    assert_eq!(mark.compared, 12_001);
    // All have expired except the one row that is locked.
    let mut holding = services::stores::begin(&services.db).await.unwrap();
    sqlx::query("SELECT FROM queue_entries WHERE concert_id = $1 AND arrival = 2000005 FOR UPDATE")
        .bind(concert.id.0)
        .execute(&mut *holding)
        .await
        .unwrap();
    support::queue::set_state(&world, &concert, "closed").await;
    let waiting = async || -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM queue_entries WHERE concert_id = $1 AND state = 'waiting'",
        )
        .bind(concert.id.0)
        .fetch_one(&services.db)
        .await
        .unwrap()
    };
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(scheduler::run(services.clone(), LEASE, stop.clone()));
    run_until(services, &concert, async || waiting().await == 1).await;
    holding.rollback().await.unwrap();
    run_until(services, &concert, async || waiting().await == 0).await;
    stop.cancel();
    running.await.unwrap();
}

/// Regression: the journal used to write all concerts in one sequence, so that locked rows of one
/// concert delayed the others.
#[tokio::test]
async fn concerts_whose_rows_are_locked_keep_no_other_waiting() {
    let world = world().await;
    let services = &world.services;
    let fans = world.accounts(2).await;
    let mut concerts = Vec::new();
    // More of them are locked than the journal has connections.
    for _ in 0..7 {
        let concert = world.concert(30, 2, 3_600_000).await;
        queue::view(services, fans[0].account_id, concert.id)
            .await
            .unwrap();
        concerts.push(concert);
    }
    let free = concerts.pop().unwrap();
    let ids: Vec<i64> = concerts.iter().map(|concert| concert.id.0).collect();
    let mut holding = services::stores::begin(&services.db).await.unwrap();
    sqlx::query("SELECT FROM concerts WHERE id = ANY($1) FOR UPDATE")
        .bind(ids)
        .execute(&mut *holding)
        .await
        .unwrap();
    // Held for as long as it takes.
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut *holding)
        .await
        .unwrap();
    let mut stuck = tokio::task::JoinSet::new();
    for concert in &concerts {
        for fan in &fans {
            let (services, fan, id) = (services.clone(), fan.clone(), concert.id);
            stuck.spawn(async move { admission::join(&services, &here(), &fan, id).await });
        }
    }
    let all_wait = async {
        while waiting_for_locks(&world).await < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_wait)
        .await
        .expect("as many wait as the journal has connections");
    for fan in &fans {
        admission::join(services, &here(), fan, free.id)
            .await
            .unwrap();
        admission::leave(services, fan, free.id).await.unwrap();
    }
    // The rows were locked throughout: no other join has succeeded, though some may have given up.
    while let Some(given_up) = stuck.try_join_next() {
        assert!(given_up.unwrap().is_err());
    }
    holding.rollback().await.unwrap();
    while let Some(joined) = stuck.join_next().await {
        drop(joined.unwrap());
    }
}

/// Returns how many statements wait for a row that another transaction holds.
async fn waiting_for_locks(world: &World) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    .fetch_one(&world.services.db)
    .await
    .unwrap()
}

#[tokio::test]
async fn nobody_gives_up_a_place_of_somebody_else() {
    let world = world().await;
    let concert = world.concert(30, 2, 3_600_000).await;
    let fans = world.accounts(2).await;
    join_all(&world, &fans, &concert).await;
    let first = queue::view(&world.services, fans[0].account_id, concert.id)
        .await
        .unwrap();
    let leave = queue::Leave {
        concert: concert.id,
        account: fans[1].account_id,
        arrival: arrival(&first),
    };
    assert!(!world.services.journal.leave(leave).await.unwrap());
    assert_eq!(rank(&world.services, &fans[0], &concert).await, 1);
}
