//! Watchers that follow tick by tick see the true state (P6).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use model::concerts::Concert;
use model::queue::{Applied, QueueView, Standing, TickId};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use services::admission;
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::queue::{self, News};
use std::collections::HashMap;
use support::queue::{LEASE, NO_PACE, news_of, rest_for};
use support::{World, here, world};

const PEOPLE: i64 = 250;

/// One in five leaves at a random moment; after every tick all ranks are counted again in
/// PostgreSQL.
#[tokio::test]
async fn every_watchers_rank_is_the_true_one_at_every_tick() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(PEOPLE as u32, 7, NO_PACE).await;
    let people = world.accounts(PEOPLE).await;
    let mut news = news_of(services, &concert);
    let mut views: Vec<QueueView> = Vec::new();
    for person in &people {
        views.push(
            admission::join(services, &here(), person, concert.id)
                .await
                .unwrap(),
        );
    }
    let mut random = StdRng::seed_from_u64(20);
    let mut leavers: Vec<usize> = (0..people.len()).collect();
    leavers.shuffle(&mut random);
    leavers.truncate(people.len() / 5);

    let (mut progress, mut ticks, mut gaps) = (Progress::default(), 0, 0);
    while views
        .iter()
        .any(|view| matches!(view.standing, Standing::Waiting { .. }))
    {
        for _ in 0..random.random_range(0..5) {
            if let Some(leaver) = leavers.pop() {
                admission::leave(services, &people[leaver], concert.id)
                    .await
                    .unwrap();
            }
        }
        // Steps until everything that happened is in a tick.
        loop {
            let sale = SaleRow::find(&services.db, concert.id).await.unwrap();
            let rest = scheduler::step(services, concert.id, &sale, LEASE, &mut progress)
                .await
                .unwrap();
            rest_for(rest).await;
            if progress.newest == Some(told(&world, &concert).await) {
                break;
            }
        }
        while let Ok(heard) = news.try_recv() {
            let News::Tick(event) = heard else { continue };
            ticks += 1;
            for (person, view) in people.iter().zip(&mut views) {
                if view.apply(&event.tick) == Applied::Gap {
                    gaps += 1;
                    *view = queue::view(services, person.account_id, concert.id)
                        .await
                        .unwrap();
                }
            }
        }
        let true_ranks = true_ranks(&world, &concert).await;
        for (person, view) in people.iter().zip(&views) {
            let shown = match view.standing {
                Standing::Waiting { rank, .. } => Some(rank),
                _ => None,
            };
            assert_eq!(shown, true_ranks.get(&person.account_id.0).copied());
            assert_eq!(view.waiting, true_ranks.len() as u64);
        }
        // The same for clients that poll instead of watching, also if they saw their last tick long
        // ago.
        for _ in 0..20 {
            let person = &people[random.random_range(0..people.len())];
            let glanced = queue::glance(services, person.account_id, concert.id, TickId(0)).await;
            let shown = match glanced.unwrap().standing {
                Standing::Waiting { rank, .. } => Some(rank),
                _ => None,
            };
            assert_eq!(shown, true_ranks.get(&person.account_id.0).copied());
        }
    }
    assert!(ticks > 30, "{ticks} ticks");
    assert_eq!(gaps, 0, "nobody had to read anew");
}

/// A client that polls again is answered without a store, but never with an older state than it has
/// seen, and only while the subscription to the ticks is up.
#[tokio::test]
async fn asking_again_costs_no_store_and_never_goes_back() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(2, 1, NO_PACE).await;
    let people = world.accounts(3).await;
    for person in &people {
        admission::join(services, &here(), person, concert.id)
            .await
            .unwrap();
    }
    let last = people[2].account_id;
    let mut progress = Progress::default();
    // Two tickets are issued, and this server has received every tick.
    let tick = loop {
        let sale = SaleRow::find(&services.db, concert.id).await.unwrap();
        let rest = scheduler::step(services, concert.id, &sale, LEASE, &mut progress)
            .await
            .unwrap();
        rest_for(rest).await;
        let heard = progress.newest == Some(told(&world, &concert).await);
        if heard && true_ranks(&world, &concert).await.len() == 1 {
            break progress.newest.unwrap();
        }
    };
    let glance = async |seen| {
        let glanced = queue::glance(services, last, concert.id, seen).await;
        glanced.map(|view| (view.standing, view.tick))
    };
    let (standing, as_of) = glance(tick).await.unwrap();
    assert!(matches!(standing, Standing::Waiting { rank: 1, .. }));
    world.lose("*").await;
    assert_eq!(
        glance(as_of).await.unwrap(),
        (standing, as_of),
        "as it was, without Redis"
    );
    // If the client has seen a newer tick, this server has to read, which rebuilds the queue.
    let (_, newer) = glance(TickId(as_of.0 + 1)).await.unwrap();
    assert!(newer > as_of);
    // A change made on this server counts at once, before any tick reports it.
    admission::leave(services, &people[2], concert.id)
        .await
        .unwrap();
    let (standing, _) = glance(newer).await.unwrap();
    assert_eq!(standing, Standing::Left);
}

/// Returns the newest tick if it covers everything that has happened, otherwise [`TickId`] 0.
async fn told(world: &World, concert: &Concert) -> TickId {
    let redis = &world.services.redis;
    let key = |name| redis.key(format_args!("queue:{{{}}}:{name}", concert.id));
    let untold: i64 = redis::cmd("EXISTS")
        .arg(key("leaving"))
        .arg(key("inflight"))
        .query_async(&mut redis.connection())
        .await
        .unwrap();
    let newest: i64 = redis::cmd("HGET")
        .arg(key("state"))
        .arg("tick")
        .query_async(&mut redis.connection())
        .await
        .unwrap();
    TickId(if untold == 0 { newest } else { 0 })
}

async fn true_ranks(world: &World, concert: &Concert) -> HashMap<i64, u64> {
    let ranks: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT account_id, row_number() OVER (ORDER BY arrival) FROM queue_entries
          WHERE concert_id = $1 AND state = 'waiting'",
    )
    .bind(concert.id.0)
    .fetch_all(&world.services.db)
    .await
    .unwrap();
    ranks
        .into_iter()
        .map(|(account, rank)| (account, rank as u64))
        .collect()
}
