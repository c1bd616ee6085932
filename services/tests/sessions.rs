//! P7: logged out is logged out, on every server, at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::FutureExt;
use model::Refusal;
use services::sessions::{self, ACCESS_LIFE, REFRESH_LIFE};
use services::{Services, sessions::Tokens};
use std::time::Duration;
use support::{another_server, here, world};
use tokio_util::sync::CancellationToken;

async fn opens(services: &Services, token: &str) -> bool {
    match sessions::authenticate(services, token).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.refusal(), Refusal::NotLoggedIn);
            false
        }
    }
}

async fn refreshed(services: &Services, token: &str) -> Option<Tokens> {
    match sessions::refresh(services, here(), token).await {
        Ok(tokens) => Some(tokens),
        Err(error) => {
            assert_eq!(error.refusal(), Refusal::NotLoggedIn);
            None
        }
    }
}

#[tokio::test]
async fn a_logged_out_token_opens_nothing_on_either_server() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    assert!(opens(&world.services, &tokens.access).await && opens(&other, &tokens.access).await);

    world.clock.advance(TimeDelta::minutes(4));
    let session = sessions::authenticate(&other, &tokens.access)
        .await
        .unwrap();
    sessions::log_out(&other, &session).await.unwrap();
    assert!(!opens(&world.services, &tokens.access).await && !opens(&other, &tokens.access).await);
    assert!(refreshed(&world.services, &tokens.refresh).await.is_none());

    let key = world.services.redis.key(format_args!(
        "blacklist:{{{}}}:{}",
        session.sid, session.jti
    ));
    let life: i64 = redis::cmd("PTTL")
        .arg(&key)
        .query_async(&mut world.services.redis.connection())
        .await
        .unwrap();
    let left = (session.expires_at - world.clock.now()).num_milliseconds();
    assert!(
        (life - left).abs() < 1000,
        "the blacklist entry lives {life} ms, the token {left} ms"
    );
    assert!(
        (left - TimeDelta::minutes(11).num_milliseconds()).abs() < 2000,
        "{left}"
    );
}

#[tokio::test]
async fn logging_out_ends_one_session_and_no_other() {
    let world = world().await;
    let account = world.account("mina").await;
    let phone = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    let laptop = sessions::open(&world.services, &account, "laptop")
        .await
        .unwrap();
    let session = sessions::authenticate(&world.services, &phone.access)
        .await
        .unwrap();
    sessions::log_out(&world.services, &session).await.unwrap();
    assert!(!opens(&world.services, &phone.access).await);
    assert!(opens(&world.services, &laptop.access).await);
}

#[tokio::test]
async fn an_access_token_expires_and_a_refresh_token_brings_the_session_on() {
    let world = world().await;
    let account = world.account("mina").await;
    let first = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    world.clock.advance(ACCESS_LIFE);
    assert!(!opens(&world.services, &first.access).await);

    let first_refresh = first.refresh;
    let second = refreshed(&world.services, &first_refresh).await.unwrap();
    assert!(opens(&world.services, &second.access).await);
    // The browser's other tab asked at the same moment with the same token.
    let parallel = refreshed(&world.services, &first_refresh).await.unwrap();
    assert!(parallel.refresh == second.refresh && opens(&world.services, &parallel.access).await);

    world.clock.advance(REFRESH_LIFE);
    assert!(refreshed(&world.services, &second.refresh).await.is_none());
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let world = world().await;
    let account = world.account("mina").await;
    let stolen = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap()
        .refresh;
    let current = refreshed(&world.services, &stolen).await.unwrap();
    world.clock.advance(TimeDelta::minutes(2));
    assert!(refreshed(&world.services, &stolen).await.is_none());
    assert!(!opens(&world.services, &current.access).await);
    assert!(refreshed(&world.services, &current.refresh).await.is_none());
}

#[tokio::test]
async fn a_lost_redis_lets_nobody_in_wrongly_and_a_refresh_brings_back_who_was_in() {
    let world = world().await;
    let account = world.account("mina").await;
    let out = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    let stays = sessions::open(&world.services, &account, "laptop")
        .await
        .unwrap();
    let session = sessions::authenticate(&world.services, &out.access)
        .await
        .unwrap();
    sessions::log_out(&world.services, &session).await.unwrap();

    world.lose("*").await;
    assert!(!opens(&world.services, &out.access).await);
    assert!(!opens(&world.services, &stays.access).await);
    assert!(refreshed(&world.services, &out.refresh).await.is_none());
    let back = refreshed(&world.services, &stays.refresh).await.unwrap();
    assert!(opens(&world.services, &back.access).await);
    assert!(!opens(&world.services, &out.access).await);
}

