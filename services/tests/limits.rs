//! Rate limits: floods are refused by all servers together, and no other client is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use embedded::testing::{self, TestStores};
use futures::future::join_all;
use model::Refusal;
use model::accounts::{NewAccount, Password, Role, TicketsLeft};
use services::admission;
use services::limits::guesses::{FREE, Guess, LONGEST_DELAY, MEMORY, STRANGERS_FREE};
use services::limits::{Limits, SESSION_REFRESHES, UNASKED};
use services::sessions::{KNOWN, Session, TOLD};
use services::stores::{Secret, Settings};
use services::{Client, Clock, Error, Services, accounts, sessions};
use support::{PASSWORD, World, form, here, server_with, session};

/// Two servers with the same limits on the same stores, and a shared clock.
struct Two {
    world: World,
    other: Services,
}

async fn two(limits: Limits) -> Two {
    let stores: TestStores = testing::stores().await.unwrap();
    let clock = Clock::default();
    let services = server_with(&stores, &clock, limits).await;
    let other = server_with(&stores, &clock, limits).await;
    Two {
        world: World {
            services,
            clock,
            stores,
        },
        other,
    }
}

fn at(address: &str) -> Client {
    Client::new(address.parse().unwrap(), "test")
}

/// Returns the seconds to wait if there were too many requests. Returns `None` for any other
/// outcome.
fn wait<T>(outcome: Result<T, Error>) -> Option<u32> {
    match outcome.err()?.refusal() {
        Refusal::TooManyRequests { retry_after_s } => Some(retry_after_s),
        _ => None,
    }
}

/// Returns how long a client has to wait that tries a wrong password.
async fn log_in(services: &Services, from: &Client, name: &str) -> Option<u32> {
    wait(sessions::log_in(services, from, name, "wrong").await)
}

/// Like `log_in`, but does not verify the password: on a busy machine that takes longer than some
/// delays.
async fn guess(services: &Services, from: &Client, name: &str) -> Option<u32> {
    wait(Guess::begin(services, from, name).await)
}

/// Guesses wrong passwords as soon as each is allowed, until the next one has to wait for 16 s.
async fn wrong_until_16_s(world: &World, from: &Client, name: &str) {
    for _ in 0..FREE + 5 {
        while let Some(seconds) = guess(&world.services, from, name).await {
            world.clock.advance(TimeDelta::seconds(seconds.into()));
        }
    }
}

#[tokio::test]
async fn a_limit_holds_over_two_servers_and_is_worked_off_with_time() {
    let Two { world, other } = two(Limits {
        refreshes: 6,
        ..Limits::NONE
    })
    .await;
    // Each refresh uses another session, so that only the limit of the address applies.
    let mut number = 0;
    let mut refresh = async |services: &Services, from: &Client| {
        number += 1;
        wait(sessions::refresh(services, from, &format!("nobody{number}.secret")).await)
    };
    for _ in 0..3 {
        assert_eq!(refresh(&world.services, &here()).await, None);
        assert_eq!(refresh(&other, &here()).await, None);
    }
    let refused = refresh(&other, &here()).await;
    assert!(matches!(refused, Some(1..=10)), "{refused:?}");
    assert!(refresh(&world.services, &here()).await.is_some());
    assert_eq!(refresh(&world.services, &at("203.0.113.7")).await, None);

    // One per ten seconds, regardless of refusals in between.
    world.clock.advance(TimeDelta::seconds(10));
    assert_eq!(refresh(&other, &here()).await, None);
    assert!(refresh(&world.services, &here()).await.is_some());
    world.clock.advance(TimeDelta::seconds(60));
    for _ in 0..6 {
        assert_eq!(refresh(&world.services, &here()).await, None);
    }
    assert!(refresh(&other, &here()).await.is_some());
}

#[tokio::test]
async fn log_ins_of_whatever_name_are_limited_by_their_address() {
    let Two { world, other } = two(Limits {
        log_ins: 1,
        ..Limits::NONE
    })
    .await;
    assert_eq!(log_in(&world.services, &here(), "mina").await, None);
    assert!(log_in(&other, &here(), "jun").await.is_some());
    assert_eq!(log_in(&other, &at("203.0.113.7"), "jun").await, None);
}

