//! P7: a log-out takes effect on every server at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, stream};
use model::Refusal;
use model::accounts::Role;
use model::sessions::EndReason;
use services::sessions::{self, ACCESS_LIFE, REFRESH_LIFE, SESSIONS_MAX};
use services::{Services, accounts, sessions::Tokens};
use std::net::IpAddr;
use std::time::Duration;
use support::{World, another_server, client, here, session, world};
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
    match sessions::refresh(services, &here(), token).await {
        Ok(tokens) => Some(tokens),
        Err(error) => {
            let refusal = error.refusal();
            let ended = matches!(refusal, Refusal::NotLoggedIn | Refusal::SessionEnded { .. });
            assert!(ended, "{refusal:?}");
            None
        }
    }
}

#[tokio::test]
async fn a_logged_out_token_opens_nothing_on_either_server() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &client("phone"), &account)
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
        (life - left).abs() < 60_000,
        "the blacklist entry lives {life} ms, the token {left} ms"
    );
    assert!(
        (left - TimeDelta::minutes(11).num_milliseconds()).abs() < 60_000,
        "{left}"
    );
}

#[tokio::test]
async fn logging_out_ends_one_session_and_no_other() {
    let world = world().await;
    let account = world.account("mina").await;
    let phone = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    let laptop = sessions::open(&world.services, &client("laptop"), &account)
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
    let first = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    world.clock.advance(ACCESS_LIFE);
    assert!(!opens(&world.services, &first.access).await);

    let first_refresh = first.refresh;
    let second = refreshed(&world.services, &first_refresh).await.unwrap();
    assert!(opens(&world.services, &second.access).await);
    // The browser's other tab sent the same token at the same moment.
    let parallel = refreshed(&world.services, &first_refresh).await.unwrap();
    assert!(parallel.refresh == second.refresh && opens(&world.services, &parallel.access).await);

    world.clock.advance(REFRESH_LIFE);
    assert!(refreshed(&world.services, &second.refresh).await.is_none());
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let world = world().await;
    let account = world.account("mina").await;
    let stolen = sessions::open(&world.services, &client("phone"), &account)
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
    let out = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    let stays = sessions::open(&world.services, &client("laptop"), &account)
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
    let first = sessions::open(&world.services, &client("phone"), &account)
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
    sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    assert_eq!(sessions::purge(&world.services).await.unwrap(), 0);
    world.clock.advance(REFRESH_LIFE);
    assert_eq!(sessions::purge(&world.services).await.unwrap(), 1);
}

