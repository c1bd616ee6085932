//! Changes by an organiser take effect at once, and PostgreSQL never oversells (P1).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use model::Refusal;
use model::accounts::Role;
use model::concerts::{Changed, Concert, ConcertDetails, SaleState, Steering};
use model::queue::Standing;
use services::admission;
use services::queue;
use services::queue::issue::{self, Claim};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress, UNTIL_WOKEN};
use services::sessions::Session;
use services::{Services, concerts};
use std::time::Duration;
use support::queue::{LEASE, NO_PACE, issue, live_tickets, nothing_to_note, run_until};
use support::{World, another_server, here, session, world};

/// Creates a sale by "mina" without a pace, and `fans` accounts that wait for it, in order.
async fn sale(world: &World, capacity: u32, batch_size: u32, fans: i64) -> Sale {
    let by = world.organiser("mina").await;
    let details = ConcertDetails {
        capacity,
        batch_size,
        interval_ms: NO_PACE,
        ..world.details()
    };
    let concert = concerts::create(&world.services, &by, details.clone())
        .await
        .unwrap();
    let fans = world.accounts(fans).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    Sale {
        by,
        details,
        concert,
        fans,
    }
}

struct Sale {
    by: Session,
    details: ConcertDetails,
    concert: Concert,
    fans: Vec<Session>,
}

/// Returns the claim of a server that knows the sale as `known`. Returns `None` if nothing may be
/// claimed, however long it waits.
async fn claim(services: &Services, concert: &Concert, known: &SaleRow) -> Option<Claim> {
    loop {
        let (rest, claim) =
            scheduler::claim(services, concert.id, known, LEASE, &mut Progress::default())
                .await
                .unwrap();
        if claim.is_some() || rest == UNTIL_WOKEN {
            return claim;
        }
        assert!(rest < Duration::from_secs(1), "to wait for {rest:?}");
        tokio::time::sleep(rest).await;
    }
}

/// Issues a claim and acknowledges it. Returns the accounts that hold a ticket by now, in order.
async fn carry_out(services: &Services, concert: &Concert, claim: &Claim) -> Vec<i64> {
    let issued = issue(services, claim).await.unwrap();
    scheduler::acknowledge(services, claim, &issued)
        .await
        .unwrap();
    live_tickets(services, concert)
        .await
        .into_iter()
        .map(|(account, ..)| account)
        .collect()
}

async fn changed(services: &Services, by: &Session, concert: &Concert) -> Vec<Changed> {
    concerts::changes(services, by, concert.id)
        .await
        .unwrap()
        .into_iter()
        .map(|change| change.changed)
        .collect()
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
    let by = session(fans[0].account_id.0, Role::Admin);
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
        admission::join(&world.services, &here(), &fan, concert.id)
            .await
            .unwrap();
    }
    // The server read this row before the change: it is older than what the queue received, and
    // does not overrule it.
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
        &mut Progress::default(),
    )
    .await
    .unwrap()
    .1
    .unwrap();
    assert_eq!(claim.entries.len(), 2);
    concerts::steer(&world.services, &by, concert.id, Steering::Pause)
        .await
        .unwrap();
    // Paused between the claim and the transaction: nothing is issued, and every account keeps its
    // place.
    let issued = issue(&world.services, &claim).await.unwrap();
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
            &mut Progress::default()
        )
        .await
        .unwrap()
        .1
        .is_none()
    );
    assert!(live_tickets(&world.services, &concert).await.is_empty());
}

