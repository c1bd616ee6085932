//! Accounts from the first change to the purge, and the actions of admins on them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use model::accounts::{Account, AccountId, Password, ProfileForm, Role, TicketsLeft};
use model::admin::{AccountAction, AccountState, Actor, Deed};
use model::sessions::EndReason;
use model::{Field, Refusal};
use services::accounts::RESTORABLE;
use services::admission;
use services::sessions::{self, Session};
use services::{Error, Services, accounts, admin};
use std::time::Duration;
use support::{PASSWORD, World, another_server, client, form, here, world};

/// The choice of an unchanged form.
const LEFT: TicketsLeft = TicketsLeft::GiveBack;

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Refusal {
    outcome.unwrap_err().refusal()
}

async fn log_in(services: &Services, name: &str, password: &str) -> Result<Session, Error> {
    let (_, tokens) = sessions::log_in(services, &here(), name, password).await?;
    sessions::authenticate(services, &tokens.access).await
}

async fn admin_of(world: &World, name: &str) -> Session {
    let form = form(name).parse().unwrap();
    let account = accounts::create(&world.services, form, Role::Admin)
        .await
        .unwrap();
    world.log_in(&account).await
}

async fn waiting(world: &World, account: &Account) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM queue_entries WHERE account_id = $1 AND state = 'waiting'",
    )
    .bind(account.id.0)
    .fetch_one(&world.services.db)
    .await
    .unwrap()
}

/// Returns whether the access token is accepted.
async fn is_in(services: &Services, tokens: &sessions::Tokens) -> bool {
    sessions::authenticate(services, &tokens.access)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let world = world().await;
    let services = &world.services;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let phone = sessions::open(services, &client("phone"), &account)
        .await
        .unwrap();
    let me = world.log_in(&account).await;
    let new = Password::parse_new("another long passphrase", "mina").unwrap();

    let refused = accounts::change_password(services, &here(), &me, "not this", &new).await;
    assert_eq!(refusal(refused), Refusal::WrongPassword);
    assert!(is_in(&other, &phone).await);
    accounts::change_password(services, &here(), &me, PASSWORD, &new)
        .await
        .unwrap();
    assert!(!is_in(&other, &phone).await);
    assert!(sessions::is_open(&other, &me).await.unwrap());
    let reason = EndReason::Password;
    assert_eq!(
        refusal(sessions::refresh(services, &here(), &phone.refresh).await),
        Refusal::SessionEnded { reason }
    );
    assert_eq!(
        refusal(log_in(services, "mina", PASSWORD).await),
        Refusal::WrongCredentials
    );
    log_in(services, "mina", new.expose()).await.unwrap();
}

#[tokio::test]
async fn a_changed_nickname_is_seen_by_the_next_request() {
    let world = world().await;
    let account = world.account("mina").await;
    let before = account.clone();
    world.account("jun").await;
    let tokens = sessions::open(&world.services, &client("phone"), &account)
        .await
        .unwrap();
    let me = sessions::authenticate(&world.services, &tokens.access)
        .await
        .unwrap();
    let profile = |nickname: &str, email: &str| ProfileForm {
        name: "Mina Kim".into(),
        nickname: nickname.into(),
        email: email.into(),
    };
    let taken = profile("M", "Jun@Example.com");
    let from = here();
    let change = |profile, password: &'static str| {
        accounts::change_profile(&world.services, &from, &me, None, profile, password)
    };
    assert_eq!(refusal(change(taken, PASSWORD).await), Refusal::EmailTaken);
    let problems = refusal(change(profile(" ", "x"), PASSWORD).await);
    assert!(problems.problem_of(Field::Nickname).is_some());
    assert!(problems.problem_of(Field::Email).is_some());

    let changed = profile("Moonlight", "kim@example.com");
    // Access to an open session is not enough to take the account over.
    for wrong in ["", "wrong-horse-battery"] {
        let refused = change(changed.clone(), wrong).await;
        assert_eq!(refusal(refused), Refusal::WrongPassword);
    }
    let account = change(changed, PASSWORD).await.unwrap();
    assert_eq!(
        (account.nickname.as_str(), account.email.as_str()),
        ("Moonlight", "kim@example.com")
    );
    let me = sessions::authenticate(&world.services, &tokens.access)
        .await
        .unwrap();
    assert_eq!(me.nickname, "Moonlight");

    // A form opened before the change reverts nothing.
    let opened = ProfileForm {
        name: "Mina Kim".into(),
        ..ProfileForm::from(&before)
    };
    let save = |typed: ProfileForm| {
        accounts::change_profile(&world.services, &from, &me, Some(&opened), typed, "")
    };
    let renamed = ProfileForm {
        name: "Mina Lee".into(),
        ..opened.clone()
    };
    let account = save(renamed).await.unwrap();
    assert_eq!(
        ProfileForm::from(&account),
        ProfileForm {
            name: "Mina Lee".into(),
            nickname: "Moonlight".into(),
            email: "kim@example.com".into(),
        }
    );
    let both = ProfileForm {
        nickname: "Sunlight".into(),
        ..opened.clone()
    };
    let fields = vec![Field::Nickname];
    assert_eq!(
        refusal(save(both).await),
        Refusal::ChangedMeanwhile { fields }
    );
}

