//! Processor time of the server for a page of a logged-in account, next to the same page for a
//! visitor, and for a whole purchase as a browser makes it: concert page, join, queue page, stream,
//! ticket page.

use super::joins;
use super::{Figures, Scale, figure};
use crate::machine::exact_processor_time;
use crate::people::{self, Sale};
use crate::wire::{self, Connection, Request};
use crate::world::World;
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use model::concerts::ConcertId;
use model::queue::{QueueView, Standing, Tick};
use model::tickets::TicketId;
use services::demo;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Sequential requests for each page.
const REQUESTS: usize = 2_000;
/// Requests for pages that are rendered anew for each account.
const REQUESTS_MADE: usize = 400;
/// Purchases made while both processors are busy.
const PURCHASES: usize = 4_000;
/// Purchases in progress at the same time.
const BUYERS: usize = 256;
/// Encodings that current browsers accept.
const ENCODINGS: &str = "gzip, deflate, br, zstd";
/// A queue that moves and takes minutes.
const WAITING: Sale = Sale {
    state: "open",
    capacity: 1_000_000,
    batch_size: 1,
    interval_ms: 1000,
};
/// A queue in which a place is issued a ticket with the next batch.
const SELLING: Sale = Sale {
    batch_size: 1000,
    interval_ms: 100,
    ..WAITING
};

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    demo::load(&world.services).await?;
    let tokens = people::sign_in(&world.services, scale.people(REQUESTS_MADE)).await?;
    let waiting = people::put_on_sale(&world.services, WAITING).await?;
    joins::join(world, waiting, &tokens).await?;
    let sold = people::put_on_sale(&world.services, SELLING).await?;
    joins::join(world, sold, &tokens).await?;
    let tickets = tickets(world, sold, tokens.len()).await?;

    let idle = idle(world).await?;
    let mut figures = Vec::new();
    for (variant, encodings) in [("", None), (", compressed", Some(ENCODINGS))] {
        let concert = format!("/concerts/{waiting}");
        let queue = format!("/concerts/{waiting}/queue");
        let stranger = |path: &str| vec![wire::browse(path, None, encodings, None)];
        let each = |path: &str| -> Vec<Request> {
            let tokens = tokens.iter();
            tokens
                .map(|token| wire::browse(path, Some(token), encodings, None))
                .collect()
        };
        let own = |file: &str| -> Result<Vec<Request>> {
            let mut requests = Vec::new();
            for (token, (_, ticket)) in tokens.iter().zip(&tickets) {
                let path = format!("/tickets/{ticket}{file}");
                requests.push(wire::browse(&path, Some(token), encodings, None));
            }
            Ok(requests)
        };
        let often = scale.people(REQUESTS);
        let once = tokens.len();
        let mut measured = Vec::new();
        for (page, requests, times) in [
            ("home, stranger", stranger("/"), often),
            ("concert, stranger", stranger(&concert), often),
            ("home, logged in", each("/"), often),
            ("concert, logged in", each(&concert), often),
            ("queue page", each(&queue), often),
            ("ticket page, first time", own("")?, once),
            ("ticket page, again", own("")?, once),
            ("ticket PDF, first time", own("/ticket.pdf")?, once),
            ("ticket PDF, again", own("/ticket.pdf")?, once),
        ] {
            let ms = server_ms(world, &requests, times, idle)
                .await
                .context(page)?;
            measured.push((page, ms));
        }
        let of = |page: &str| {
            let found = measured.iter().find(|(name, _)| *name == page);
            found.map_or(f64::NAN, |(_, ms)| *ms)
        };
        // Mean of the two pages of visitors, which differ in cost only by their length.
        let base = (of("home, stranger") + of("concert, stranger")) / 2.0;
        for (page, ms) in &measured {
            let over = match *page {
                "home, logged in" => of("home, stranger"),
                "concert, logged in" => of("concert, stranger"),
                _ => base,
            };
            figures.push(figure(format!("{page}{variant}, server ms"), *ms));
            figures.push(figure(
                format!("{page}{variant}, of a stranger's"),
                ms / over,
            ));
        }

        let busy = purchases(world, encodings, scale.people(PURCHASES), BUYERS).await?;
        figures.push(figure(
            format!("purchases{variant}, server ms"),
            busy.server_ms,
        ));
        figures.push(figure(
            format!("purchases{variant}, per second"),
            busy.per_second,
        ));
    }
    Ok(figures)
}

