//! Rehearsals: who may hold one, which accounts can join it, and that nothing remains afterwards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use model::Refusal;
use model::accounts::Role;
use model::concerts::{Concert, ConcertId, ConcertQuery};
use model::queue::Standing;
use model::rehearsals::{LATEST_OPENING_S, MOST_PEOPLE, MOST_SIGN_INS, Rehearsal};
use services::admission;
use services::rehearsals::{self, Plan};
use services::sessions::{self, Session};
use services::{Error, concerts};
use support::queue::{live_tickets, run_until};
use support::{World, here, session, world};

const PLAN: Plan = Plan {
    people: 5,
    sign_ins: 2,
    sale_opens_in_s: 0,
};

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn concert_of(world: &World, by: &Session) -> Concert {
    concerts::create(&world.services, by, world.details())
        .await
        .unwrap()
}

async fn people(world: &World, rehearsal: &Rehearsal) -> Vec<Session> {
    let mut people = Vec::new();
    for token in &rehearsal.tokens {
        people.push(
            sessions::authenticate(&world.services, token)
                .await
                .unwrap(),
        );
    }
    people
}

/// Returns the number of rows in every table that refers to a concert or its accounts, and the
/// number of keys in Redis.
async fn traces(world: &World, concert: ConcertId) -> (Vec<i64>, usize) {
    let rows = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM concerts WHERE id = $1
         UNION ALL SELECT count(*) FROM accounts WHERE rehearsal_id = $1 OR account_name LIKE 'rehearsal-%'
         UNION ALL SELECT count(*) FROM queue_entries WHERE concert_id = $1
         UNION ALL SELECT count(*) FROM tickets WHERE concert_id = $1
         UNION ALL SELECT count(*) FROM sale_changes WHERE concert_id = $1
         UNION ALL SELECT count(*) FROM sessions WHERE device = 'rehearsal'",
    )
    .bind(concert.0)
    .fetch_all(&world.services.db)
    .await
    .unwrap();
    let mut keys = 0;
    for pattern in [format!("queue:{{{concert}}}:*"), "session:*".to_owned()] {
        keys += world.keys(&pattern).await.len();
    }
    (rows, keys)
}

#[tokio::test]
async fn organisers_rehearse_their_own_concerts_and_admins_all() {
    let world = world().await;
    let services = &world.services;
    let (mina, other) = (world.organiser("mina").await, world.organiser("joon").await);
    let concert = concert_of(&world, &mina).await.id;
    let fan = session(world.accounts(1).await[0].account_id.0, Role::User);
    for stranger in [&other, &fan] {
        let refusal = refused(rehearsals::create(services, stranger, concert, PLAN).await);
        assert_eq!(refusal, Refusal::Forbidden);
    }
    let unknown = rehearsals::create(services, &mina, ConcertId(404), PLAN).await;
    assert_eq!(refused(unknown), Refusal::NotFound);

    let rehearsal = rehearsals::create(services, &mina, concert, PLAN)
        .await
        .unwrap();
    for stranger in [&other, &fan] {
        let refusal = refused(rehearsals::end(services, stranger, rehearsal.concert.id).await);
        assert_eq!(refusal, Refusal::NotFound);
    }
    let again = rehearsals::create(services, &mina, rehearsal.concert.id, PLAN).await;
    assert_eq!(refused(again), Refusal::NotFound);

    let admin = Session {
        role: Role::Admin,
        ..world.organiser("boss").await
    };
    let by_admin = rehearsals::create(services, &admin, concert, PLAN)
        .await
        .unwrap();
    for rehearsal in [rehearsal, by_admin] {
        rehearsals::end(services, &admin, rehearsal.concert.id)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_copy_sells_at_the_concerts_pace_and_opens_when_it_is_told() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await;
    let plan = Plan {
        sale_opens_in_s: 60,
        ..PLAN
    };
    let rehearsal = rehearsals::create(&world.services, &by, concert.id, plan)
        .await
        .unwrap();
    let copy = &rehearsal.concert;
    assert_eq!(
        (copy.capacity, copy.batch_size, copy.interval_ms),
        (concert.capacity, concert.batch_size, concert.interval_ms)
    );
    let opens_in = copy.sale_opens_at - rehearsal.server_time;
    assert!(opens_in > TimeDelta::seconds(50) && opens_in <= TimeDelta::seconds(60));
    assert!(copy.starts_at > copy.sale_opens_at);
    assert_eq!((rehearsal.tokens.len(), rehearsal.sign_ins.len()), (5, 2));
}

#[tokio::test]
async fn a_plan_has_bounds() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await.id;
    let bad = [
        Plan { people: 0, ..PLAN },
        Plan {
            people: MOST_PEOPLE + 1,
            ..PLAN
        },
        Plan {
            sign_ins: MOST_SIGN_INS + 1,
            ..PLAN
        },
        Plan {
            sale_opens_in_s: LATEST_OPENING_S + 1,
            ..PLAN
        },
    ];
    for plan in bad {
        let refusal = refused(rehearsals::create(&world.services, &by, concert, plan).await);
        assert_eq!(refusal, Refusal::Malformed, "{plan:?}");
    }
}