/// As after Redis has lost everything: all clients refresh at once, and there are more of them than
/// connections.
#[tokio::test]
async fn a_hundred_refreshes_at_once_do_not_wait_for_each_other() {
    let world = world().await;
    let mut sessions = Vec::new();
    for name in ["mina", "jun"] {
        let account = world.account(name).await;
        for _ in 0..SESSIONS_MAX {
            let opened = sessions::open(&world.services, &client("test"), &account).await;
            sessions.push(opened.unwrap());
        }
    }
    world.lose("session:*").await;
    let from = here();
    let refreshed = sessions
        .iter()
        .map(|tokens| sessions::refresh(&world.services, &from, &tokens.refresh));
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
        let tokens = sessions::open(&world.services, &client(device), &account)
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
    // A session that ended before this server began to listen is found by a check after the hold;
    // so repeat until it listens.
    loop {
        let tokens = sessions::open(&world.services, &client("another"), &account)
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

    // On the same server no notification is needed.
    sessions::log_out(&other, &sessions[1]).await.unwrap();
    elsewhere.ended().await;
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_used_lives_on() {
    let world = world().await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &client("phone"), &account)
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
    redis::cmd("EXPIRE")
        .arg((&key, 100))
        .exec_async(&mut redis.connection())
        .await
        .unwrap();
    world.clock.advance(ACCESS_LIFE);
    let second = refreshed(&world.services, &tokens.refresh).await.unwrap();
    assert!(life().await > 80_000);
    // But for no longer than thirty days in all.
    world
        .clock
        .advance(REFRESH_LIFE - ACCESS_LIFE - TimeDelta::minutes(1));
    refreshed(&world.services, &second.refresh).await.unwrap();
    assert!(life().await <= 60);
}

async fn ended_because(services: &Services, refresh_token: &str) -> Refusal {
    let refused = sessions::refresh(services, &here(), refresh_token).await;
    refused.unwrap_err().refusal()
}

#[tokio::test]
async fn whoever_was_logged_out_is_told_why() {
    let world = world().await;
    let services = &world.services;
    let account = world.account("mina").await;
    let open = async |device| {
        sessions::open(services, &client(device), &account)
            .await
            .unwrap()
    };
    let home = open("home").await;
    let me = sessions::authenticate(services, &home.access)
        .await
        .unwrap();

    let stolen = open("stolen").await;
    let second = sessions::refresh(services, &here(), &stolen.refresh)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::minutes(2));
    // First the thief, and then the owner of the token.
    for token in [&stolen.refresh, &second.refresh] {
        let reason = EndReason::Reuse;
        assert_eq!(
            ended_because(services, token).await,
            Refusal::SessionEnded { reason }
        );
    }
    let misused = sessions::list(services, &me)
        .await
        .unwrap()
        .misused
        .unwrap();
    assert_eq!(misused.device, "stolen");

    let elsewhere = open("elsewhere").await;
    sessions::end_other_sessions(services, &me).await.unwrap();
    let reason = EndReason::Elsewhere;
    assert_eq!(
        ended_because(services, &elsewhere.refresh).await,
        Refusal::SessionEnded { reason }
    );
    // A client that knows only the session's id learns nothing.
    let (sid, _) = elsewhere.refresh.split_once('.').unwrap();
    let guess = format!("{sid}.{}", "a".repeat(75));
    assert_eq!(ended_because(services, &guess).await, Refusal::NotLoggedIn);
    // Nor can it end an open session.
    let (sid, _) = home.refresh.split_once('.').unwrap();
    let guess = format!("{sid}.{}", "a".repeat(75));
    assert_eq!(ended_because(services, &guess).await, Refusal::NotLoggedIn);
    assert!(refreshed(services, &home.refresh).await.is_some());
}

#[tokio::test]
async fn an_access_token_that_was_rotated_away_opens_nothing() {
    let world = world().await;
    let account = world.account("mina").await;
    let first = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    world.clock.advance(TimeDelta::minutes(5));
    let second = refreshed(&world.services, &first.refresh).await.unwrap();
    assert!(!opens(&world.services, &first.access).await);
    // The other server's clock is behind, and a parallel request refreshes there.
    world.clock.advance(TimeDelta::seconds(-3));
    let parallel = refreshed(&world.services, &first.refresh).await.unwrap();
    for tokens in [&second, &parallel] {
        assert!(opens(&world.services, &tokens.access).await);
    }
}

#[tokio::test]
async fn one_sees_where_one_is_logged_in_and_ends_what_one_does_not_know() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let mut opened = Vec::new();
    for device in ["phone", "laptop", "library"] {
        let client = client(device);
        let tokens = sessions::open(&world.services, &client, &account)
            .await
            .unwrap();
        opened.push(tokens);
    }
    let session = async |n: usize| -> sessions::Session {
        sessions::authenticate(&world.services, &opened[n].access)
            .await
            .unwrap()
    };
    let (phone, library) = (session(0).await, session(2).await);
    world.clock.advance(TimeDelta::minutes(3));
    let cafe: IpAddr = [203, 0, 113, 7].into();
    sessions::seen(&other, &library, cafe);
    let seen = async {
        loop {
            let list = sessions::list(&world.services, &phone).await.unwrap();
            if let Some(entry) = list.open.iter().find(|entry| entry.device == "library")
                && entry.address == cafe.to_string()
            {
                return list;
            }
            tokio::task::yield_now().await;
        }
    };
    let list = tokio::time::timeout(Duration::from_secs(10), seen)
        .await
        .expect("it is known where it was used last");
    let devices: Vec<&str> = list.open.iter().map(|e| e.device.as_str()).collect();
    assert_eq!(
        devices[..2],
        ["phone", "library"],
        "this one, then the one seen last"
    );
    assert!(list.open[0].current && !list.open[1].current);
    assert!(list.open[1].last_seen_at - list.open[1].created_at >= TimeDelta::minutes(3));

    sessions::end_session(&world.services, &phone, &library.sid)
        .await
        .unwrap();
    assert!(!opens(&other, &opened[2].access).await);
    assert!(opens(&other, &opened[1].access).await);
    // The session of another account is not found.
    let stranger = world.account("stranger").await;
    let stranger = world.log_in(&stranger).await;
    let refused = sessions::end_session(&world.services, &stranger, &phone.sid).await;
    assert_eq!(refused.unwrap_err().refusal(), Refusal::NotFound);
    assert!(opens(&other, &opened[0].access).await);

    sessions::end_other_sessions(&world.services, &phone)
        .await
        .unwrap();
    assert!(!opens(&other, &opened[1].access).await);
    assert!(opens(&other, &opened[0].access).await);
    assert_eq!(sessions::list(&other, &phone).await.unwrap().open.len(), 1);
}