/// Waits until every account has a ticket. Returns the tickets with their accounts, in the order of
/// the tokens.
async fn tickets(world: &World, concert: ConcertId, number: usize) -> Result<Vec<(i64, TicketId)>> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let tickets: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT account_id, id FROM tickets WHERE concert_id = $1 ORDER BY account_id",
        )
        .bind(concert.0)
        .fetch_all(&world.services.db)
        .await?;
        if tickets.len() == number {
            let tickets = tickets.into_iter();
            return Ok(tickets
                .map(|(account, id)| (account, TicketId(id)))
                .collect());
        }
        ensure!(
            Instant::now() < patience,
            "{} of {number} tickets",
            tickets.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the share of a core that the server uses without any request: its scheduler.
async fn idle(world: &World) -> Result<f64> {
    let (before, since) = (
        exact_processor_time(world.frontrow.process)?,
        Instant::now(),
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = exact_processor_time(world.frontrow.process)?.saturating_sub(before);
    Ok(used.as_secs_f64() / since.elapsed().as_secs_f64())
}

/// Returns the server's processor time per request in milliseconds, for `times` sequential
/// requests, less what it uses when `idle`.
async fn server_ms(world: &World, requests: &[Request], times: usize, idle: f64) -> Result<f64> {
    let mut connection = Connection::open(world.frontrow.address).await?;
    // Warm-up: the first requests of a kind, and the first of a connection, find cold caches.
    for request in requests.iter().cycle().take(20.min(requests.len() / 10)) {
        connection.ask(request, 200).await?;
    }
    let (before, since) = (
        exact_processor_time(world.frontrow.process)?,
        Instant::now(),
    );
    for request in requests.iter().cycle().take(times) {
        connection.ask(request, 200).await?;
    }
    let used = exact_processor_time(world.frontrow.process)?.saturating_sub(before);
    let used = used.as_secs_f64() - since.elapsed().as_secs_f64() * idle;
    Ok(used * 1000.0 / times as f64)
}

struct Purchases {
    server_ms: f64,
    per_second: f64,
}

/// Buys one ticket for each of `number` accounts, at most `at_once` at the same time.
async fn purchases(
    world: &World,
    encodings: Option<&'static str>,
    number: usize,
    at_once: usize,
) -> Result<Purchases> {
    let concert = people::put_on_sale(&world.services, SELLING).await?;
    let tokens = people::sign_in(&world.services, number).await?;
    // Waits for the survey, so that the sale has a driver.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let address = world.frontrow.address;
    let before = exact_processor_time(world.frontrow.process)?;
    let began = Instant::now();
    let buying = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let tokens = Rc::new(tokens);
        let next = Rc::new(Cell::new(0));
        let buyers = (0..at_once).map(|_| {
            let (tokens, next) = (tokens.clone(), next.clone());
            async move {
                while let Some(token) = tokens.get(next.replace(next.get() + 1)) {
                    buy(address, concert, token, encodings).await?;
                }
                anyhow::Ok(())
            }
        });
        LocalSet::new().block_on(&runtime, try_join_all(buyers))
    };
    tokio::task::spawn_blocking(buying).await??;
    let took = began.elapsed();
    let used = exact_processor_time(world.frontrow.process)?.saturating_sub(before);
    Ok(Purchases {
        server_ms: used.as_secs_f64() * 1000.0 / number as f64,
        per_second: number as f64 / took.as_secs_f64(),
    })
}

/// Buys one ticket as a browser does, but without fetching static files, which a browser has cached
/// since its first visit.
async fn buy(
    address: SocketAddr,
    concert: ConcertId,
    token: &str,
    encodings: Option<&str>,
) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let page = |path: &str| wire::browse(path, Some(token), encodings, None);
    connection
        .ask(&page(&format!("/concerts/{concert}")), 200)
        .await?;
    let form = format!("concert_id={concert}");
    let join = wire::browse("/api/join_queue", Some(token), encodings, Some(&form));
    let place: QueueView = read(connection.ask(&join, 200).await?)?;
    let Standing::Waiting { arrival, .. } = place.standing else {
        anyhow::bail!("joined and does not wait: {:?}", place.standing);
    };
    connection
        .ask(&page(&format!("/concerts/{concert}/queue")), 200)
        .await?;
    let stream = page(&format!(
        "/api/queue_stream?concert_id={concert}&after={}",
        place.tick.0
    ));
    // How far the stream has been parsed.
    let mut seen = 0;
    let issued = |heard: &[u8]| {
        let text = String::from_utf8_lossy(&heard[seen..]);
        for line in text.lines() {
            let json = line.strip_prefix("data: ").unwrap_or_default();
            // A line that is not a tick, or is not complete yet, is skipped.
            if let Ok(tick) = serde_json::from_str::<Tick>(json)
                && tick.issued.contains(&arrival)
            {
                return Ok(Some(()));
            }
        }
        if text.ends_with("\n\n") || text.ends_with("\n\n\r\n") {
            seen = heard.len();
        }
        Ok(None)
    };
    Connection::open(address)
        .await?
        .follow(&stream, issued)
        .await?;
    let view = page(&format!("/api/queue_view?concert_id={concert}"));
    let place: QueueView = read(connection.ask(&view, 200).await?)?;
    let Standing::Issued {
        ticket: Some(ticket),
    } = place.standing
    else {
        anyhow::bail!(
            "it was its turn and there is no ticket: {:?}",
            place.standing
        );
    };
    connection
        .ask(&page(&format!("/tickets/{ticket}")), 200)
        .await?;
    Ok(())
}

fn read(answer: &[u8]) -> Result<QueueView> {
    let body = wire::body(answer);
    serde_json::from_slice(body).with_context(|| String::from_utf8_lossy(body).into_owned())
}
