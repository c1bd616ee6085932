//! The audit finds every kind of broken promise that is planted, and nothing in a sale that is
//! whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::concerts::Concert;
use services::admission;
use services::queue::audit::{Kind, audit};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use support::queue::{LEASE, rest_for};
use support::{World, here, world};

/// Creates a sale of five accounts: two hold tickets, two wait, one has left.
async fn sale() -> (World, Concert) {
    let world = world().await;
    let concert = world.concert(2, 10, 1).await;
    let fans = world.accounts(5).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    admission::leave(&world.services, &fans[4], concert.id)
        .await
        .unwrap();
    let mut progress = Progress::default();
    loop {
        let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
        let rest = scheduler::step(&world.services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
        if sale.stock == 0 {
            break;
        }
        rest_for(rest).await;
    }
    (world, concert)
}

/// Returns the kinds of violations found after these statements, which drop constraints that are in
/// the way.
async fn found_after(statements: &[&'static str]) -> Vec<Kind> {
    let (world, concert) = sale().await;
    for statement in statements {
        sqlx::query(*statement)
            .execute(&world.services.db)
            .await
            .unwrap();
    }
    found(&world, &concert).await
}

async fn found(world: &World, concert: &Concert) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = audit(&world.services, Some(concert.id))
        .await
        .unwrap()
        .violations
        .into_iter()
        .map(|v| v.kind)
        .collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_sale_that_is_whole_breaks_nothing() {
    let (world, _) = sale().await;
    let report = audit(&world.services, None).await.unwrap();
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    assert_eq!(
        (
            report.concerts,
            report.entries,
            report.waiting,
            report.tickets,
            report.live
        ),
        (1, 5, 2, 2, 2)
    );
}

#[tokio::test]
async fn more_tickets_than_capacity() {
    let drop = "ALTER TABLE concerts DROP CONSTRAINT concerts_never_oversold";
    assert_eq!(
        found_after(&[drop, "UPDATE concerts SET capacity = 1"]).await,
        [Kind::Oversold]
    );
    assert_eq!(
        found_after(&["UPDATE concerts SET issued = 1"]).await,
        [Kind::Oversold]
    );
}

#[tokio::test]
async fn two_tickets_of_one_account() {
    let drop = "DROP INDEX tickets_one_live";
    let steal = "UPDATE tickets SET account_id = (SELECT min(account_id) FROM tickets)";
    let kinds = found_after(&[drop, steal]).await;
    assert!(kinds.contains(&Kind::Duplicate), "{kinds:?}");
}

#[tokio::test]
async fn two_places_of_one_account() {
    let drop = "DROP INDEX queue_entries_one_place";
    let copy =
        "INSERT INTO queue_entries SELECT concert_id, arrival + 1000000, account_id, 1, 'waiting'
                  FROM queue_entries WHERE state = 'waiting' LIMIT 1";
    let kinds = found_after(&[drop, copy]).await;
    assert!(kinds.contains(&Kind::Duplicate), "{kinds:?}");
}

#[tokio::test]
async fn somebody_who_was_passed_over() {
    let earlier = "UPDATE queue_entries SET arrival = 1 WHERE arrival = (SELECT max(arrival) FROM queue_entries WHERE state = 'waiting')";
    let kinds = found_after(&[earlier]).await;
    assert!(kinds.contains(&Kind::Inversion), "{kinds:?}");
    let swap = "UPDATE tickets SET serial = serial + 10 WHERE serial = 1";
    assert_eq!(found_after(&[swap]).await, [Kind::Inversion]);
}

#[tokio::test]
async fn an_issued_entry_without_a_ticket_and_a_ticket_without_an_entry() {
    let kinds = found_after(&["DELETE FROM tickets WHERE serial = 2"]).await;
    assert!(kinds.contains(&Kind::Vanished), "{kinds:?}");
    let kinds =
        found_after(&["UPDATE queue_entries SET state = 'left' WHERE state = 'issued'"]).await;
    assert_eq!(kinds, [Kind::Vanished]);
}

#[tokio::test]
async fn stores_that_disagree() {
    for (key, command) in [("waiting", "ZPOPMIN"), ("holders", "SPOP")] {
        let (world, concert) = sale().await;
        let key = world
            .services
            .redis
            .key(format_args!("queue:{{{}}}:{key}", concert.id));
        redis::cmd(command)
            .arg(key)
            .exec_async(&mut world.services.redis.connection())
            .await
            .unwrap();
        assert_eq!(found(&world, &concert).await, [Kind::Disagreement]);
    }
    let kinds =
        found_after(&["UPDATE queue_entries SET state = 'left' WHERE state = 'waiting'"]).await;
    assert_eq!(kinds, [Kind::Disagreement]);
}

#[tokio::test]
async fn a_sale_that_went_too_fast_ended_early_or_stood_still() {
    let slower = "UPDATE concerts SET batch_size = 1, interval_ms = 3600000";
    assert_eq!(found_after(&[slower]).await, [Kind::TooFast]);
    let closed = "UPDATE concerts SET state = 'closed'";
    assert_eq!(found_after(&[closed]).await, [Kind::EndedEarly]);
    let expired = "UPDATE queue_entries SET state = 'expired' WHERE state = 'waiting'";
    let kinds = found_after(&[expired]).await;
    assert_eq!(kinds, [Kind::EndedEarly, Kind::Disagreement]);
    let later = "UPDATE tickets SET issued_at = issued_at + interval '5 minutes' WHERE serial = 2";
    assert_eq!(found_after(&[later]).await, [Kind::StoodStill]);
}

#[tokio::test]
async fn a_ticket_that_postgresql_has_lost() {
    let noted = "INSERT INTO lost_commits (noticed_at, concert_id, places, holders)
                 SELECT now(), id, 3, '{7}' FROM concerts";
    assert_eq!(found_after(&[noted]).await, [Kind::Lost]);
}