#[tokio::test]
async fn it_is_in_no_list_and_shown_to_nobody_who_has_no_part_in_it() {
    let world = world().await;
    let services = &world.services;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await;
    let rehearsal = rehearsals::create(services, &by, concert.id, PLAN)
        .await
        .unwrap();
    let copy = rehearsal.concert.id;
    let page = concerts::list(services, &ConcertQuery::default())
        .await
        .unwrap();
    assert_eq!(page.total, 1);
    assert!(page.concerts.iter().all(|listed| listed.id == concert.id));

    let stranger = world.accounts(1).await.remove(0);
    for by in [None, Some(&stranger)] {
        let refusal = refused(concerts::find_view(services, by, copy).await);
        assert_eq!(refusal, Refusal::NotFound);
    }
    let refusal = refused(admission::admit(services, &stranger, copy).await);
    assert_eq!(refusal, Refusal::NotFound);
    let person = &people(&world, &rehearsal).await[0];
    for by in [&by, person] {
        let view = concerts::find_view(services, Some(by), copy).await.unwrap();
        assert_eq!(view.concert.id, copy);
    }
}

#[tokio::test]
async fn nobody_gets_in_who_does_not_belong_and_nobody_who_does_gets_out() {
    let world = world().await;
    let services = &world.services;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await.id;
    let one = rehearsals::create(services, &by, concert, PLAN)
        .await
        .unwrap();
    let other = rehearsals::create(services, &by, concert, PLAN)
        .await
        .unwrap();

    let stranger = world.accounts(1).await.remove(0);
    for stranger in [&stranger, &by] {
        let refusal = refused(admission::join(services, &here(), stranger, one.concert.id).await);
        assert_eq!(refusal, Refusal::NotFound);
        admission::join(services, &here(), stranger, concert)
            .await
            .unwrap();
    }
    // With the given token, with that of a log-in, and with that of a refresh.
    let given = people(&world, &one).await.remove(0);
    let (_, tokens) = sessions::log_in(services, &here(), &one.sign_ins[1], &one.password)
        .await
        .unwrap();
    let logged_in = sessions::authenticate(services, &tokens.access)
        .await
        .unwrap();
    let refreshed = sessions::refresh(services, &here(), &tokens.refresh)
        .await
        .unwrap();
    let refreshed = sessions::authenticate(services, &refreshed.access)
        .await
        .unwrap();
    for person in [&given, &logged_in, &refreshed] {
        for elsewhere in [concert, other.concert.id] {
            let refusal = refused(admission::join(services, &here(), person, elsewhere).await);
            assert_eq!(refusal, Refusal::Forbidden);
        }
        let view = admission::join(services, &here(), person, one.concert.id)
            .await
            .unwrap();
        assert!(matches!(view.standing, Standing::Waiting { .. }));
    }
}