/// A server that dies between PostgreSQL and Redis leaves an ended session in Redis.
#[tokio::test]
async fn what_a_server_left_in_redis_when_it_died_is_swept_away() {
    let world = world().await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    let (sid, _) = tokens.refresh.split_once('.').unwrap();
    sqlx::query("UPDATE sessions SET ended_at = $2, ended_by = 'elsewhere' WHERE sid = $1")
        .bind(sid)
        .bind(world.clock.now())
        .execute(&world.services.db)
        .await
        .unwrap();
    assert!(opens(&world.services, &tokens.access).await);
    sessions::sweep(&world.services, TimeDelta::minutes(10))
        .await
        .unwrap();
    assert!(!opens(&world.services, &tokens.access).await);
}

#[tokio::test]
async fn a_client_whose_access_token_has_run_out_logs_out_with_its_refresh_token() {
    let world = world().await;
    let account = world.account("mina").await;
    let tokens = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    let (sid, _) = tokens.refresh.split_once('.').unwrap();
    for none in ["", "x", &format!("{sid}.guess")] {
        sessions::log_out_with(&world.services, none).await.unwrap();
    }
    assert!(opens(&world.services, &tokens.access).await);
    sessions::log_out_with(&world.services, &tokens.refresh)
        .await
        .unwrap();
    assert!(!opens(&world.services, &tokens.access).await);
    assert!(refreshed(&world.services, &tokens.refresh).await.is_none());
}

/// Regression: before the limit existed, an account with 20,000 sessions could not be deactivated
/// within the time of a request.
#[tokio::test]
async fn an_account_has_so_many_sessions_and_the_one_not_used_for_longest_gives_way() {
    let world = world().await;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let neighbour = world.account("jun").await;
    let theirs = sessions::open(&world.services, &here(), &neighbour)
        .await
        .unwrap();
    // As an older release may have left them.
    sqlx::query(
        "INSERT INTO sessions (sid, account_id, refresh_hash, rotated_at, device, address, created_at, seen_at, expires_at)
         SELECT 'old' || n, $1, decode(md5(n::text), 'hex'), $2, '', '', $2, $2, $2 + interval '30 days' FROM generate_series(1, 5000) n",
    )
    .bind(account.id.0)
    .bind(world.clock.now() - TimeDelta::hours(1))
    .execute(&world.services.db)
    .await
    .unwrap();
    let mut opened = Vec::new();
    for _ in 0..SESSIONS_MAX + 2 {
        world.clock.advance(TimeDelta::seconds(1));
        let tokens = sessions::open(&world.services, &here(), &account)
            .await
            .unwrap();
        opened.push(tokens);
    }
    for (n, tokens) in opened.iter().enumerate() {
        assert_eq!(opens(&other, &tokens.access).await, n >= 2, "session {n}");
    }
    let refused = sessions::refresh(&other, &here(), &opened[0].refresh).await;
    let reason = EndReason::Displaced;
    assert_eq!(
        refused.err().unwrap().refusal(),
        Refusal::SessionEnded { reason }
    );
    let newest = &opened[opened.len() - 1];
    let me = sessions::authenticate(&other, &newest.access)
        .await
        .unwrap();
    let list = sessions::list(&other, &me).await.unwrap();
    assert_eq!(list.open.len(), SESSIONS_MAX as usize);
    assert!(list.open[0].current);
    sessions::end_other_sessions(&other, &me).await.unwrap();
    assert!(opens(&world.services, &newest.access).await);
    assert!(!opens(&world.services, &opened[10].access).await);
    assert!(opens(&other, &theirs.access).await);
}

