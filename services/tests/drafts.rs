//! Drafts: which accounts see them, and what publishing does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use model::accounts::Role;
use model::concerts::{Adjustment, Changed, ConcertDetails, ConcertQuery, SaleState, Steering};
use model::{ProblemKind, Refusal};
use services::admission;
use services::queue::scheduler;
use services::{Result, concerts, desk};
use std::time::Duration;
use support::queue::{LEASE, live_tickets};
use support::{another_server, here, session, world};
use tokio_util::sync::CancellationToken;

fn not_found<T: std::fmt::Debug>(answer: Result<T>) {
    assert_eq!(answer.unwrap_err().refusal(), Refusal::NotFound);
}

#[tokio::test]
async fn a_draft_is_its_organisers_until_it_is_published() {
    let world = world().await;
    let services = &world.services;
    let elsewhere = another_server(&world.stores, &world.clock).await;
    let owner = world.organiser("owner").await;
    let other = world.organiser("other").await;
    let admin = session(other.account_id.0, Role::Admin);
    let fan = world.accounts(1).await.remove(0);
    let listed = async || {
        let page = concerts::list(services, &ConcertQuery::default())
            .await
            .unwrap();
        (page.concerts.len(), page.total)
    };
    let drafts = async |by| {
        let mine = concerts::mine(services, by).await.unwrap().concerts;
        mine.iter().filter(|concert| concert.draft).count()
    };
    let refused = concerts::draft(services, &fan, world.details()).await;
    assert_eq!(refused.unwrap_err().refusal(), Refusal::Forbidden);
    let draft = concerts::draft(services, &owner, world.details())
        .await
        .unwrap();
    assert!(draft.draft);
    let id = draft.id;
    assert_eq!(listed().await, (0, 0));
    for by in [None, Some(&fan), Some(&other)] {
        not_found(concerts::find_view(services, by, id).await);
    }
    for by in [&owner, &admin] {
        assert!(
            concerts::find_view(services, Some(by), id)
                .await
                .unwrap()
                .concert
                .draft
        );
        assert_eq!(drafts(by).await, 1);
    }
    assert_eq!(drafts(&other).await, 0);
    let refused = concerts::mine(services, &fan).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::Forbidden);
    for by in [&other, &fan] {
        let refused = concerts::publish(services, by, id).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::NotFound);
    }
    for services in [services, &elsewhere] {
        not_found(admission::join(services, &here(), &fan, id).await);
        not_found(admission::join(services, &here(), &owner, id).await);
        not_found(admission::view(services, fan.account_id, id).await);
    }

    assert!(!concerts::publish(services, &owner, id).await.unwrap().draft);
    // Publishing is permanent, and is recorded once.
    assert!(!concerts::publish(services, &admin, id).await.unwrap().draft);
    let changes = concerts::changes(services, &owner, id).await.unwrap();
    let changed: Vec<_> = changes
        .iter()
        .map(|change| (change.by.as_deref(), change.changed))
        .collect();
    assert_eq!(changed, [(Some("owner"), Changed::Published)]);
    assert_eq!(drafts(&owner).await, 0);
    assert_eq!(listed().await, (1, 1));
    for services in [services, &elsewhere] {
        assert!(
            !concerts::find_view(services, None, id)
                .await
                .unwrap()
                .editable
        );
        // The account for which no concert existed a moment ago can now join it.
        admission::join(services, &here(), &fan, id).await.unwrap();
    }
}

