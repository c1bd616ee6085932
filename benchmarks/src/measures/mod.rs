//! The measurements, one per file. The page looks figures up by name.

mod floods;
mod joins;
mod journeys;
mod pages;
mod polling;
mod redis_alone;
mod reference;
mod rest;
mod tickets;
mod watching;

use crate::world::World;
use anyhow::Result;
use futures::future::BoxFuture;
use std::time::Duration;

pub use reference::SIZES;
pub use rest::OPEN;

pub type Figures = Vec<(String, f64)>;
pub type Measure = for<'a> fn(&'a World, Scale) -> BoxFuture<'a, Result<Figures>>;

/// Divisor of the number of accounts and of all durations.
#[derive(Clone, Copy)]
pub struct Scale(usize);

impl Scale {
    pub const WHOLE: Scale = Scale(1);
    pub const TENTH: Scale = Scale(10);

    pub fn people(self, whole: usize) -> usize {
        whole / self.0
    }

    pub fn time(self, whole: Duration) -> Duration {
        whole / self.0 as u32
    }
}

/// Returns name and function of each measurement, in the order of the page.
pub fn all() -> Vec<(&'static str, Measure)> {
    vec![
        ("joins", |world, scale| {
            Box::pin(joins::measure(world, scale))
        }),
        ("floods", |world, scale| {
            Box::pin(floods::measure(world, scale))
        }),
        ("watchers", |world, scale| {
            Box::pin(watching::measure(world, scale))
        }),
        ("tickets", |world, scale| {
            Box::pin(tickets::measure(world, scale))
        }),
        ("pages", |world, scale| {
            Box::pin(pages::measure(world, scale))
        }),
        ("journeys", |world, scale| {
            Box::pin(journeys::measure(world, scale))
        }),
        ("rest", |world, scale| Box::pin(rest::measure(world, scale))),
        ("polling", |world, scale| {
            Box::pin(polling::measure(world, scale))
        }),
        ("reference", |world, scale| {
            Box::pin(reference::measure(world, scale))
        }),
        ("redis", |world, scale| {
            Box::pin(redis_alone::measure(world, scale))
        }),
    ]
}

/// Pairs a figure with its name.
fn figure(name: impl Into<String>, value: f64) -> (String, f64) {
    (name.into(), value)
}