#[tokio::test]
async fn only_the_first_few_have_a_password_that_anybody_knows() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await.id;
    let rehearsal = rehearsals::create(&world.services, &by, concert, PLAN)
        .await
        .unwrap();
    let without = format!("rehearsal-{}-3", rehearsal.concert.id);
    let refusal = sessions::log_in(&world.services, &here(), &without, &rehearsal.password).await;
    assert_eq!(refused(refusal.map(|_| ())), Refusal::WrongCredentials);
    let people = people(&world, &rehearsal).await;
    assert!(people.iter().any(|person| person.account_name == without));
}

#[tokio::test]
async fn its_end_takes_all_of_it_and_nothing_else() {
    let world = world().await;
    let services = &world.services;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await;
    let fan = world.accounts(1).await.remove(0);
    admission::join(services, &here(), &fan, concert.id)
        .await
        .unwrap();
    run_until(services, &concert, async || {
        !live_tickets(services, &concert).await.is_empty()
    })
    .await;

    let rehearsal = rehearsals::create(services, &by, concert.id, PLAN)
        .await
        .unwrap();
    let copy = &rehearsal.concert;
    let people = people(&world, &rehearsal).await;
    sessions::log_in(
        services,
        &here(),
        &rehearsal.sign_ins[0],
        &rehearsal.password,
    )
    .await
    .unwrap();
    for person in &people {
        admission::join(services, &here(), person, copy.id)
            .await
            .unwrap();
    }
    admission::leave(services, &people[4], copy.id)
        .await
        .unwrap();
    run_until(services, copy, async || {
        live_tickets(services, copy).await.len() == 4
    })
    .await;
    let paused = concerts::steer(services, &by, copy.id, model::concerts::Steering::Pause).await;
    paused.unwrap();
    let (before, keys) = traces(&world, copy.id).await;
    assert_eq!(before, [1, 5, 5, 4, 1, 5]);
    assert!(keys > 6, "{keys}");

    rehearsals::end(services, &by, copy.id).await.unwrap();
    let (after, keys) = traces(&world, copy.id).await;
    assert_eq!((after, keys), (vec![0; 6], 0));
    let refusal = sessions::authenticate(services, &rehearsal.tokens[0]).await;
    assert_eq!(refused(refusal), Refusal::NotLoggedIn);
    let again = rehearsals::end(services, &by, copy.id).await;
    assert_eq!(refused(again), Refusal::NotFound);

    assert_eq!(live_tickets(services, &concert).await.len(), 1);
    let view = admission::view(services, fan.account_id, concert.id)
        .await
        .unwrap();
    assert!(matches!(view.standing, Standing::Issued { .. }));
}

#[tokio::test]
async fn a_real_concert_cannot_be_ended_as_a_rehearsal() {
    let world = world().await;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await.id;
    let refusal = rehearsals::end(&world.services, &by, concert).await;
    assert_eq!(refused(refusal), Refusal::NotFound);
    let found = concerts::find(&world.services, concert).await.unwrap();
    assert_eq!(found.state, model::concerts::SaleState::Open);
}

#[tokio::test]
async fn one_that_nobody_has_ended_goes_with_the_next() {
    let world = world().await;
    let services = &world.services;
    let by = world.organiser("mina").await;
    let concert = concert_of(&world, &by).await.id;
    let forgotten = rehearsals::create(services, &by, concert, PLAN)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::hours(1));
    let running = rehearsals::create(services, &by, concert, PLAN)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::minutes(90));
    rehearsals::create(services, &by, concert, PLAN)
        .await
        .unwrap();
    let gone = concerts::find(services, forgotten.concert.id).await;
    assert_eq!(refused(gone), Refusal::NotFound);
    concerts::find(services, running.concert.id).await.unwrap();
}