#[tokio::test]
async fn what_would_be_over_at_once_stays_a_draft() {
    let world = world().await;
    let services = &world.services;
    let owner = world.organiser("owner").await;
    let details = ConcertDetails {
        starts_at: world.clock.now() + TimeDelta::hours(1),
        ..world.details()
    };
    let draft = concerts::draft(services, &owner, details).await.unwrap();
    world.clock.advance(TimeDelta::hours(2));
    let refused = concerts::publish(services, &owner, draft.id)
        .await
        .unwrap_err();
    match refused.refusal() {
        Refusal::Invalid { problems } => assert_eq!(problems[0].kind, ProblemKind::InThePast),
        other => panic!("{other:?}"),
    }
    assert!(concerts::find(services, draft.id).await.unwrap().draft);
    assert_eq!(
        concerts::changes(services, &owner, draft.id).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn a_draft_has_no_sale_to_steer() {
    let world = world().await;
    let services = &world.services;
    let owner = world.organiser("owner").await;
    let draft = concerts::draft(services, &owner, world.details())
        .await
        .unwrap();
    for action in [Steering::Pause, Steering::Resume, Steering::Close] {
        not_found(concerts::steer(services, &owner, draft.id, action).await);
    }
    let pace = Adjustment::Pace {
        batch_size: 3,
        interval_ms: 300,
    };
    for adjustment in [pace, Adjustment::Capacity(3)] {
        not_found(concerts::adjust(services, &owner, draft.id, adjustment).await);
    }
    not_found(desk::view(services, &owner, draft.id).await);
    let found = concerts::find(services, draft.id).await.unwrap();
    assert_eq!(found, draft);
    let changes = concerts::changes(services, &owner, draft.id).await;
    assert_eq!(changes.unwrap(), []);

    concerts::publish(services, &owner, draft.id).await.unwrap();
    let paused = concerts::steer(services, &owner, draft.id, Steering::Pause).await;
    assert_eq!(paused.unwrap().state, SaleState::Paused);
    concerts::adjust(services, &owner, draft.id, pace)
        .await
        .unwrap();
    desk::view(services, &owner, draft.id).await.unwrap();
}

#[tokio::test]
async fn a_draft_whose_day_went_by_is_sold_on_another() {
    let world = world().await;
    let services = &world.services;
    let owner = world.organiser("owner").await;
    let fan = world.accounts(1).await.remove(0);
    let details = ConcertDetails {
        starts_at: world.clock.now() + TimeDelta::hours(1),
        ..world.details()
    };
    let draft = concerts::draft(services, &owner, details.clone())
        .await
        .unwrap();
    let public = concerts::create(services, &owner, details.clone())
        .await
        .unwrap();
    world.clock.advance(TimeDelta::hours(2));
    let stop = CancellationToken::new();
    let server = tokio::spawn(scheduler::run(services.clone(), LEASE, stop.clone()));
    // One survey covers both sales.
    while concerts::find(services, public.id).await.unwrap().state != SaleState::Closed {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found = concerts::find(services, draft.id).await.unwrap();
    assert_eq!(found.state, SaleState::Open);

    let later = ConcertDetails {
        starts_at: world.clock.now() + TimeDelta::hours(1),
        ends_at: world.clock.now() + TimeDelta::hours(3),
        ..details
    };
    concerts::update(services, &owner, draft.id, later)
        .await
        .unwrap();
    concerts::publish(services, &owner, draft.id).await.unwrap();
    admission::join(services, &here(), &fan, draft.id)
        .await
        .unwrap();
    while live_tickets(services, &draft).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn organisers_find_what_they_have_made_drafts_first_and_what_is_over_last() {
    let world = world().await;
    let services = &world.services;
    let owner = world.organiser("owner").await;
    let now = world.clock.now();
    let make = async |title: &str, opens_in: i64, draft: bool| {
        let details = ConcertDetails {
            title: title.to_owned(),
            sale_opens_at: now + TimeDelta::minutes(opens_in),
            ..world.details()
        };
        match draft {
            true => concerts::draft(services, &owner, details).await.unwrap(),
            false => concerts::create(services, &owner, details).await.unwrap(),
        }
    };
    let over = make("over", -20, false).await;
    make("later", 60, false).await;
    make("selling", -10, false).await;
    make("draft", 5, true).await;
    world.concert(1, 1, 1_000).await;
    concerts::steer(services, &owner, over.id, Steering::Close)
        .await
        .unwrap();
    let mine = concerts::mine(services, &owner).await.unwrap();
    let titles: Vec<_> = mine.concerts.iter().map(|c| c.title.as_str()).collect();
    assert_eq!(titles, ["draft", "selling", "later", "over"]);
}
