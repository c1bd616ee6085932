//! Tickets that are revoked or cancelled: by the organiser, by an admin with the account, and by
//! their holder with the account.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use model::accounts::{Account, Role, TicketsLeft};
use model::admin::{AccountAction, AccountState};
use model::concerts::{Concert, ConcertDetails};
use model::tickets::{IssuedTicket, RevokeReason, Ticket, TicketCheck, TicketId};
use model::{Field, ProblemKind, Refusal};
use services::admission;
use services::sessions::Session;
use services::{Error, accounts, admin, concerts, queue, tickets};
use support::queue::{live_tickets, run_until};
use support::{PASSWORD, World, here, session, world};

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Refusal {
    outcome.unwrap_err().refusal()
}

fn reason(typed: &str) -> RevokeReason {
    RevokeReason::parse(typed, Field::Reason).unwrap()
}

/// Creates a concert with this capacity, which issues one ticket at a time.
async fn concert_of(world: &World, organiser: &Session, capacity: u32) -> Concert {
    let details = ConcertDetails {
        capacity,
        batch_size: 1,
        interval_ms: 1,
        ..world.details()
    };
    concerts::create(&world.services, organiser, details)
        .await
        .unwrap()
}

async fn admin_of(world: &World, name: &str) -> Session {
    let organiser = world.organiser(name).await;
    sqlx::query("UPDATE accounts SET role = 'admin' WHERE id = $1")
        .bind(organiser.account_id.0)
        .execute(&world.services.db)
        .await
        .unwrap();
    session(organiser.account_id.0, Role::Admin)
}

async fn join(world: &World, who: &Session, concert: &Concert) {
    admission::join(&world.services, &here(), who, concert.id)
        .await
        .unwrap();
}

async fn ticket_of(world: &World, who: &Session, concert: &Concert) -> Option<Ticket> {
    let tickets = tickets::list(&world.services, who).await.unwrap();
    tickets
        .into_iter()
        .find(|ticket| ticket.concert_id == concert.id)
}

/// Joins the queue and returns the ticket.
async fn ticket(world: &World, who: &Session, concert: &Concert) -> Ticket {
    join(world, who, concert).await;
    issued(world, who, concert).await
}

/// Runs the sale until the waiting account has a ticket, and returns it.
async fn issued(world: &World, who: &Session, concert: &Concert) -> Ticket {
    let there = async || ticket_of(world, who, concert).await.is_some();
    run_until(&world.services, concert, there).await;
    ticket_of(world, who, concert).await.unwrap()
}

async fn is_clean(world: &World) {
    let report = queue::audit::audit(&world.services, None).await.unwrap();
    assert_eq!(report.violations, []);
}

#[tokio::test]
async fn a_revoked_place_goes_to_the_next_in_line() {
    let world = world().await;
    let services = &world.services;
    let organiser = world.organiser("mina").await;
    let concert = concert_of(&world, &organiser, 1).await;
    let fans = world.accounts(2).await;
    let bot = ticket(&world, &fans[0], &concert).await;
    join(&world, &fans[1], &concert).await;

    let typed = "  bought by a script  ";
    let revoked = tickets::revoke(services, &organiser, bot.id, &reason(typed))
        .await
        .unwrap();
    assert_eq!(
        revoked.revoked.as_ref().unwrap().reason,
        "bought by a script"
    );
    let next = issued(&world, &fans[1], &concert).await;
    assert_eq!((next.serial, next.revoked), (2, None));
    is_clean(&world).await;

    // The holder sees the reason, and has no signed code any more.
    let told = tickets::find(services, &fans[0], bot.id).await.unwrap();
    assert_eq!(told.revoked, revoked.revoked);
    assert_eq!(
        (told.signed, told.cancelled_at),
        (None, revoked.cancelled_at)
    );
    // The door sees it, too, by either code.
    for code in [bot.signed.as_deref().unwrap(), &bot.code] {
        let told = tickets::check(services, &organiser, code).await.unwrap();
        let expected = TicketCheck::Revoked {
            concert_id: concert.id,
            title: concert.title.clone(),
            serial: 1,
            revoked_at: revoked.cancelled_at.unwrap(),
            reason: "bought by a script".into(),
        };
        assert_eq!(told, expected);
    }
    let by: Option<i64> =
        sqlx::query_scalar("SELECT revoked_by FROM ticket_revocations WHERE ticket_id = $1")
            .bind(bot.id.0)
            .fetch_one(&services.db)
            .await
            .unwrap();
    assert_eq!(by, Some(organiser.account_id.0));
    // The former holder may join again, at the end.
    join(&world, &fans[0], &concert).await;
    is_clean(&world).await;
}