#[tokio::test]
async fn what_was_never_a_token_opens_nothing() {
    let world = world().await;
    for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u{0}"] {
        assert!(!opens(&world.services, token).await);
        assert!(refreshed(&world.services, token).await.is_none());
    }
}

#[tokio::test]
async fn any_refresh_token_but_the_newest_ends_the_session() {
    let world = world().await;
    let account = world.account("mina").await;
    let first = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap()
        .refresh;
    let second = refreshed(&world.services, &first).await.unwrap().refresh;
    let third = refreshed(&world.services, &second).await.unwrap();
    assert!(refreshed(&world.services, &first).await.is_none());
    assert!(!opens(&world.services, &third.access).await);
    assert!(refreshed(&world.services, &third.refresh).await.is_none());
}

#[tokio::test]
async fn a_session_that_has_run_out_is_forgotten() {
    let world = world().await;
    let account = world.account("mina").await;
    sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    assert_eq!(sessions::purge(&world.services).await.unwrap(), 0);
    world.clock.advance(REFRESH_LIFE);
    assert_eq!(sessions::purge(&world.services).await.unwrap(), 1);
}

/// As after Redis has lost everything: everybody refreshes at once, and there are more of them than connections.
#[tokio::test]
async fn a_hundred_refreshes_at_once_do_not_wait_for_each_other() {
    let world = world().await;
    let account = world.account("mina").await;
    let mut sessions = Vec::new();
    for _ in 0..100 {
        sessions.push(
            sessions::open(&world.services, &account, "test")
                .await
                .unwrap(),
        );
    }
    world.lose("session:*").await;
    let refreshed = sessions
        .iter()
        .map(|tokens| sessions::refresh(&world.services, here(), &tokens.refresh));
    for outcome in futures::future::join_all(refreshed).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn what_is_held_open_ends_with_its_session_wherever_that_is_logged_out() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let mut sessions = Vec::new();
    for device in ["phone", "laptop"] {
        let tokens = sessions::open(&world.services, &account, device)
            .await
            .unwrap();
        let session = sessions::authenticate(&other, &tokens.access)
            .await
            .unwrap();
        sessions.push(session);
    }
    let stop = CancellationToken::new();
    let listening = tokio::spawn(sessions::listen(other.clone(), stop.clone()));
    let held = sessions::hold(&other, &sessions[0]);
    let (twice, elsewhere) = (
        sessions::hold(&other, &sessions[0]),
        sessions::hold(&other, &sessions[1]),
    );
    drop(twice);
    // What ended before this server began to listen is found by asking after holding; so until it listens.
    loop {
        let tokens = sessions::open(&world.services, &account, "another")
            .await
            .unwrap();
        let another = sessions::authenticate(&other, &tokens.access)
            .await
            .unwrap();
        let hold = sessions::hold(&other, &another);
        sessions::log_out(&world.services, &another).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_secs(1), hold.ended()).await;
        if heard.is_ok() {
            break;
        }
    }
    sessions::log_out(&world.services, &sessions[0])
        .await
        .unwrap();
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, held.ended())
        .await
        .expect("heard of it");
    assert!(
        elsewhere.ended().now_or_never().is_none(),
        "the other session goes on"
    );

    // On the same server nobody has to be asked.
    sessions::log_out(&other, &sessions[1]).await.unwrap();
    elsewhere.ended().await;
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_used_lives_on() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &account, "phone")
        .await
        .unwrap();
    let (sid, _) = tokens.refresh.split_once('.').unwrap();
    let redis = &world.services.redis;
    let key = redis.key(format_args!("session:{{{sid}}}"));
    let life = async || -> i64 {
        let mut command = redis::cmd("TTL");
        command.arg(&key);
        command.query_async(&mut redis.connection()).await.unwrap()
    };
    for server in [&world.services, &other] {
        redis::cmd("EXPIRE")
            .arg((&key, 100))
            .exec_async(&mut redis.connection())
            .await
            .unwrap();
        assert!(opens(server, &tokens.access).await);
        // Nobody waits for it.
        let prolonged = async {
            while life().await < 80_000 {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, prolonged)
            .await
            .expect("it lives on");
    }
    redis::cmd("EXPIRE")
        .arg((&key, 100))
        .exec_async(&mut redis.connection())
        .await
        .unwrap();
    assert!(opens(&other, &tokens.access).await);
    assert!(life().await <= 100, "no write with each request");
}