/// Excess refreshes are refused before they take a connection to PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refreshes_of_one_session_holds_up_nobody() {
    let world = world().await;
    let (mina, jun) = (world.account("mina").await, world.account("jun").await);
    let flooded = sessions::open(&world.services, &here(), &mina)
        .await
        .unwrap();
    let theirs = sessions::open(&world.services, &here(), &jun)
        .await
        .unwrap();
    // The session's row is locked.
    let mut holding = services::stores::begin(&world.services.db).await.unwrap();
    let sid = flooded.refresh.split('.').next().unwrap();
    sqlx::query("SELECT sid FROM sessions WHERE sid = $1 FOR UPDATE")
        .bind(sid)
        .execute(&mut *holding)
        .await
        .unwrap();
    let flood: Vec<_> = (0..300)
        .map(|_| {
            let (services, refresh) = (world.services.clone(), flooded.refresh.clone());
            tokio::spawn(async move {
                sessions::refresh(&services, &here(), &refresh)
                    .await
                    .map(drop)
            })
        })
        .collect();
    let mut flood: FuturesUnordered<_> = flood.into_iter().collect();
    for _ in 0..270 {
        let refused = flood.next().await.unwrap().unwrap().unwrap_err().refusal();
        assert!(
            matches!(refused, Refusal::TooManyRequests { .. }),
            "{refused:?}"
        );
    }
    // The rest of the flood still waits for the row.
    assert!(refreshed(&world.services, &theirs.refresh).await.is_some());
    holding.rollback().await.unwrap();
    while let Some(refreshed) = flood.next().await {
        assert!(refreshed.unwrap().is_ok());
    }
}

/// As when Redis loses everything in the middle of a sale: no user types a password, and no
/// password is hashed.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_sessions_come_back_without_a_password() {
    const PEOPLE: i64 = 10_000;
    let world = world().await;
    let ids: Vec<i64> = world
        .accounts(PEOPLE)
        .await
        .iter()
        .map(|session| session.account_id.0)
        .collect();
    let opened = open_all(&world, &ids).await;
    let out = &opened[0];
    let me = sessions::authenticate(&world.services, &out.access)
        .await
        .unwrap();
    sessions::log_out(&world.services, &me).await.unwrap();
    world.lose("*").await;

    let hashed = world.services.passwords.computed();
    let refreshed: Vec<bool> = stream::iter(opened)
        .map(|tokens| {
            let services = world.services.clone();
            async move {
                loop {
                    match sessions::refresh(&services, &here(), &tokens.refresh).await {
                        Ok(fresh) => {
                            break sessions::authenticate(&services, &fresh.access)
                                .await
                                .is_ok();
                        }
                        // A slow machine cannot serve all of them at once.
                        Err(error) if error.refusal() == Refusal::Unavailable => {}
                        Err(error) => {
                            assert!(matches!(error.refusal(), Refusal::SessionEnded { .. }));
                            break false;
                        }
                    }
                }
            }
        })
        .buffered(16)
        .collect()
        .await;
    assert!(!refreshed[0], "who was logged out stays out");
    assert!(refreshed[1..].iter().all(|back| *back));
    assert_eq!(world.services.passwords.computed(), hashed);
}

async fn open_all(world: &World, ids: &[i64]) -> Vec<Tokens> {
    stream::iter(ids.to_vec())
        .map(|id| {
            let services = world.services.clone();
            async move {
                let account = accounts::find(&services, session(id, Role::User).account_id)
                    .await
                    .unwrap();
                sessions::open(&services, &client("phone"), &account)
                    .await
                    .unwrap()
            }
        })
        .buffered(16)
        .collect()
        .await
}