#[tokio::test]
async fn a_deleted_account_is_out_at_once_restorable_for_thirty_days_and_then_gone() {
    let world = world().await;
    let services = &world.services;
    let other = another_server(&world.stores, &world.clock).await;
    let concert = world.concert(1, 1, 60_000).await;
    let holder = world.account("holder").await;
    let (me, boss) = (world.log_in(&holder).await, admin_of(&world, "boss").await);
    let phone = sessions::open(services, &client("phone"), &holder)
        .await
        .unwrap();
    admission::join(services, &here(), &me, concert.id)
        .await
        .unwrap();

    assert_eq!(
        refusal(accounts::delete(services, &here(), &me, "not this", LEFT).await),
        Refusal::WrongPassword
    );
    accounts::delete(services, &here(), &me, PASSWORD, LEFT)
        .await
        .unwrap();
    assert!(!is_in(&other, &phone).await && !sessions::is_open(&other, &me).await.unwrap());
    assert_eq!(waiting(&world, &holder).await, 0);
    let until = world.clock.now() + RESTORABLE;
    match refusal(log_in(services, "holder", PASSWORD).await) {
        Refusal::AccountDeleted { until: told } => {
            assert!((told - until).abs() < TimeDelta::minutes(1));
        }
        other => panic!("{other:?}"),
    }
    // A client without the password does not learn that the account is deleted.
    assert_eq!(
        refusal(log_in(services, "holder", "not this one").await),
        Refusal::WrongCredentials
    );
    // The account name and the e-mail address stay reserved for it.
    let again = accounts::sign_up(services, &here(), form("holder").parse().unwrap()).await;
    assert_eq!(refusal(again), Refusal::AccountNameTaken);

    world.clock.advance(RESTORABLE - TimeDelta::minutes(1));
    assert_eq!(accounts::purge(services).await.unwrap(), 0);
    let restored = admin::act(services, &boss, holder.id, AccountAction::Restore).await;
    assert_eq!(restored.unwrap().state, AccountState::Active);
    let me = log_in(services, "holder", PASSWORD).await.unwrap();

    accounts::delete(services, &here(), &me, PASSWORD, LEFT)
        .await
        .unwrap();
    world.clock.advance(RESTORABLE);
    // Every server purges, at the same moment.
    let (one, two) = tokio::join!(accounts::purge(services), accounts::purge(&other));
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    let row: (String, String, String, String, String) = sqlx::query_as(
        "SELECT account_name, email, name, nickname, password_hash FROM accounts WHERE id = $1",
    )
    .bind(holder.id.0)
    .fetch_one(&services.db)
    .await
    .unwrap();
    let all = format!("{row:?}");
    assert!(!all.contains("holder") && !all.contains("Someone"), "{all}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions WHERE account_id = $1")
        .bind(holder.id.0)
        .fetch_one(&services.db)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(
        refusal(log_in(services, "holder", PASSWORD).await),
        Refusal::WrongCredentials
    );
    let found = admin::find(services, &boss, holder.id).await;
    assert_eq!(refusal(found), Refusal::NotFound);
    // The name is free again.
    world.account("holder").await;
}

