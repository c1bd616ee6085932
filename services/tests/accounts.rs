//! P8: one person, one account.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use futures::future::join_all;
use model::accounts::{Account, Password, ProfileForm, Role, SignUpForm};
use model::{Field, ProblemKind, Refusal};
use services::{accounts, admin, sessions};
use support::{PASSWORD, World, form, here, world};

/// Returns how many concurrent sign-ups created an account, and how the others were refused. Those
/// refused because too many arrive at once are retried when all have been answered, as the refusal
/// asks.
async fn at_once(world: &World, mut forms: Vec<SignUpForm>) -> (usize, Vec<Refusal>) {
    let (mut made, mut refused) = (0, Vec::new());
    while !forms.is_empty() {
        let tries = forms.drain(..).map(|form| {
            let services = world.services.clone();
            tokio::spawn(async move {
                let new = form.clone().parse().unwrap();
                (form, accounts::sign_up(&services, &here(), new).await)
            })
        });
        let tries: Vec<_> = tries.collect();
        for outcome in join_all(tries).await {
            match outcome.unwrap() {
                (_, Ok(_)) => made += 1,
                (form, Err(error)) => match error.refusal() {
                    // All of them need a database connection at once, too.
                    Refusal::TooManyRequests { .. } | Refusal::Unavailable => forms.push(form),
                    Refusal::Internal => panic!("not a clear refusal: {error}"),
                    refusal => refused.push(refusal),
                },
            }
        }
    }
    (made, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ups_with_one_name_make_one_account() {
    let world = world().await;
    let forms = (0..1000)
        .map(|n| SignUpForm {
            email: format!("mina{n}@example.com"),
            ..form("mina")
        })
        .collect();
    let (made, refused) = at_once(&world, forms).await;
    assert_eq!(made, 1);
    assert_eq!(refused, vec![Refusal::AccountNameTaken; 999]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ups_with_one_address_make_one_account() {
    let world = world().await;
    let forms = (0..1000)
        .map(|n| SignUpForm {
            email: "Mina@Example.com".into(),
            ..form(&format!("mina{n}"))
        })
        .collect();
    let (made, refused) = at_once(&world, forms).await;
    assert_eq!(made, 1);
    assert_eq!(refused, vec![Refusal::EmailTaken; 999]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let world = world().await;
    world.account("mina").await;
    for (name, password) in [
        ("mina", "not her passphrase"),
        ("nobody", PASSWORD),
        ("", ""),
        ("mina", ""),
    ] {
        let refused = sessions::log_in(&world.services, &here(), name, password)
            .await
            .unwrap_err();
        assert_eq!(refused.refusal(), Refusal::WrongCredentials, "{name}");
    }
    let (account, _) = sessions::log_in(&world.services, &here(), " MINA ", PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        (account.account_name.as_str(), account.role),
        ("mina", Role::User)
    );
}

/// The owner signed up when e-mail addresses were still stored as typed.
#[tokio::test]
async fn a_mailbox_in_another_spelling_is_the_same_mailbox() {
    let world = world().await;
    let services = &world.services;
    let owner = world.account("mina").await;
    let stored = "mina@bücher.example";
    store_email(&world, &owner, stored).await;
    // Until it is respelt, the old spelling is no reason to refuse a new nickname.
    let me = world.log_in(&owner).await;
    let change = ProfileForm {
        name: "Mina".into(),
        nickname: "Moonlight".into(),
        email: stored.into(),
    };
    let changed = accounts::change_profile(services, &here(), &me, None, change, "").await;
    assert_eq!(changed.unwrap().email, stored);

    accounts::respell(services).await.unwrap();
    let found = accounts::find(services, owner.id).await.unwrap();
    assert_eq!(found.email, "mina@xn--bcher-kva.example");
    for spelling in [stored, "Mina@BU\u{308}CHER.example", &found.email] {
        let form = SignUpForm {
            email: spelling.into(),
            ..form("other")
        };
        let refused = accounts::sign_up(services, &here(), form.parse().unwrap()).await;
        let refused = refused.err().map(|error| error.refusal());
        assert_eq!(refused, Some(Refusal::EmailTaken), "{spelling}");
    }
    sessions::log_in(services, &here(), "mina", PASSWORD)
        .await
        .unwrap();
    let boss = accounts::create(services, form("boss").parse().unwrap(), Role::Admin).await;
    let boss = world.log_in(&boss.unwrap()).await;
    let searched = admin::list(services, &boss, "Mina@Bücher.Example", 1).await;
    assert_eq!(searched.unwrap().total, 1);
}

#[tokio::test]
async fn of_two_accounts_with_one_mailbox_both_go_on_working() {
    let world = world().await;
    let services = &world.services;
    let (one, other, third) = tokio::join!(
        world.account("mina"),
        world.account("jun"),
        world.account("sol")
    );
    store_email(&world, &one, "mina@bücher.example").await;
    store_email(&world, &other, "mina@xn--bcher-kva.example").await;
    store_email(&world, &third, "sol@예시.한국").await;
    accounts::respell(services).await.unwrap();
    for (account, email) in [
        (&one, "mina@bücher.example"),
        (&other, "mina@xn--bcher-kva.example"),
        (&third, "sol@xn--vv4b11d.xn--3e0b707e"),
    ] {
        let found = accounts::find(services, account.id).await.unwrap();
        assert_eq!(found.email, email);
        sessions::log_in(services, &here(), &account.account_name, PASSWORD)
            .await
            .unwrap();
    }
}

/// Names of the operators are reserved, except for accounts that the command line gave them to.
#[tokio::test]
async fn names_of_those_who_run_the_service_are_kept_for_them() {
    let world = world().await;
    let services = &world.services;
    let reserved = Some(ProblemKind::Reserved);
    for (account_name, nickname, field) in [
        ("ad.min", "mina", Field::AccountName),
        ("mina", "운영자", Field::Nickname),
        ("mina", "Frontrow\u{200b} Support", Field::Nickname),
    ] {
        let form = SignUpForm {
            nickname: nickname.into(),
            ..form(account_name)
        };
        let refused = accounts::sign_up(services, &here(), form.parse().unwrap()).await;
        let refused = refused.unwrap_err().refusal();
        assert_eq!(refused.problem_of(field), reserved, "{nickname}");
    }
    let called = |nickname: &str, account: &Account| ProfileForm {
        name: "Mina".into(),
        nickname: nickname.into(),
        email: account.email.clone(),
    };
    let mina = world.account("mina").await;
    let me = world.log_in(&mina).await;
    let change = called("관 리 자", &mina);
    let refused = accounts::change_profile(services, &here(), &me, None, change, "").await;
    let refused = refused.unwrap_err().refusal();
    assert_eq!(refused.problem_of(Field::Nickname), reserved);

    // An account that has a reserved nickname keeps it, and an admin may take another one.
    for (account_name, role, nickname) in [
        ("support", Role::User, "Support"),
        ("root", Role::Admin, "관리자"),
    ] {
        let new = form(account_name).parse().unwrap();
        let account = accounts::create(services, new, role).await.unwrap();
        let me = world.log_in(&account).await;
        let change = called(nickname, &account);
        let changed = accounts::change_profile(services, &here(), &me, None, change, "").await;
        assert_eq!(changed.unwrap().nickname, nickname);
    }
}

async fn store_email(world: &World, account: &Account, email: &str) {
    sqlx::query("UPDATE accounts SET email = $2 WHERE id = $1")
        .bind(account.id.0)
        .bind(email)
        .execute(&world.services.db)
        .await
        .unwrap();
}

/// At sign-up, when the password is changed, and for the command line.
#[tokio::test]
async fn a_password_that_very_many_use_is_refused_everywhere() {
    let world = world().await;
    let (services, too_common) = (&world.services, Some(ProblemKind::TooCommon));
    let problem = |error: services::Error| error.refusal().problem_of(Field::Password);
    let common = || SignUpForm {
        password: "PassWord123".into(),
        ..form("mina")
    };
    let new = common().parse().unwrap();
    let refused = accounts::sign_up(services, &here(), new).await;
    assert_eq!(refused.err().and_then(problem), too_common);
    let new = common().parse().unwrap();
    let refused = accounts::create(services, new, Role::Admin).await;
    assert_eq!(refused.err().and_then(problem), too_common);

    let account = world.account("mina").await;
    let me = world.log_in(&account).await;
    let new = Password::parse_new("1Q2w3E4r5T", "mina").unwrap();
    let refused = accounts::change_password(services, &here(), &me, PASSWORD, &new).await;
    assert_eq!(refused.err().and_then(problem), too_common);
    sessions::log_in(services, &here(), "mina", PASSWORD)
        .await
        .unwrap();
}

/// A Mac sends letters decomposed that other keyboards send composed.
#[tokio::test]
async fn a_password_is_the_same_however_its_letters_are_composed() {
    let world = world().await;
    let services = &world.services;
    const COMPOSED: &str = "café 서울의 봄밤";
    const DECOMPOSED: &str = "cafe\u{301} \u{1109}\u{1165}\u{110b}\u{116e}\u{11af}\u{110b}\u{1174} \u{1107}\u{1169}\u{11b7}\u{1107}\u{1161}\u{11b7}";
    for (name, chosen) in [("mina", COMPOSED), ("jun", DECOMPOSED)] {
        let form = SignUpForm {
            password: chosen.into(),
            ..form(name)
        };
        accounts::sign_up(services, &here(), form.parse().unwrap())
            .await
            .unwrap();
        for typed in [COMPOSED, DECOMPOSED] {
            sessions::log_in(services, &here(), name, typed)
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_stored_of_a_password_is_an_argon2id_hash() {
    let world = world().await;
    let account = world.account("mina").await;
    let stored: String = sqlx::query_scalar("SELECT password_hash FROM accounts WHERE id = $1")
        .bind(account.id.0)
        .fetch_one(&world.services.db)
        .await
        .unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    assert!(!stored.contains(PASSWORD));
}
