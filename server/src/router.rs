//! Which address leads where, and what every request passes through.

use crate::middleware;
use app::queue::Seats;
use app::settings::Settings;
use axum::extract::{FromRef, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use services::Services;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

/// Nobody waits longer than this for an answer to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What handlers and middleware share.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub leptos_options: LeptosOptions,
    pub services: Services,
    pub settings: Settings,
    pub stop: CancellationToken,
    pub seats: Seats,
}

pub fn router(state: AppState) -> Router {
    let routes = generate_route_list(app::App);
    let context = {
        let (services, settings) = (state.services.clone(), state.settings.clone());
        move || {
            provide_context(services.clone());
            provide_context(settings.clone());
        }
    };
    let shell = {
        let options = state.leptos_options.clone();
        move || app::shell(options.clone())
    };
    let pages = Router::new()
        .route("/api/queue_stream", get(app::queue::queue_stream))
        .leptos_routes_with_context(&state, routes, context.clone(), shell)
        .fallback(leptos_axum::file_and_error_handler_with_context::<
            AppState,
            _,
        >(context, app::shell))
        // The last one added is the first one passed.
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            middleware::sessions::authenticate,
        ))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            middleware::forms::echo,
        ))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            middleware::origin::check,
        ))
        .layer(Extension(state.services.clone()))
        .layer(Extension(state.stop.clone()))
        .layer(Extension(state.seats.clone()));
    Router::new()
        .route("/healthz", get(async || "alive"))
        .route("/readyz", get(ready))
        .merge(pages)
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http())
                .layer(CatchPanicLayer::new())
                .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .layer(always(header::X_FRAME_OPTIONS, "DENY"))
                // The origin has to be sent with our own forms: it is what they are checked by.
                .layer(always(
                    header::REFERRER_POLICY,
                    "strict-origin-when-cross-origin",
                ))
                .layer(axum::middleware::from_fn(middleware::caching::mark))
                .layer(CompressionLayer::new().compress_when(
                    // A stream that is compressed is held back until a block is full.
                    DefaultPredicate::new().and(NotForContentType::new("text/event-stream")),
                ))
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::GATEWAY_TIMEOUT,
                    PATIENCE,
                )),
        )
        .with_state(state)
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Whether this server can do its work: both stores answer.
async fn ready(State(services): State<Services>) -> impl IntoResponse {
    let stores = tokio::try_join!(services.redis.ping(), services::stores::ping(&services.db));
    match stores {
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "a store is away"),
    }
}
