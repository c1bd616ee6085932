//! Leaving, cancelling a ticket, and the effect of both on the places behind (P6).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::Refusal;
use model::queue::Standing;
use model::tickets::TicketId;
use services::admission;
use services::queue;
use services::queue::News;
use services::queue::issue;
use services::queue::reconcile::{self, Window};
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::sessions::Session;
use services::tickets;
use std::time::Duration;
use support::queue::{
    LEASE, NO_PACE, arrival, claim, issue, live_tickets, news_of, rank, run_until, set_state,
};
use support::{here, world};

#[tokio::test]
async fn leaving_moves_everybody_behind_up_and_rejoining_goes_to_the_end() {
    let world = world().await;
    let concert = world.concert(30, 10, 1000).await;
    let fans = world.accounts(5).await;
    // Paused, so that no ticket is issued in the meantime.
    set_state(&world, &concert, "paused").await;
    let mut first = None;
    for fan in &fans {
        let view = admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
        first.get_or_insert(arrival(&view));
    }
    for _ in 0..2 {
        let left = admission::leave(&world.services, &fans[0], concert.id)
            .await
            .unwrap();
        assert_eq!(left.standing, Standing::Left);
    }
    let again = admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    assert!(arrival(&again) > first.unwrap());
    // The tick that notifies the others comes within a second.
    let mut watcher = news_of(&world.services, &concert);
    let mut mine = queue::view(&world.services, fans[3].account_id, concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        while let Ok(news) = watcher.try_recv() {
            if let News::Tick(event) = news {
                mine.apply(&event.tick);
            }
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
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
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
    let back = admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(back.standing, Standing::Waiting { rank: 2, .. }));
    let seen = tickets::find(&world.services, &fans[1], TicketId(ticket.id.0))
        .await
        .unwrap_err();
    assert_eq!(seen.refusal(), Refusal::NotFound);
}

#[tokio::test]
async fn someone_who_leaves_while_in_flight_gets_no_ticket() {
    let world = world().await;
    let concert = world.concert(30, 3, NO_PACE).await;
    let fans = world.accounts(4).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    let claim = claim(&world.services, &concert, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        admission::leave(&world.services, &fans[1], concert.id)
            .await
            .unwrap()
            .standing,
        Standing::Left
    );
    let issued = issue(&world.services, &claim).await.unwrap();
    use issue::Outcome::*;
    assert_eq!(issued.outcomes, [Issued, Dropped, Issued]);
    assert!(
        scheduler::acknowledge(&world.services, &claim, &issued)
            .await
            .unwrap()
    );
    assert_eq!(rank(&world.services, &fans[3], &concert).await, 1);
    // The opposite order: the ticket was issued before the leave was recorded.
    let issued = admission::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    assert!(matches!(issued.standing, Standing::Issued { .. }));
}

/// An account that has left and was in no tick yet still counts; otherwise the next tick would
/// count it twice.
#[tokio::test]
async fn a_rank_read_between_two_ticks_stays_true_over_the_next() {
    let world = world().await;
    let concert = world.concert(30, 10, 1000).await;
    set_state(&world, &concert, "paused").await;
    let fans = world.accounts(3).await;
    for fan in &fans {
        admission::join(&world.services, &here(), fan, concert.id)
            .await
            .unwrap();
    }
    let mut watching = news_of(&world.services, &concert);
    let mut before = queue::view(&world.services, fans[2].account_id, concert.id)
        .await
        .unwrap();
    admission::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    let mut between = queue::view(&world.services, fans[2].account_id, concert.id)
        .await
        .unwrap();
    let mut progress = Progress {
        newest: Some(between.tick),
        ..Progress::default()
    };
    while progress.newest == Some(between.tick) {
        let sale = SaleRow::find(&world.services.db, concert.id).await.unwrap();
        scheduler::step(&world.services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
    }
    let tick = loop {
        if let News::Tick(event) = watching.recv().await.unwrap() {
            break event.tick;
        }
    };
    for view in [&mut before, &mut between] {
        assert_eq!(view.apply(&tick), model::queue::Applied::Yes);
        assert!(
            matches!(view.standing, Standing::Waiting { rank: 2, .. }),
            "{view:?}"
        );
    }
}

/// A server died after the journal had recorded the leave and before Redis was updated.
#[tokio::test]
async fn a_place_that_was_left_is_not_waiting_whatever_redis_says() {
    let world = world().await;
    let concert = world.concert(30, 10, NO_PACE).await;
    let fans = world.accounts(2).await;
    let mut arrivals = Vec::new();
    for fan in &fans {
        arrivals.push(arrival(
            &admission::join(&world.services, &here(), fan, concert.id)
                .await
                .unwrap(),
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
    // Joining again gives a new place, which is on disk and ends in a ticket.
    let again = admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();
    assert!(arrival(&again) > arrivals[1]);
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
}

/// A reconcile has read the journal a moment ago, and may put back an account that has left since.
#[tokio::test]
async fn someone_who_left_is_not_put_back_by_an_old_reading_of_the_journal() {
    let world = world().await;
    let concert = world.concert(30, 10, 3_600_000).await;
    let fans = world.accounts(2).await;
    let place = arrival(
        &admission::join(&world.services, &here(), &fans[0], concert.id)
            .await
            .unwrap(),
    );
    admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();
    admission::leave(&world.services, &fans[0], concert.id)
        .await
        .unwrap();
    let before = queue::view(&world.services, fans[1].account_id, concert.id)
        .await
        .unwrap();
    let old = reconcile::Entry {
        account: fans[0].account_id,
        arrival: place,
        standing: reconcile::Standing::Waiting,
    };
    assert!(
        reconcile::mend(&world.services, concert.id, &[old])
            .await
            .unwrap()
    );
    let waiting: i64 = redis::cmd("ZCARD")
        .arg(
            world
                .services
                .redis
                .key(format_args!("queue:{{{}}}:waiting", concert.id)),
        )
        .query_async(&mut world.services.redis.connection())
        .await
        .unwrap();
    assert_eq!(waiting, 1);
    let after = queue::view(&world.services, fans[1].account_id, concert.id)
        .await
        .unwrap();
    assert_eq!(
        (after.tick, after.standing),
        (before.tick, before.standing),
        "not even for a moment"
    );
}

/// A server dies when a cancelled ticket is recorded and Redis does not know about it.
#[tokio::test]
async fn whoever_gave_a_ticket_back_is_no_holder_for_long() {
    let world = world().await;
    let concert = world.concert(1, 1, NO_PACE).await;
    let fans = world.accounts(1).await;
    let window = match reconcile::reconcile(&world.services, concert.id, Window::Everything).await {
        Ok(reconcile::Outcome::Agreed(mark)) => Window::Since(mark),
        _ => Window::Everything,
    };
    admission::join(&world.services, &here(), &fans[0], concert.id)
        .await
        .unwrap();
    run_until(&world.services, &concert, async || {
        live_tickets(&world.services, &concert).await.len() == 1
    })
    .await;
    let id: i64 = sqlx::query_scalar("SELECT id FROM tickets")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    tickets::cancel(&world.services, &fans[0], TicketId(id))
        .await
        .unwrap();
    let holders = world
        .services
        .redis
        .key(format_args!("queue:{{{}}}:holders", concert.id));
    let mut redis = world.services.redis.connection();
    redis::cmd("SADD")
        .arg(&holders)
        .arg(fans[0].account_id.0)
        .exec_async(&mut redis)
        .await
        .unwrap();
    reconcile::reconcile(&world.services, concert.id, window)
        .await
        .unwrap();
    let left: i64 = redis::cmd("SCARD")
        .arg(&holders)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// Across all concerts, for an account that closed the page.
#[tokio::test]
async fn the_places_of_an_account_are_listed_for_as_long_as_it_has_them() {
    let world = world().await;
    let services = &world.services;
    let (first, second) = (
        world.concert(1, 1, 3_600_000).await,
        world.concert(1, 1, 3_600_000).await,
    );
    let fans = world.accounts(2).await;
    let listed = async |who: &Session| {
        let held = admission::held(services, who).await.unwrap();
        held.into_iter()
            .map(|place| (place.concert.id, place.arrival))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&fans[0]).await, []);
    let mut arrivals = Vec::new();
    for concert in [&first, &second] {
        let view = admission::join(services, &here(), &fans[0], concert.id).await;
        arrivals.push((concert.id, arrival(&view.unwrap())));
    }
    arrivals.reverse();
    assert_eq!(listed(&fans[0]).await, arrivals);
    assert_eq!(listed(&fans[1]).await, [], "of nobody else");
    admission::leave(services, &fans[0], second.id)
        .await
        .unwrap();
    assert_eq!(listed(&fans[0]).await, arrivals[1..]);
    run_until(services, &first, async || {
        live_tickets(services, &first).await.len() == 1
    })
    .await;
    assert_eq!(listed(&fans[0]).await, []);
}