#[tokio::test]
async fn a_shorter_interval_counts_at_once() {
    let world = world().await;
    let concert = world.concert(30, 1, 3_600_000).await;
    for fan in world.accounts(2).await {
        admission::join(&world.services, &here(), &fan, concert.id)
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

#[tokio::test]
async fn a_pause_on_one_server_holds_all_and_resuming_goes_on_in_order() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let Sale {
        by, concert, fans, ..
    } = sale(&world, 30, 2, 6).await;
    // As the other server read it before the pause.
    let known = SaleRow::find(&other.db, concert.id).await.unwrap();
    let first = claim(&other, &concert, &known).await.unwrap();
    assert_eq!(carry_out(&other, &concert, &first).await.len(), 2);

    let paused = concerts::steer(&world.services, &by, concert.id, Steering::Pause)
        .await
        .unwrap();
    assert_eq!(paused.state, SaleState::Paused);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(claim(&other, &concert, &known).await.is_none());
    // Joins are still accepted.
    let late = world.organiser("late").await;
    admission::join(&other, &here(), &late, concert.id)
        .await
        .unwrap();

    let resumed = concerts::steer(&other, &by, concert.id, Steering::Resume)
        .await
        .unwrap();
    assert_eq!(resumed.state, SaleState::Open);
    let mut issued = Vec::new();
    while let Some(batch) = claim(&world.services, &concert, &known).await {
        issued = carry_out(&world.services, &concert, &batch).await;
    }
    let order = fans.iter().chain([&late]).map(|fan| fan.account_id.0);
    assert_eq!(issued, order.collect::<Vec<_>>());
}

#[tokio::test]
async fn steering_a_sale_to_its_end_is_for_everybody_and_for_good() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let Sale {
        by, concert, fans, ..
    } = sale(&world, 30, 1, 4).await;
    let known = SaleRow::find(&other.db, concert.id).await.unwrap();
    let first = claim(&other, &concert, &known).await.unwrap();
    carry_out(&other, &concert, &first).await;
    let in_flight = claim(&other, &concert, &known).await.unwrap();

    let closed = concerts::steer(&world.services, &by, concert.id, Steering::Close)
        .await
        .unwrap();
    assert_eq!(closed.state, SaleState::Closed);
    // Claimed before the close and carried out after it: nothing is issued any more.
    assert_eq!(carry_out(&other, &concert, &in_flight).await.len(), 1);
    assert!(claim(&other, &concert, &known).await.is_none());
    for (n, fan) in fans.iter().enumerate() {
        for services in [&world.services, &other] {
            let view = queue::view(services, fan.account_id, concert.id)
                .await
                .unwrap();
            match n {
                0 => assert!(matches!(view.standing, Standing::Issued { .. })),
                _ => assert_eq!(view.standing, Standing::Expired),
            }
        }
    }

    for action in [Steering::Resume, Steering::Pause] {
        let refused = concerts::steer(&other, &by, concert.id, action)
            .await
            .unwrap_err();
        assert_eq!(refused.refusal(), Refusal::SaleClosed);
    }
    concerts::steer(&other, &by, concert.id, Steering::Close)
        .await
        .unwrap();
    let joined = admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap_err();
    assert_eq!(joined.refusal(), Refusal::SaleClosed);
    assert!(claim(&other, &concert, &known).await.is_none());
    assert_eq!(
        changed(&world.services, &by, &concert).await,
        [Changed::State {
            old: SaleState::Open,
            new: SaleState::Closed
        }]
    );
}

#[tokio::test]
async fn steering_batch_interval_and_capacity_counts_from_the_next_claim() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let Sale {
        by,
        details,
        concert,
        fans,
    } = sale(&world, 5, 2, 9).await;
    let change = async |details: ConcertDetails| {
        concerts::update(&world.services, &by, concert.id, details).await
    };
    let slow = ConcertDetails {
        interval_ms: 3_600_000,
        ..details.clone()
    };
    change(slow.clone()).await.unwrap();
    // Both servers know the sale as it is now, and receive later changes from Redis alone.
    let known = SaleRow::find(&other.db, concert.id).await.unwrap();
    let batch = claim(&other, &concert, &known).await.unwrap();
    assert_eq!(carry_out(&other, &concert, &batch).await.len(), 2);
    nothing_to_note(&world, &concert).await;
    let (rest, _) = scheduler::claim(&other, concert.id, &known, LEASE, &mut Progress::default())
        .await
        .unwrap();
    assert!(rest > Duration::from_secs(3000), "{rest:?}");

    let faster = ConcertDetails {
        batch_size: 4,
        ..details.clone()
    };
    change(faster.clone()).await.unwrap();
    let batch = claim(&other, &concert, &known).await.unwrap();
    // The batch size is four, but only three tickets are left.
    assert_eq!(batch.entries.len(), 3);
    assert_eq!(carry_out(&other, &concert, &batch).await.len(), 5);
    assert!(claim(&other, &concert, &known).await.is_none());

    change(ConcertDetails {
        capacity: 8,
        ..faster.clone()
    })
    .await
    .unwrap();
    let batch = claim(&world.services, &concert, &known).await.unwrap();
    let issued = carry_out(&world.services, &concert, &batch).await;
    let order = fans.iter().map(|fan| fan.account_id.0);
    assert_eq!(issued, order.take(8).collect::<Vec<_>>());
    let refused = change(ConcertDetails {
        capacity: 7,
        ..faster
    })
    .await
    .unwrap_err();
    assert_eq!(
        refused.refusal(),
        Refusal::CapacityBelowIssued { issued: 8 }
    );
    // Refused changes are not recorded.
    assert_eq!(
        changed(&world.services, &by, &concert).await,
        [
            Changed::Capacity { old: 5, new: 8 },
            Changed::IntervalMs {
                old: 3_600_000,
                new: 1
            },
            Changed::BatchSize { old: 2, new: 4 },
            Changed::IntervalMs {
                old: 1,
                new: 3_600_000
            },
        ]
    );
}

