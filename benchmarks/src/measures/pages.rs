//! The most visited pages, requested without a session.

use super::{Figures, Scale, figure};
use crate::wire::{self, Pace, Until};
use crate::world::World;
use anyhow::Result;
use services::demo;
use std::net::SocketAddr;
use std::time::Duration;

const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(5);

pub async fn measure(world: &World, scale: Scale) -> Result<Figures> {
    demo::load(&world.services).await?;
    let concert: i64 = sqlx::query_scalar("SELECT min(id) FROM concerts")
        .fetch_one(&world.services.db)
        .await?;
    let pages = [
        ("starter page", world.ground.address, "/".to_owned()),
        ("home page", world.frontrow.address, "/".to_owned()),
        (
            "concert page",
            world.frontrow.address,
            format!("/concerts/{concert}"),
        ),
    ];
    let mut figures = Vec::new();
    for (name, address, path) in pages {
        figures.push(figure(
            format!("{name}, per second"),
            per_second(address, &path, scale).await?,
        ));
    }
    Ok(figures)
}

async fn per_second(address: SocketAddr, path: &str, scale: Scale) -> Result<f64> {
    let requests = vec![wire::get(path, None)];
    let until = Until::For(scale.time(TIME));
    let asked = wire::ask(address, CONNECTIONS, requests, Pace::Greedy, until).await?;
    Ok(asked.all(200)?.per_second())
}
