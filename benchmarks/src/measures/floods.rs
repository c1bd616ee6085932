//! A flood of wrong passwords must not stop the sale: measures joins at a steady rate, first alone,
//! then during the flood. Also checks that many simultaneous sign-ups with one e-mail create one
//! account. The measured servers have no rate limits, so that every request reaches the password
//! check.

use super::joins::{SALE, joins};
use super::{Figures, Scale, figure};
use crate::people;
use crate::wire::{self, Outcome, Pace, Request, Until};
use crate::world::World;
use anyhow::{Result, ensure};
use std::time::Duration;

/// Per second.
const JOINS: usize = 1_000;
const GUESSES: usize = 200;
const TIME: Duration = Duration::from_secs(15);
const CONNECTIONS: usize = 128;
/// Concurrent requests.
const SIGN_UPS: usize = 1_000;

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    let time = scale.time(TIME);
    let alone = join(world, queue(world, time).await?).await?;
    let crowd = queue(world, time).await?;
    let (beside, guesses) = tokio::try_join!(join(world, crowd), guess(world, time))?;
    let judged = guesses.status.get(&401).copied().unwrap_or_default();
    let refused = guesses.status.get(&429).copied().unwrap_or_default();
    ensure!(
        judged > 0 && judged + refused == guesses.answered,
        "guesses by status: {:?}",
        guesses.status
    );
    let sign_ups = sign_up(world).await?;
    Ok(vec![
        figure("sign-ups at once, p99 ms", sign_ups.p99_ms()),
        figure("joins without a flood, p99 ms", alone.p99_ms()),
        figure("joins in a flood, p99 ms", beside.p99_ms()),
        figure("joins in a flood, per second", beside.per_second()),
        figure("guesses, per second", guesses.per_second()),
        figure(
            "guesses judged, per second",
            judged as f64 / guesses.took.as_secs_f64(),
        ),
    ])
}

/// Returns the joins of as many new accounts as arrive in that time.
async fn queue(world: &World, time: Duration) -> Result<Vec<Request>> {
    let people = (JOINS as f64 * time.as_secs_f64()) as usize;
    let concert = people::put_on_sale(&world.services, SALE).await?;
    let tokens = people::sign_in(&world.services, people).await?;
    Ok(joins(concert, &tokens))
}

async fn join(world: &World, crowd: Vec<Request>) -> Result<Outcome> {
    wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        crowd,
        Pace::PerSecond(JOINS as f64),
        Until::Once,
    )
    .await?
    .all(200)
}

/// Each guess is for an account of its own: repeated guesses for one account would be refused.
async fn guess(world: &World, time: Duration) -> Result<Outcome> {
    let number = (GUESSES as f64 * time.as_secs_f64()) as usize;
    let guesses = (0..number).map(|n| {
        let form = format!("account_name=guessed{n}&password=not+the+password");
        wire::post("/api/create_token", None, &form)
    });
    wire::ask(
        world.frontrow.address,
        CONNECTIONS,
        guesses.collect(),
        Pace::PerSecond(GUESSES as f64),
        Until::Once,
    )
    .await
}

/// Signs up with one e-mail that is not taken: exactly one account is created, and the other
/// requests are refused.
async fn sign_up(world: &World) -> Result<Outcome> {
    let email = format!(
        "crowd{}%40example.com",
        world.services.clock.now().timestamp_micros()
    );
    let forms = (0..SIGN_UPS).map(|n| {
        let form = format!(
            "account_name={}-{n}&password=a+long+passphrase&name=Fan&nickname=Fan&email={email}",
            &email[..20]
        );
        wire::post("/api/sign_up", None, &form)
    });
    let outcome = wire::ask(
        world.frontrow.address,
        SIGN_UPS,
        forms.collect(),
        Pace::Greedy,
        Until::Once,
    )
    .await?;
    let of = |status| outcome.status.get(&status).copied().unwrap_or_default();
    ensure!(
        of(200) == 1 && of(200) + of(409) + of(429) == outcome.answered,
        "sign-ups by status: {:?}",
        outcome.status
    );
    Ok(outcome)
}