#[tokio::test]
async fn nobody_else_revokes_or_finds_a_ticket() {
    let world = world().await;
    let services = &world.services;
    let organiser = world.organiser("mina").await;
    let concert = concert_of(&world, &organiser, 5).await;
    let fan = world.accounts(1).await.remove(0);
    let ticket = ticket(&world, &fan, &concert).await;
    let stranger = world.organiser("stranger").await;
    let why = reason("because");
    for who in [&fan, &stranger] {
        let refused = tickets::revoke(services, who, ticket.id, &why).await;
        assert_eq!(refusal(refused), Refusal::Forbidden);
        let refused = tickets::find_issued(services, who, concert.id, &ticket.code).await;
        assert_eq!(refusal(refused), Refusal::Forbidden);
        let refused = tickets::live_of(services, who, fan.account_id).await;
        assert_eq!(refusal(refused), Refusal::Forbidden);
    }
    let refused = tickets::live_of(services, &organiser, fan.account_id).await;
    assert_eq!(refusal(refused), Refusal::Forbidden);
    let none = tickets::revoke(services, &organiser, TicketId(ticket.id.0 + 100), &why).await;
    assert_eq!(refusal(none), Refusal::NotFound);
    assert_eq!(live_tickets(services, &concert).await.len(), 1);

    world.clock.advance(TimeDelta::days(31));
    let late = tickets::revoke(services, &organiser, ticket.id, &why).await;
    assert_eq!(refusal(late), Refusal::SaleClosed);
}

#[tokio::test]
async fn a_ticket_is_revoked_once_and_for_a_reason() {
    let world = world().await;
    let services = &world.services;
    let organiser = world.organiser("mina").await;
    let boss = admin_of(&world, "boss").await;
    let concert = concert_of(&world, &organiser, 5).await;
    let fans = world.accounts(2).await;
    let first = ticket(&world, &fans[0], &concert).await;
    let (one, two) = (reason("one"), reason("two"));
    let (one, two) = tokio::join!(
        tickets::revoke(services, &organiser, first.id, &one),
        tickets::revoke(services, &boss, first.id, &two),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.revoked.is_some() && one == two, "{one:?} {two:?}");
    let again = tickets::revoke(services, &boss, first.id, &reason("three")).await;
    assert_eq!(again.unwrap(), one);

    // A cancelled ticket cannot be revoked.
    let second = ticket(&world, &fans[1], &concert).await;
    tickets::cancel(services, &fans[1], second.id)
        .await
        .unwrap();
    let late = tickets::revoke(services, &organiser, second.id, &reason("late")).await;
    let late = late.unwrap();
    assert!(late.cancelled_at.is_some() && late.revoked.is_none());

    for (typed, kind) in [
        ("", ProblemKind::Missing),
        (" \u{3164} ", ProblemKind::Missing),
        ("one\ntwo", ProblemKind::BadCharacters),
        (&"x".repeat(201), ProblemKind::TooLong { most: 200 }),
    ] {
        let refused = RevokeReason::parse(typed, Field::Reason).unwrap_err();
        assert_eq!(refused.problem_of(Field::Reason), Some(kind));
    }
    let blank = sqlx::query("UPDATE ticket_revocations SET reason = ' '")
        .execute(&services.db)
        .await;
    assert!(
        blank
            .unwrap_err()
            .to_string()
            .contains("ticket_revocations_have_a_reason")
    );
    is_clean(&world).await;
}