#[tokio::test]
async fn neighbours_in_one_network_of_ipv6_share_a_limit() {
    let Two { world, .. } = two(Limits {
        sign_ups: 1,
        ..Limits::NONE
    })
    .await;
    let sign_up = async |from: &str, name: &str| {
        let new = form(name).parse().unwrap();
        wait(accounts::sign_up(&world.services, &at(from), new).await)
    };
    assert_eq!(sign_up("2001:db8:0:1::1", "one").await, None);
    assert!(sign_up("2001:db8:0:1::2", "two").await.is_some());
    assert_eq!(sign_up("2001:db8:0:2::1", "three").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_at_the_same_moment_are_counted_one_by_one() {
    let Two { world, other } = two(Limits {
        sign_ups: 5,
        ..Limits::NONE
    })
    .await;
    let tries = (0..40).map(|n| {
        let services = if n % 2 == 0 { &world.services } else { &other }.clone();
        let new = form(&format!("mina{n}")).parse().unwrap();
        tokio::spawn(async move { accounts::sign_up(&services, &here(), new).await })
    });
    let outcomes = join_all(tries.collect::<Vec<_>>()).await;
    let (made, refused): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .map(Result::unwrap)
        .partition(Result::is_ok);
    // The fifth is allowed only if its server's clock is not slightly behind that of the first. A
    // slow machine may work some off in the meantime, one every twelve seconds.
    assert!((4..=8).contains(&made.len()), "{}", made.len());
    assert!(refused.into_iter().all(|refused| wait(refused).is_some()));
}

#[tokio::test]
async fn a_session_that_is_refreshed_too_often_waits_and_goes_on() {
    let Two { world, other } = two(Limits::NONE).await;
    let mina = world.account("mina").await;
    let jun = world.account("jun").await;
    let hers = sessions::open(&world.services, &here(), &mina)
        .await
        .unwrap()
        .refresh;
    let his = sessions::open(&world.services, &here(), &jun)
        .await
        .unwrap();
    // The same token again within a minute, as a browser with many tabs sends it.
    let mut let_through = 0;
    while wait(sessions::refresh(&other, &here(), &hers).await).is_none() {
        let_through += 1;
        assert!(let_through < 100, "it never ends");
    }
    // A slow machine works some off in the meantime.
    assert!((SESSION_REFRESHES..SESSION_REFRESHES + 20).contains(&let_through));
    for services in [&world.services, &other] {
        let refused = wait(sessions::refresh(services, &here(), &hers).await);
        assert!(matches!(refused, Some(1..=2)), "{refused:?}");
    }
    sessions::refresh(&other, &here(), &his.refresh)
        .await
        .unwrap();
    // Refusals use up nothing.
    world.clock.advance(TimeDelta::seconds(2));
    sessions::refresh(&other, &here(), &hers).await.unwrap();
}

#[tokio::test]
async fn joining_again_and_again_is_refused_and_the_first_joins_ask_nobody() {
    let Two { world, other } = two(Limits {
        joins: 2,
        ..Limits::NONE
    })
    .await;
    let concert = world.concert(10, 1, 1000).await;
    let fans = world.accounts(2).await;
    let mut let_in = 0;
    for services in [&world.services, &other] {
        for n in 0..UNASKED {
            admission::join(services, &here(), &fans[0], concert.id)
                .await
                .unwrap();
            let asked = world.keys("limit:join:*").await.len();
            assert_eq!(asked, 0, "join {n} has cost a round trip");
        }
    }
    for services in [&world.services, &other, &world.services, &other] {
        match wait(admission::join(services, &here(), &fans[0], concert.id).await) {
            None => let_in += 1,
            Some(seconds) => assert!((1..=30).contains(&seconds), "{seconds}"),
        }
    }
    assert_eq!(let_in, 2);
    admission::join(&world.services, &here(), &fans[1], concert.id)
        .await
        .unwrap();

    // Accounts of a rehearsal are never rate limited, even if the join fails for another reason.
    let organiser = world.organiser("organiser").await;
    let rehearsed = Session {
        rehearsal: Some(concert.id),
        ..session(organiser.account_id.0, Role::User)
    };
    for _ in 0..20 {
        assert_eq!(
            wait(admission::join(&world.services, &here(), &rehearsed, concert.id).await),
            None
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_from_an_address_are_counted_over_all_servers_and_the_first_ask_nobody() {
    let limits = Limits {
        address_joins: 120,
        ..Limits::NONE
    };
    let Two { world, other } = two(limits).await;
    let concert = world.concert(10, 1, 1000).await;
    let fans = world.accounts(400).await;
    let join = async |services: &Services, from: &str, fan: usize| {
        wait(admission::join(services, &at(from), &fans[fan], concert.id).await)
    };
    let unasked = limits.unasked_from_address() as usize;
    assert_eq!(unasked, 2);
    // One phone after the other, in one IPv6 network.
    for (n, services) in [&world.services, &other].into_iter().enumerate() {
        for m in 0..unasked {
            let from = format!("2001:db8:0:1::{m}");
            assert_eq!(join(services, &from, n * unasked + m).await, None);
            let asked = world.keys("limit:join-from:*").await.len();
            assert_eq!(asked, 0, "a join has cost a round trip");
        }
    }
    let rush = (2 * unasked..400).map(|n| {
        let services = if n % 2 == 0 { &world.services } else { &other }.clone();
        let (from, fan) = (at(&format!("2001:db8:0:1::{n:x}")), fans[n].clone());
        tokio::spawn(async move { wait(admission::join(&services, &from, &fan, concert.id).await) })
    });
    let rush = join_all(rush.collect::<Vec<_>>()).await;
    let waits: Vec<u32> = rush.into_iter().filter_map(Result::unwrap).collect();
    let let_in = 396 - waits.len();
    // A slow machine works some off in the meantime, two per second.
    assert!((119..160).contains(&let_in), "{let_in}");
    assert!(waits.iter().all(|s| (1..=60).contains(s)), "{waits:?}");
    let recorded = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM queue_entries")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    assert_eq!(recorded as usize, 2 * unasked + let_in);

    // The neighbouring network has a limit of its own, and accounts of a rehearsal have none.
    assert_eq!(join(&other, "2001:db8:0:2::1", 399).await, None);
    let rehearsed = Session {
        rehearsal: Some(concert.id),
        ..fans[398].clone()
    };
    for _ in 0..10 {
        let outcome = admission::join(&other, &at("2001:db8:0:1::1"), &rehearsed, concert.id).await;
        assert_eq!(wait(outcome), None);
    }
    // The limit is worked off with time and is then available in full again.
    world.clock.advance(TimeDelta::seconds(60));
    let mut again = 0;
    while join(&world.services, "2001:db8:0:1::1", 0).await.is_none() {
        again += 1;
        assert!(again < 400, "it never ends");
    }
    assert!((120..240).contains(&again), "{again}");
}

#[tokio::test]
async fn whoever_is_refused_as_an_account_uses_up_nothing_of_their_neighbours_address() {
    let Two { world, .. } = two(Limits {
        joins: 1,
        address_joins: 10,
        ..Limits::NONE
    })
    .await;
    let concert = world.concert(10, 1, 1000).await;
    let fans = world.accounts(5).await;
    let join = async |fan: usize| {
        wait(admission::join(&world.services, &here(), &fans[fan], concert.id).await)
    };
    for n in 0..30 {
        assert_eq!(join(0).await.is_some(), n > UNASKED, "{n}");
    }
    for fan in 1..5 {
        assert_eq!(join(fan).await, None, "{fan}");
    }
}

#[tokio::test]
async fn wrong_passwords_make_the_next_attempt_wait_longer_and_longer() {
    let Two { world, other } = two(Limits::NONE).await;
    // The spelling of the name and the choice of server make no difference.
    let guess = async |n: u32| match n % 2 {
        0 => guess(&world.services, &here(), "mina").await,
        _ => guess(&other, &here(), " MINA ").await,
    };
    for n in 0..=FREE {
        assert_eq!(guess(n).await, None, "{n}");
    }
    let mut delay = 1;
    for n in 0..10 {
        // Coming too early does not extend the delay.
        for n in 0..3 {
            assert_eq!(guess(n).await, Some(delay), "{n}");
        }
        world.clock.advance(TimeDelta::seconds(delay.into()));
        assert_eq!(guess(n).await, None, "{n}");
        delay = (delay * 2).min(LONGEST_DELAY.as_secs() as u32);
    }
    assert_eq!(delay, 300);
    world.clock.advance(TimeDelta::from_std(MEMORY).unwrap());
    for n in 0..=FREE {
        assert_eq!(guess(n).await, None, "forgotten: {n}");
    }
    assert_eq!(guess(0).await, Some(1));
}

#[tokio::test]
async fn who_comes_too_early_is_refused_whether_there_is_such_an_account_or_not() {
    let Two { world, .. } = two(Limits::NONE).await;
    world.account("mina").await;
    for name in ["mina", "nobody", ""] {
        wrong_until_16_s(&world, &here(), name).await;
        let right = sessions::log_in(&world.services, &here(), name, PASSWORD).await;
        assert_eq!(wait(right), Some(16), "{name}");
    }
}

#[tokio::test]
async fn a_log_in_forgets_the_wrong_passwords_before_it() {
    let Two { world, .. } = two(Limits::NONE).await;
    world.account("mina").await;
    for _ in 0..3 {
        for _ in 0..FREE {
            assert_eq!(log_in(&world.services, &here(), "mina").await, None);
        }
        sessions::log_in(&world.services, &here(), "mina", PASSWORD)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_stranger_elsewhere_cannot_lock_the_owner_out() {
    let Two { world, .. } = two(Limits::NONE).await;
    world.account("mina").await;
    let stranger = at("203.0.113.7");
    wrong_until_16_s(&world, &stranger, "mina").await;
    sessions::log_in(&world.services, &here(), "mina", PASSWORD)
        .await
        .unwrap();
    // The owner's log-in does not help the stranger.
    let again = sessions::log_in(&world.services, &stranger, "mina", PASSWORD).await;
    assert!(wait(again).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_moment_are_counted_one_by_one() {
    let Two { world, other } = two(Limits::NONE).await;
    let tries = (0..30).map(|n| {
        let services = if n % 2 == 0 { &world.services } else { &other }.clone();
        tokio::spawn(async move { guess(&services, &here(), "mina").await })
    });
    let outcomes = join_all(tries.collect::<Vec<_>>()).await;
    let judged = outcomes
        .into_iter()
        .filter(|outcome| outcome.as_ref().unwrap().is_none());
    // The free guesses and one more, regardless of which server's clock is slightly behind; another
    // one if a second has passed in the meantime.
    let judged = judged.count() as u32;
    assert!((FREE + 1..=FREE + 2).contains(&judged), "{judged}");
}

#[tokio::test]
async fn an_attempt_that_was_never_judged_is_not_held_against_anybody() {
    let Two { world, .. } = two(Limits::NONE).await;
    world.account("mina").await;
    let hide = sqlx::query("ALTER TABLE accounts RENAME TO elsewhere");
    hide.execute(&world.services.db).await.unwrap();
    for _ in 0..20 {
        let failed = sessions::log_in(&world.services, &here(), "mina", PASSWORD).await;
        assert_eq!(failed.unwrap_err().refusal(), Refusal::Internal);
    }
    let back = sqlx::query("ALTER TABLE elsewhere RENAME TO accounts");
    back.execute(&world.services.db).await.unwrap();
    for _ in 0..=FREE {
        assert_eq!(guess(&world.services, &here(), "mina").await, None);
    }
}

/// Returns one address in each of `number` networks.
fn many(number: u32) -> impl Iterator<Item = Client> {
    (0..number).map(|n| at(&format!("10.{}.{}.7", n / 256, n % 256)))
}

/// Returns how many of the strangers' passwords are verified.
async fn judged(services: &Services, strangers: impl Iterator<Item = Client>, name: &str) -> u32 {
    let mut judged = 0;
    for stranger in strangers {
        match log_in(services, &stranger, name).await {
            None => judged += 1,
            Some(seconds) => assert!((1..=60).contains(&seconds), "{seconds}"),
        }
    }
    judged
}

/// Waits until `number` wrong passwords are recorded, reported to the owner or not: no log-in waits
/// for the record.
async fn noted(services: &Services, number: u32) {
    loop {
        let noted: Option<i32> =
            sqlx::query_scalar("SELECT sum(wrong + told_wrong)::int FROM wrong_passwords")
                .fetch_one(&services.db)
                .await
                .unwrap();
        if noted == Some(number as i32) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn log_in_right(services: &Services, from: &Client, name: &str) -> Session {
    let (_, tokens) = sessions::log_in(services, from, name, PASSWORD)
        .await
        .unwrap();
    sessions::authenticate(services, &tokens.access)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_from_many_addresses_is_slowed_and_the_owner_is_not() {
    let Two { world, other } = two(Limits::NONE).await;
    let services = &world.services;
    world.account("mina").await;
    log_in_right(services, &at("198.51.100.4"), "mina").await;

    // By now the owner has another address of the same provider, and logs in at once, repeatedly.
    let attack = async {
        let tried = judged(services, many(400), "mina").await;
        // The waits after the budget are seconds, and a slow machine takes as long.
        assert!(
            (STRANGERS_FREE + 1..STRANGERS_FREE + 8).contains(&tried),
            "{tried}"
        );
        tried
    };
    let owner = async {
        for _ in 0..6 {
            log_in_right(&other, &at("198.51.100.200"), "mina").await;
        }
    };
    let (tried, ()) = tokio::join!(attack, owner);
    log_in_right(&other, &at("198.51.100.200"), "mina").await;

    // From elsewhere the owner waits for a minute at most, and the log-in lets no other client
    // through.
    let new = at("203.0.113.7");
    let wait_for = wait(sessions::log_in(services, &new, "mina", PASSWORD).await);
    world
        .clock
        .advance(TimeDelta::seconds(wait_for.unwrap_or_default().into()));
    let me = log_in_right(services, &new, "mina").await;
    let more = judged(services, many(450).skip(400), "mina").await;
    assert!(more <= 3, "{more}");

    noted(services, tried + more).await;
    let me = match more {
        0 => me,
        _ => log_in_right(services, &new, "mina").await,
    };
    let told = sessions::wrong_passwords(services, &me).await.unwrap();
    let told = told.unwrap();
    assert_eq!(told.wrong, tried + more);
    assert!(told.addresses.abs_diff(tried + more) <= 5, "{told:?}");
    // The addresses themselves are not stored.
    let rows: String = sqlx::query_scalar("SELECT row_to_json(w)::text FROM wrong_passwords AS w")
        .fetch_one(&services.db)
        .await
        .unwrap();
    assert!(!rows.contains("10.0."), "{rows}");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_slowed_alike() {
    let Two { world, .. } = two(Limits::NONE).await;
    let tried = judged(&world.services, many(60), "nobody").await;
    assert!(
        (STRANGERS_FREE + 1..STRANGERS_FREE + 6).contains(&tried),
        "{tried}"
    );
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM wrong_passwords")
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_stolen_session_is_no_way_to_try_passwords_from_many_addresses() {
    let Two { world, .. } = two(Limits::NONE).await;
    let mina = world.account("mina").await;
    let stolen = world.log_in(&mina).await;
    let new = Password::parse_new("another long passphrase", "mina").unwrap();
    let mut tried = 0;
    for from in many(60) {
        let refused =
            accounts::change_password(&world.services, &from, &stolen, "wrong", &new).await;
        if wait(refused).is_none() {
            tried += 1;
        }
    }
    assert!(
        (STRANGERS_FREE + 1..STRANGERS_FREE + 6).contains(&tried),
        "{tried}"
    );
    // Another session of the owner is not affected.
    let own = log_in_right(&world.services, &at("198.51.100.4"), "mina").await;
    accounts::change_password(&world.services, &at("198.51.100.4"), &own, PASSWORD, &new)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_network_is_known_for_ninety_days_after_a_log_in() {
    let Two { world, .. } = two(Limits::NONE).await;
    let services = &world.services;
    world.account("mina").await;
    let home = at("2001:db8:0:1::7");
    log_in_right(services, &home, "mina").await;
    let hour = TimeDelta::hours(1);
    world.clock.advance(KNOWN - hour);
    sessions::purge(services).await.unwrap();
    judged(services, many(40), "mina").await;
    log_in_right(services, &at("2001:db8:0:1:2::9"), "mina").await;
    world.clock.advance(KNOWN + hour);
    sessions::purge(services).await.unwrap();
    judged(services, many(40), "mina").await;
    let stranger = sessions::log_in(services, &home, "mina", PASSWORD).await;
    assert!(wait(stranger).is_some());
}

#[tokio::test]
async fn an_owner_is_told_once_of_what_others_have_tried() {
    let Two { world, .. } = two(Limits::NONE).await;
    let services = &world.services;
    world.account("mina").await;
    let home = at("198.51.100.4");
    let told = async |me: &Session| sessions::wrong_passwords(services, me).await.unwrap();
    let me = log_in_right(services, &home, "mina").await;
    assert_eq!(told(&me).await, None);

    // The owner's own mistakes are not reported.
    judged(services, [home.clone(), home.clone()].into_iter(), "mina").await;
    noted(services, 2).await;
    let me = log_in_right(services, &home, "mina").await;
    assert_eq!(told(&me).await, None);

    // Guesses of others are reported, and add up until they are read.
    judged(services, many(3), "mina").await;
    judged(services, [home.clone()].into_iter(), "mina").await;
    noted(services, 4).await;
    let me = log_in_right(services, &home, "mina").await;
    let first = told(&me).await.unwrap();
    assert_eq!((first.wrong, first.addresses), (3, 3));
    judged(services, many(1), "mina").await;
    noted(services, 4).await;
    assert_eq!(told(&me).await, Some(first));
    let me = log_in_right(services, &home, "mina").await;
    assert_eq!(told(&me).await.map(|told| told.wrong), Some(4));
    sessions::dismiss_wrong_passwords(services, &me)
        .await
        .unwrap();
    assert_eq!(told(&me).await, None);

    // Unread, they are reported for a week.
    judged(services, many(2), "mina").await;
    noted(services, 2).await;
    let me = log_in_right(services, &home, "mina").await;
    world.clock.advance(TOLD - TimeDelta::minutes(5));
    assert_eq!(told(&me).await.map(|told| told.wrong), Some(2));
    world.clock.advance(TimeDelta::minutes(5));
    assert_eq!(told(&me).await, None);
    sessions::purge(services).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM wrong_passwords")
        .fetch_one(&services.db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

/// Regression: with Redis full, wrong passwords were not counted, and the answer revealed the right
/// one.
#[tokio::test]
async fn what_cannot_be_counted_is_refused_before_a_password_is_looked_at() {
    let (stores, _dir) = testing::throwaway().await.unwrap();
    let settings = Settings {
        database_url: stores.database_url().to_owned(),
        redis_url: stores.redis_url().to_owned(),
        redis_prefix: String::new(),
        token_secrets: vec![Secret::new("the secret of these tests, long enough")],
        clock: Clock::default(),
        limits: Limits::DEFAULT,
    };
    let services = Services::connect(settings).await.unwrap();
    let form: NewAccount = form("mina").parse().unwrap();
    let account = accounts::sign_up(&services, &here(), form).await.unwrap();
    let tokens = sessions::open(&services, &here(), &account).await.unwrap();
    let mina = sessions::authenticate(&services, &tokens.access)
        .await
        .unwrap();
    let mut redis = testing::connect(stores.redis_url()).await.unwrap();
    let mut may_use = async |bytes: u32| {
        let set: redis::RedisResult<()> = redis::cmd("CONFIG")
            .arg(("SET", "maxmemory", bytes))
            .query_async(&mut redis)
            .await;
        set.unwrap();
    };
    services.redis.takes_writes().await.unwrap();
    assert_eq!(
        services
            .redis
            .room()
            .await
            .unwrap()
            .filter(|room| room.is_short()),
        None
    );

    may_use(1).await;
    let hashed = services.passwords.computed();
    for password in [PASSWORD, "wrong-horse"] {
        for from in [here(), at("203.0.113.7")] {
            let refused = sessions::log_in(&services, &from, "mina", password).await;
            assert_eq!(refused.unwrap_err().refusal(), Refusal::Unavailable);
        }
        let refused =
            accounts::delete(&services, &here(), &mina, password, TicketsLeft::Keep).await;
        assert_eq!(refused.unwrap_err().refusal(), Refusal::Unavailable);
    }
    assert_eq!(services.passwords.computed(), hashed);
    assert!(services.redis.takes_writes().await.is_err());
    assert!(services.redis.room().await.unwrap().unwrap().is_short());

    may_use(0).await;
    services.redis.takes_writes().await.unwrap();
    assert!(
        sessions::log_in(&services, &here(), "mina", PASSWORD)
            .await
            .is_ok()
    );
}
