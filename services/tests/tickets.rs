//! Tickets: the signed code, read by a third-party decoder, and the check at the door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use model::Refusal;
use model::accounts::Role;
use model::concerts::Concert;
use model::tickets::{Ticket, TicketCheck};
use resvg::tiny_skia::Pixmap;
use services::Services;
use services::admission;
use services::drawing::{self, Qr};
use services::limits::Limits;
use services::sessions::Session;
use services::stores::{Secret, Settings};
use services::tickets::{self, PublicKey, code};
use support::queue::run_until;
use support::{World, here, session, world};

/// Joins the queue and returns the account's ticket.
async fn ticket(world: &World, concert: &Concert, fan: &Session) -> Ticket {
    admission::join(&world.services, &here(), fan, concert.id)
        .await
        .unwrap();
    run_until(&world.services, concert, async || {
        !tickets::list(&world.services, fan)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    tickets::list(&world.services, fan).await.unwrap().remove(0)
}

/// Connects another process to the same stores, with these secrets.
async fn server_with(world: &World, secrets: &[&str]) -> Services {
    let settings = Settings {
        database_url: world.stores.database_url.clone(),
        redis_url: world.stores.redis_url.clone(),
        redis_prefix: world.stores.redis_prefix.clone(),
        token_secrets: secrets.iter().copied().map(Secret::new).collect(),
        clock: world.clock.clone(),
        limits: Limits::NONE,
    };
    Services::connect(settings).await.unwrap()
}

/// Returns the texts of the QR codes in a picture.
fn read(png: &[u8]) -> Vec<String> {
    let pixels = Pixmap::decode_png(png).unwrap();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let light = |x: usize, y: usize| pixels.pixels()[y * width + x].green();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, light);
    let grids = image.detect_grids();
    grids.iter().map(|grid| grid.decode().unwrap().1).collect()
}

async fn drawn(svg: &str, ground: &str) -> Vec<u8> {
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"320\" height=\"320\"><rect width=\"320\" height=\"320\" fill=\"{ground}\"/>\
         <g transform=\"translate(20 20)\">{}</g></svg>",
        svg.replacen("<svg ", "<svg width=\"280\" height=\"280\" ", 1)
    );
    drawing::paint::png(&svg).unwrap()
}

#[tokio::test]
async fn a_qr_code_is_read_and_verified_by_whoever_has_the_public_key() {
    let world = world().await;
    let concert = world.concert(30, 10, 1).await;
    let fan = world.accounts(1).await.remove(0);
    let ticket = ticket(&world, &concert, &fan).await;
    let signed = ticket.signed.clone().unwrap();
    let svg = Qr::of(&signed).unwrap().svg();
    // On the background of either theme: the code brings its own.
    for ground in ["#fff", "#10142a"] {
        assert_eq!(read(&drawn(&svg, ground).await), [signed.as_str()]);
    }

    // Verifies with nothing but the published keys.
    let set = serde_json::to_value(tickets::key_set(&world.services).await.unwrap()).unwrap();
    let key = &set["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&"OKP".into(), &"Ed25519".into())
    );
    use base64::Engine;
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(key["x"].as_str().unwrap())
        .unwrap();
    let key = PublicKey::from_bytes(&bytes).unwrap();
    let said = code::verify(&signed, std::slice::from_ref(&key)).unwrap();
    assert_eq!(
        (
            said.ticket,
            said.concert,
            said.serial,
            said.issued_at.timestamp()
        ),
        (
            ticket.id,
            concert.id,
            ticket.serial,
            ticket.issued_at.timestamp()
        )
    );
    let changed = signed.replacen(&format!(":{}:", ticket.serial), ":2:", 1);
    assert_ne!(changed, signed);
    let read = read(&drawn(&Qr::of(&changed).unwrap().svg(), "#fff").await);
    assert_eq!(read, [changed.as_str()]);
    assert!(code::verify(&read[0], &[key]).is_err());
}