/// Tickets are cancelled, revoked and issued at the same moment: no deadlock, and each is sold
/// again once.
#[tokio::test(flavor = "multi_thread")]
async fn revoking_gives_way_to_whatever_else_happens() {
    let world = world().await;
    let services = &world.services;
    let organiser = world.organiser("mina").await;
    let boss = admin_of(&world, "boss").await;
    let concert = concert_of(&world, &organiser, 12).await;
    let fans = world.accounts(24).await;
    for fan in &fans {
        join(&world, fan, &concert).await;
    }
    let sold = async || live_tickets(services, &concert).await.len() == 12;
    run_until(services, &concert, sold).await;
    let ids: Vec<(Session, TicketId)> = join_all(fans[..12].iter().map(async |fan| {
        let ticket = ticket_of(&world, fan, &concert).await.unwrap();
        (fan.clone(), ticket.id)
    }))
    .await;
    let why = reason("because");
    let back = join_all(ids.iter().map(async |(fan, id)| {
        let (cancelled, one, two) = tokio::join!(
            tickets::cancel(services, fan, *id),
            tickets::revoke(services, &organiser, *id, &why),
            tickets::revoke(services, &boss, *id, &why),
        );
        cancelled.unwrap();
        one.unwrap();
        two.unwrap();
    }));
    let others = async || {
        let live = live_tickets(services, &concert).await;
        live.len() == 12 && live.iter().all(|(.., serial)| *serial > 12)
    };
    tokio::join!(back, run_until(services, &concert, others));
    is_clean(&world).await;
}

#[tokio::test]
async fn a_ticket_is_found_by_all_that_it_may_be_named_by() {
    let world = world().await;
    let services = &world.services;
    let organiser = world.organiser("mina").await;
    let (concert, other) = (
        concert_of(&world, &organiser, 5).await,
        concert_of(&world, &organiser, 5).await,
    );
    let fans = world.accounts(2).await;
    let wanted = ticket(&world, &fans[0], &concert).await;
    ticket(&world, &fans[1], &concert).await;
    let find = async |concert: &Concert, typed: &str| -> Vec<TicketId> {
        let found = tickets::find_issued(services, &organiser, concert.id, typed).await;
        let ids = found
            .unwrap()
            .into_iter()
            .map(|ticket: IssuedTicket| ticket.id);
        ids.collect()
    };
    let signed = wanted.signed.clone().unwrap();
    for typed in [
        wanted.code.as_str(),
        &wanted.code.to_lowercase().replace('-', " "),
        &signed,
        "1",
        " FAN1 ",
    ] {
        assert_eq!(find(&concert, typed).await, [wanted.id], "{typed}");
        assert_eq!(find(&other, typed).await, [], "{typed}");
    }
    for typed in [
        "",
        "3",
        "-1",
        "99999999999",
        "nobody",
        "%",
        "AAAAA-AAAAA",
        "a:b",
    ] {
        assert_eq!(find(&concert, typed).await, [], "{typed}");
    }
}

/// An account with the only ticket of a concert, and another account that waits for it.
struct Held {
    world: World,
    account: Account,
    me: Session,
    concert: Concert,
    ticket: Ticket,
    next: Session,
}

async fn held() -> Held {
    let world = world().await;
    let organiser = world.organiser("mina").await;
    let concert = concert_of(&world, &organiser, 1).await;
    let account = world.account("holder").await;
    let me = world.log_in(&account).await;
    let ticket = ticket(&world, &me, &concert).await;
    let next = world.accounts(1).await.remove(0);
    join(&world, &next, &concert).await;
    Held {
        world,
        account,
        me,
        concert,
        ticket,
        next,
    }
}

