//! State shared by handlers and middleware.

use crate::trusted_proxies::TrustedProxies;
use app::queue::Seats;
use app::settings::Settings;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use services::Services;
use std::ops::Deref;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// State shared by handlers and middleware. Cheap to clone, which every request does several times.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

pub struct Shared {
    pub leptos_options: LeptosOptions,
    pub services: Services,
    pub settings: Settings,
    pub trusted_proxies: TrustedProxies,
    pub stop: CancellationToken,
    pub seats: Seats,
}

impl AppState {
    pub fn new(shared: Shared) -> AppState {
        AppState(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> LeptosOptions {
        state.leptos_options.clone()
    }
}

impl FromRef<AppState> for Services {
    fn from_ref(state: &AppState) -> Services {
        state.services.clone()
    }
}
