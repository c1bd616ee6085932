//! What an organiser changes takes effect at once, and nothing makes PostgreSQL oversell (P1).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::Refusal;
use model::concerts::ConcertDetails;
use services::concerts;
use services::queue;
use services::queue::issue;
use services::queue::sale::SaleRow;
use services::queue::scheduler;
use std::time::Duration;
use support::queue::{NO_PACE, live_tickets, run_until, set_state};
use support::world;

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
    set_state(&world, &concert, "paused").await;
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