#[tokio::test]
async fn a_purge_keeps_the_accounting_of_tickets() {
    let world = world().await;
    let services = &world.services;
    let concert = world.concert(1, 1, 1000).await;
    let holder = world.account("holder").await;
    admin_of(&world, "boss").await;
    let me = world.log_in(&holder).await;
    admission::join(services, &here(), &me, concert.id)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO tickets (concert_id, account_id, arrival, serial, code)
         SELECT concert_id, account_id, arrival, 1, 'code' FROM queue_entries WHERE account_id = $1",
    )
    .bind(holder.id.0)
    .execute(&services.db)
    .await
    .unwrap();
    accounts::delete(services, &here(), &me, PASSWORD, TicketsLeft::Keep)
        .await
        .unwrap();
    world.clock.advance(RESTORABLE);
    assert_eq!(accounts::purge(services).await.unwrap(), 1);
    let (tickets, issued): (i64, i32) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM tickets WHERE concert_id = $1), issued FROM concerts WHERE id = $1",
    )
    .bind(concert.id.0)
    .fetch_one(&services.db)
    .await
    .unwrap();
    assert_eq!((tickets, issued), (1, 1));
}

#[tokio::test]
async fn deactivation_counts_from_the_next_request_on_every_server() {
    let world = world().await;
    let services = &world.services;
    let other = another_server(&world.stores, &world.clock).await;
    let concert = world.concert(10, 1, 60_000).await;
    let account = world.account("mina").await;
    let phone = sessions::open(&other, &client("phone"), &account)
        .await
        .unwrap();
    let me = sessions::authenticate(&other, &phone.access).await.unwrap();
    admission::join(&other, &here(), &me, concert.id)
        .await
        .unwrap();
    let boss = admin_of(&world, "boss").await;
    assert_eq!(
        refusal(admin::act(services, &me, boss.account_id, AccountAction::Deactivate).await),
        Refusal::Forbidden
    );

    let entry = admin::act(services, &boss, account.id, AccountAction::Deactivate)
        .await
        .unwrap();
    assert!(matches!(entry.state, AccountState::Deactivated { .. }));
    assert!(!is_in(&other, &phone).await);
    assert_eq!(waiting(&world, &account).await, 0);
    assert_eq!(
        refusal(log_in(&other, "mina", PASSWORD).await),
        Refusal::AccountDeactivated
    );
    assert_eq!(
        refusal(log_in(&other, "mina", "not this one").await),
        Refusal::WrongCredentials
    );

    admin::act(services, &boss, account.id, AccountAction::Restore)
        .await
        .unwrap();
    log_in(&other, "mina", PASSWORD).await.unwrap();
    // Ended sessions stay ended.
    assert!(!is_in(&other, &phone).await);
    let deeds: Vec<(Actor, Deed)> = admin::actions(services, &boss)
        .await
        .unwrap()
        .into_iter()
        .map(|action| (action.by, action.deed))
        .collect();
    let by_boss = || Actor::Admin {
        account_name: Some("boss".into()),
    };
    let role = Role::Admin;
    assert_eq!(
        deeds,
        [
            (by_boss(), Deed::Restored),
            (by_boss(), Deed::Deactivated),
            (Actor::CommandLine, Deed::Created { role }),
        ]
    );
}