async fn left_on_record(world: &World, account: &Account) -> Option<String> {
    sqlx::query_scalar("SELECT tickets_when_deleted FROM accounts WHERE id = $1")
        .bind(account.id.0)
        .fetch_one(&world.services.db)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_deleted_account_gives_its_tickets_to_the_next_in_line() {
    let Held {
        world,
        account,
        me,
        concert,
        ticket,
        next,
    } = held().await;
    let services = &world.services;
    accounts::delete(services, &here(), &me, PASSWORD, TicketsLeft::GiveBack)
        .await
        .unwrap();
    assert_eq!(issued(&world, &next, &concert).await.serial, 2);
    let boss = admin_of(&world, "boss").await;
    let told = tickets::check(services, &boss, &ticket.code).await.unwrap();
    assert!(matches!(told, TicketCheck::Cancelled { .. }), "{told:?}");
    assert_eq!(
        left_on_record(&world, &account).await.as_deref(),
        Some("give_back")
    );
    is_clean(&world).await;
    // After a restore, the choice for its tickets is no longer recorded.
    admin::act(services, &boss, account.id, AccountAction::Restore)
        .await
        .unwrap();
    assert_eq!(left_on_record(&world, &account).await, None);
}

#[tokio::test]
async fn a_deleted_account_keeps_its_printed_tickets_valid() {
    let Held {
        world,
        account,
        me,
        ticket,
        ..
    } = held().await;
    let services = &world.services;
    accounts::delete(services, &here(), &me, PASSWORD, TicketsLeft::Keep)
        .await
        .unwrap();
    accounts::withdraw_unused(services).await.unwrap();
    let boss = admin_of(&world, "boss").await;
    let told = tickets::check(services, &boss, &ticket.code).await.unwrap();
    assert!(matches!(told, TicketCheck::Valid { .. }), "{told:?}");
    assert_eq!(
        left_on_record(&world, &account).await.as_deref(),
        Some("keep")
    );
}

/// A server dies right after it has recorded that the account is deleted.
#[tokio::test]
async fn tickets_left_to_the_next_in_line_are_given_back_later() {
    let Held {
        world,
        account,
        concert,
        next,
        ..
    } = held().await;
    let services = &world.services;
    sqlx::query(
        "UPDATE accounts SET deleted_at = now(), tickets_when_deleted = 'give_back' WHERE id = $1",
    )
    .bind(account.id.0)
    .execute(&services.db)
    .await
    .unwrap();
    accounts::withdraw_unused(services).await.unwrap();
    assert_eq!(issued(&world, &next, &concert).await.serial, 2);
    is_clean(&world).await;
}

#[tokio::test]
async fn an_admin_deactivates_an_account_with_its_tickets() {
    let Held {
        world,
        account,
        me,
        concert,
        ticket,
        next,
    } = held().await;
    let services = &world.services;
    let boss = admin_of(&world, "boss").await;
    let refused = admin::deactivate_and_revoke(services, &next, account.id, &reason("me")).await;
    assert_eq!(refusal(refused), Refusal::Forbidden);
    let live = tickets::live_of(services, &boss, account.id).await.unwrap();
    assert_eq!(
        live.iter().map(|live| live.id).collect::<Vec<_>>(),
        [ticket.id]
    );

    let entry = admin::deactivate_and_revoke(services, &boss, account.id, &reason("a bot"))
        .await
        .unwrap();
    assert!(matches!(entry.state, AccountState::Deactivated { .. }));
    assert_eq!(issued(&world, &next, &concert).await.serial, 2);
    let told = tickets::find(services, &me, ticket.id).await.unwrap();
    assert_eq!(told.revoked.unwrap().reason, "a bot");
    assert_eq!(
        tickets::live_of(services, &boss, account.id).await.unwrap(),
        []
    );
    is_clean(&world).await;
}