#[tokio::test]
async fn the_door_tells_valid_from_cancelled_from_not_ours_and_names_nobody() {
    let world = world().await;
    let organiser = world.organiser("mina").await;
    let details = model::concerts::ConcertDetails {
        interval_ms: 100,
        ..world.details()
    };
    let concert = services::concerts::create(&world.services, &organiser, details)
        .await
        .unwrap();
    let fan = world.accounts(1).await.remove(0);
    let ticket = ticket(&world, &concert, &fan).await;
    let signed = ticket.signed.clone().unwrap();
    let check = async |by: &Session, code: &str| tickets::check(&world.services, by, code).await;
    let valid = TicketCheck::Valid {
        concert_id: concert.id,
        title: concert.title.clone(),
        serial: ticket.serial,
    };
    let admin = session(999, Role::Admin);
    for by in [&organiser, &admin] {
        for code in [
            &signed,
            &ticket.code,
            &ticket.code.to_lowercase(),
            &format!(" {signed}\n"),
        ] {
            assert_eq!(check(by, code).await.unwrap(), valid);
        }
    }
    // No name, and not the ticket's id.
    let told = serde_json::to_value(&valid).unwrap();
    let fields: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["concert_id", "serial", "title", "verdict"]);

    let stranger = world.organiser("stranger").await;
    for (by, code) in [
        (&stranger, signed.as_str()),
        (&stranger, &ticket.code),
        (&organiser, &signed.replacen("FR1", "FR2", 1)),
        (&organiser, &signed[..signed.len() - 1]),
        (&organiser, "AAAAA-AAAAA"),
        (&organiser, ""),
        (&organiser, &"x".repeat(100_000)),
    ] {
        assert_eq!(
            check(by, code).await.unwrap(),
            TicketCheck::NotOurs,
            "{code}"
        );
    }
    let refused = check(&fan, &signed).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::Forbidden);

    // The signature is still valid, but the ticket is not.
    tickets::cancel(&world.services, &fan, ticket.id)
        .await
        .unwrap();
    let said = tickets::verify(&world.services, &signed).await.unwrap();
    assert_eq!(said.unwrap().ticket, ticket.id);
    for code in [&signed, &ticket.code] {
        let told = check(&organiser, code).await.unwrap();
        assert!(
            matches!(told, TicketCheck::Cancelled { serial, .. } if serial == ticket.serial),
            "{told:?}"
        );
    }
    let after = tickets::find(&world.services, &fan, ticket.id)
        .await
        .unwrap();
    assert_eq!(after.signed, None);
}

#[tokio::test]
async fn a_printed_ticket_outlives_the_secret_until_its_key_is_retired() {
    let world = world().await;
    let concert = world.concert(30, 10, 1).await;
    let fan = world.accounts(1).await.remove(0);
    let ticket = ticket(&world, &concert, &fan).await;
    let printed = ticket.signed.clone().unwrap();
    let new = server_with(&world, &["another secret of these tests, long"]).await;
    let shown = tickets::find(&new, &fan, ticket.id)
        .await
        .unwrap()
        .signed
        .unwrap();
    assert_ne!(shown, printed);
    // Both servers accept both codes.
    for server in [&world.services, &new] {
        for code in [&printed, &shown] {
            assert!(tickets::verify(server, code).await.unwrap().is_ok());
        }
    }
    let old = printed.split(':').nth(1).unwrap();
    sqlx::query("UPDATE ticket_keys SET retired_at = now() WHERE id = $1")
        .bind(old)
        .execute(&new.db)
        .await
        .unwrap();
    assert!(tickets::verify(&new, &printed).await.unwrap().is_err());
    assert!(tickets::verify(&new, &shown).await.unwrap().is_ok());
    // A server that still has the secret does not bring the key back.
    let again = server_with(&world, &["the secret of these tests, long enough"]).await;
    assert!(tickets::verify(&again, &printed).await.unwrap().is_err());
    let admin = session(999, Role::Admin);
    assert_eq!(
        tickets::check(&again, &admin, &printed).await.unwrap(),
        TicketCheck::NotOurs
    );
    assert_eq!(tickets::key_set(&new).await.unwrap().keys.len(), 1);
}

#[tokio::test]
async fn a_code_is_of_the_ticket_that_it_names() {
    let world = world().await;
    let concert = world.concert(30, 10, 1).await;
    let fans = world.accounts(2).await;
    let first = ticket(&world, &concert, &fans[0]).await;
    let admin = session(999, Role::Admin);
    let keys = tickets::TicketKeys::new(["the secret of these tests, long enough"]).unwrap();
    let genuine = code::Payload {
        ticket: first.id,
        concert: concert.id,
        serial: first.serial,
        issued_at: first.issued_at,
    };
    let told = async |payload| {
        tickets::check(&world.services, &admin, &keys.sign(&payload))
            .await
            .unwrap()
    };
    assert!(matches!(told(genuine).await, TicketCheck::Valid { .. }));
    // Correctly signed, as by a server whose database has been set back since: not the recorded
    // ticket.
    for other in [
        code::Payload {
            serial: first.serial + 1,
            ..genuine
        },
        code::Payload {
            concert: model::concerts::ConcertId(concert.id.0 + 1),
            ..genuine
        },
        code::Payload {
            issued_at: first.issued_at + TimeDelta::seconds(1),
            ..genuine
        },
        code::Payload {
            ticket: model::tickets::TicketId(first.id.0 + 100),
            ..genuine
        },
    ] {
        assert_eq!(told(other).await, TicketCheck::NotOurs, "{other:?}");
    }
}