/// The join was in progress when the account was deactivated.
#[tokio::test]
async fn whoever_cannot_log_in_any_more_does_not_stay_in_a_queue() {
    let world = world().await;
    let concert = world.concert(10, 1, 60_000).await;
    let account = world.account("mina").await;
    let me = world.log_in(&account).await;
    sqlx::query("UPDATE accounts SET deactivated_at = now() WHERE id = $1")
        .bind(account.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    admission::join(&world.services, &here(), &me, concert.id)
        .await
        .unwrap();
    assert_eq!(waiting(&world, &account).await, 1);
    accounts::withdraw_unused(&world.services).await.unwrap();
    assert_eq!(waiting(&world, &account).await, 0);
}

#[tokio::test]
async fn a_role_that_was_taken_away_counts_from_the_next_request() {
    let world = world().await;
    let services = &world.services;
    let other = another_server(&world.stores, &world.clock).await;
    let account = world.account("mina").await;
    let boss = admin_of(&world, "boss").await;
    admin::change_role(services, &boss, account.id, Role::Organiser)
        .await
        .unwrap();
    let phone = sessions::open(&other, &client("phone"), &account)
        .await
        .unwrap();
    let role = async || -> Role {
        let me = sessions::authenticate(&other, &phone.access).await;
        me.unwrap().role
    };
    assert_eq!(role().await, Role::Organiser);
    let entry = admin::change_role(services, &boss, account.id, Role::User)
        .await
        .unwrap();
    assert_eq!((entry.role, role().await), (Role::User, Role::User));
}

#[tokio::test]
async fn there_is_always_an_admin_left() {
    let world = world().await;
    let services = &world.services;
    let (one, two) = (admin_of(&world, "one").await, admin_of(&world, "two").await);
    assert_eq!(
        refusal(admin::change_role(services, &one, one.account_id, Role::User).await),
        Refusal::OwnAccount
    );
    // Each admin takes the other's role away, at the same moment.
    let (first, second) = tokio::join!(
        admin::change_role(services, &one, two.account_id, Role::User),
        admin::change_role(services, &two, one.account_id, Role::User),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let (left, gone) = match first.is_ok() {
        true => (one, two),
        false => (two, one),
    };
    let gone = log_in(services, &gone.account_name, PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        refusal(admin::list(services, &gone, "", 1).await),
        Refusal::Forbidden
    );
    assert_eq!(
        refusal(accounts::delete(services, &here(), &left, PASSWORD, LEFT).await),
        Refusal::OwnAccount
    );
}

#[tokio::test]
async fn accounts_are_found_by_any_of_their_names_in_pages() {
    let world = world().await;
    let services = &world.services;
    let boss = admin_of(&world, "boss").await;
    world.accounts(45).await;
    world.account("mina_kim").await;
    let find = async |search: &str, page| admin::list(services, &boss, search, page).await.unwrap();
    let all = find("", 1).await;
    assert_eq!(
        (all.total, all.page, all.pages, all.accounts.len()),
        (47, 1, 3, 20)
    );
    assert_eq!(find("", 99).await.accounts.len(), 7);
    for search in ["MINA_", "mina_kim@example", " ina_k "] {
        let found = find(search, 1).await;
        assert_eq!(found.total, 1, "{search}");
        assert_eq!(found.accounts[0].account_name, "mina_kim");
    }
    // Wildcards in a search have no special meaning.
    for none in ["%", "_ina", "mina%"] {
        assert_eq!(find(none, 1).await.total, 0, "{none}");
    }
    assert_eq!(
        refusal(admin::find(services, &boss, AccountId(0)).await),
        Refusal::NotFound
    );
}

#[tokio::test]
async fn attendance_counts_each_account_once_a_day() {
    let world = world().await;
    let services = &world.services;
    // Noon in Korea, so that midnight does not pass during the test.
    let noon = world.clock.now().date_naive().and_hms_opt(3, 0, 0).unwrap();
    world.clock.advance(noon.and_utc() - world.clock.now());
    let boss = admin_of(&world, "boss").await;
    let seen = async |session: &Session| {
        sessions::seen(services, session, [127, 0, 0, 1].into());
    };
    let mina = world.log_in(&world.account("mina").await).await;
    let again = world
        .log_in(&accounts::find(services, mina.account_id).await.unwrap())
        .await;
    for session in [&boss, &mina, &again] {
        seen(session).await;
    }
    let counted = async {
        loop {
            let attendance = admin::attendance(services, &boss).await.unwrap();
            if attendance.days[6].active == 2 && attendance.online == Some(2) {
                break attendance;
            }
            tokio::task::yield_now().await;
        }
    };
    let attendance = tokio::time::timeout(Duration::from_secs(20), counted)
        .await
        .expect("both are counted");
    assert_eq!(
        (attendance.days.len(), attendance.days[6].signed_up),
        (7, 2)
    );
    world.clock.advance(TimeDelta::days(1));
    let tomorrow = admin::attendance(services, &boss).await.unwrap();
    assert_eq!(
        tomorrow.online,
        Some(0),
        "five minutes after the last request"
    );
    assert_eq!(
        (
            tomorrow.days[5].active,
            tomorrow.days[6].active,
            tomorrow.days[5].signed_up
        ),
        (2, 0, 2)
    );
}

/// An account is changed while it refreshes and logs in: once both are done, no session is open
/// that should not be.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_slips_through_at_the_moment_of_a_change() {
    let world = world().await;
    let boss = admin_of(&world, "boss").await;
    for round in 0..12 {
        let account = world.account(&format!("mina{round}")).await;
        let name = account.account_name.clone();
        let open = sessions::open(&world.services, &here(), &account)
            .await
            .unwrap();
        let me = sessions::authenticate(&world.services, &open.access)
            .await
            .unwrap();
        let services = world.services.clone();
        let refreshing = tokio::spawn(async move {
            let mut opened = Vec::new();
            let mut refresh = open.refresh;
            while let Ok(tokens) = sessions::refresh(&services, &here(), &refresh).await {
                refresh = tokens.refresh.clone();
                opened.push(tokens);
                if opened.len() == 20 {
                    break;
                }
            }
            opened
        });
        let services = world.services.clone();
        let logging_in = tokio::spawn(async move {
            let tokens = sessions::log_in(&services, &here(), &name, PASSWORD).await;
            tokens.ok().map(|(_, tokens)| tokens)
        });
        let new = Password::parse_new("another long passphrase", "nobody").unwrap();
        match round % 3 {
            0 => drop(
                admin::act(
                    &world.services,
                    &boss,
                    account.id,
                    AccountAction::Deactivate,
                )
                .await
                .unwrap(),
            ),
            1 => accounts::change_password(
                &world.services,
                &here(),
                &elsewhere_of(&me),
                PASSWORD,
                &new,
            )
            .await
            .unwrap(),
            _ => drop(
                admin::change_role(&world.services, &boss, account.id, Role::Organiser)
                    .await
                    .unwrap(),
            ),
        }
        let mut opened = refreshing.await.unwrap();
        opened.extend(logging_in.await.unwrap());
        for tokens in opened {
            match sessions::authenticate(&world.services, &tokens.access).await {
                Ok(found) => assert_eq!((round % 3, found.role), (2, Role::Organiser)),
                Err(error) => assert_eq!(error.refusal(), Refusal::NotLoggedIn),
            }
        }
    }
}

/// Returns the same account in another session, which is kept and is none of those opened here.
fn elsewhere_of(me: &Session) -> Session {
    Session {
        sid: "kept".into(),
        ..me.clone()
    }
}

/// A server dies right after it has recorded that the account is deactivated or deleted.
#[tokio::test]
async fn an_account_that_is_out_refreshes_nothing() {
    let world = world().await;
    for (n, column) in ["deactivated_at", "deleted_at"].into_iter().enumerate() {
        let account = world.account(&format!("mina{n}")).await;
        let tokens = sessions::open(&world.services, &here(), &account)
            .await
            .unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "UPDATE accounts SET {column} = now() WHERE id = $1"
        )))
        .bind(account.id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
        let refused = sessions::refresh(&world.services, &here(), &tokens.refresh).await;
        assert_eq!(refusal(refused), Refusal::NotLoggedIn, "{column}");
    }
}