#[tokio::test]
async fn steering_is_recorded_with_who_and_when() {
    let world = world().await;
    let Sale {
        by,
        details,
        concert,
        ..
    } = sale(&world, 30, 2, 0).await;
    let admin = Session {
        role: Role::Admin,
        ..world.organiser("boss").await
    };
    // No change to the sale, so nothing is recorded.
    let renamed = ConcertDetails {
        title: "High Tide".into(),
        ..details.clone()
    };
    concerts::update(&world.services, &by, concert.id, renamed.clone())
        .await
        .unwrap();
    assert!(changed(&world.services, &by, &concert).await.is_empty());

    let paused_at = world.clock.now();
    concerts::steer(&world.services, &by, concert.id, Steering::Pause)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::hours(3));
    let moved_at = world.clock.now();
    let moved = ConcertDetails {
        starts_at: concert.starts_at + TimeDelta::hours(1),
        ends_at: concert.ends_at + TimeDelta::hours(1),
        sale_opens_at: concert.sale_opens_at + TimeDelta::hours(1),
        ..renamed
    };
    concerts::update(&world.services, &admin, concert.id, moved)
        .await
        .unwrap();
    // A clock that is set back does not change the order of the record.
    world.clock.advance(TimeDelta::hours(-2));
    let resumed_at = world.clock.now();
    concerts::steer(&world.services, &admin, concert.id, Steering::Resume)
        .await
        .unwrap();

    let changes = concerts::changes(&world.services, &by, concert.id)
        .await
        .unwrap();
    let hour_later = |old| (old, old + TimeDelta::hours(1));
    let (opens, starts) = (
        hour_later(concert.sale_opens_at),
        hour_later(concert.starts_at),
    );
    let (open, paused) = (SaleState::Open, SaleState::Paused);
    let expected = [
        (
            "boss",
            resumed_at,
            Changed::State {
                old: paused,
                new: open,
            },
        ),
        (
            "boss",
            moved_at,
            Changed::StartsAt {
                old: starts.0,
                new: starts.1,
            },
        ),
        (
            "boss",
            moved_at,
            Changed::SaleOpensAt {
                old: opens.0,
                new: opens.1,
            },
        ),
        (
            "mina",
            paused_at,
            Changed::State {
                old: open,
                new: paused,
            },
        ),
    ];
    assert_eq!(changes.len(), expected.len());
    for (change, (by, at, changed)) in changes.iter().zip(expected) {
        assert_eq!((change.by.as_deref(), change.changed), (Some(by), changed));
        let later = change.at - at;
        assert!(
            later > TimeDelta::milliseconds(-1) && later < TimeDelta::minutes(1),
            "{later}"
        );
    }
}

#[tokio::test]
async fn only_whoever_may_edit_steers() {
    let world = world().await;
    let Sale {
        by, concert, fans, ..
    } = sale(&world, 30, 2, 1).await;
    let other = world.organiser("other").await;
    for stranger in [&fans[0], &other] {
        for action in [Steering::Pause, Steering::Resume, Steering::Close] {
            let refused = concerts::steer(&world.services, stranger, concert.id, action)
                .await
                .unwrap_err();
            assert_eq!(refused.refusal(), Refusal::Forbidden);
        }
        let refused = concerts::changes(&world.services, stranger, concert.id)
            .await
            .unwrap_err();
        assert_eq!(refused.refusal(), Refusal::Forbidden);
    }
    let found = concerts::find(&world.services, concert.id).await.unwrap();
    assert_eq!(found.state, SaleState::Open);
    let admin = session(other.account_id.0, Role::Admin);
    concerts::steer(&world.services, &admin, concert.id, Steering::Pause)
        .await
        .unwrap();
    assert_eq!(changed(&world.services, &by, &concert).await.len(), 1);

    let nowhere = model::concerts::ConcertId(99_999);
    let unknown = concerts::steer(&world.services, &admin, nowhere, Steering::Pause)
        .await
        .unwrap_err();
    assert_eq!(unknown.refusal(), Refusal::NotFound);
}

#[tokio::test]
async fn steering_again_changes_and_records_nothing() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let Sale { by, concert, .. } = sale(&world, 30, 2, 0).await;
    concerts::steer(&world.services, &by, concert.id, Steering::Resume)
        .await
        .unwrap();
    assert!(changed(&other, &by, &concert).await.is_empty());

    let pauses = (0..20).map(|n| {
        let services = if n % 2 == 0 { &world.services } else { &other };
        concerts::steer(services, &by, concert.id, Steering::Pause)
    });
    for paused in join_all(pauses).await {
        assert_eq!(paused.unwrap().state, SaleState::Paused);
    }
    assert_eq!(
        changed(&other, &by, &concert).await,
        [Changed::State {
            old: SaleState::Open,
            new: SaleState::Paused
        }]
    );
}

#[tokio::test]
async fn a_sale_whose_concert_has_begun_cannot_be_steered_on() {
    let world = world().await;
    let Sale { by, concert, .. } = sale(&world, 30, 2, 0).await;
    concerts::steer(&world.services, &by, concert.id, Steering::Pause)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::days(31));
    // The scheduler has not closed it yet.
    let refused = concerts::steer(&world.services, &by, concert.id, Steering::Resume)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal(), Refusal::SaleClosed);
}
