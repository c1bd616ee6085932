//! Routes, and the layers of every request.

use crate::middleware;
use crate::middleware::forms::{self, Pages};
use crate::middleware::pages::SharedPages;
use crate::middleware::security::SecurityLog;
use crate::middleware::templates::Templates;
use crate::middleware::{Gate, Wardrobe};
use crate::sharing;
use crate::state::AppState;
use crate::tickets;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Extension, Router};
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tower::util::MapRequest;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::services::ServeDir;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

/// Maximum bytes of a file's path. Actual paths are shorter.
const LONGEST_NAME: usize = 255;

/// Time-out for an answer to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// Uploads from a phone take longer. Each piece has a shorter time-out: app/src/posters/upload.rs.
const PATIENCE_WITH_FILES: Duration = Duration::from_secs(120);

/// The whole application. Forms that a page has posted to itself are rewritten to the function that
/// they call before routing.
pub fn app(state: AppState) -> MapRequest<Router, fn(Request) -> Request> {
    router(state).map_request(forms::dispatch)
}

fn router(state: AppState) -> Router {
    let wardrobe = Arc::new(Wardrobe {
        pages: SharedPages::default(),
        templates: Templates::default(),
        state: state.clone(),
    });
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
    let stream = get(app::queue::queue_stream).layer::<_, Infallible>(
        ServiceBuilder::new()
            .layer(Extension(state.services.clone()))
            .layer(Extension(state.stop.clone()))
            .layer(Extension(state.seats.clone())),
    );
    // Not leptos_axum's handler: its answer to a file can contain headers of a page that the same
    // thread renders at that time, including another account's cookies (server/tests/files.rs).
    let not_found = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    let files = ServeDir::new(state.leptos_options.site_root.as_ref())
        .append_index_html_on_directories(false)
        // A release has a compressed copy of each file, better than what is affordable per request.
        .precompressed_br()
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(true)
        .fallback(any(not_found.clone()));
    let file_or_not_found = move |request: Request| async move {
        match request.uri().path().len() {
            0..=LONGEST_NAME => files.oneshot(request).await.into_response(),
            // Longer than the file system allows, so it cannot exist.
            _ => not_found(request).await,
        }
    };
    let rendered = leptos_axum::render_app_async_with_context(context.clone(), shell.clone());
    let gate = Arc::new(Gate {
        state: state.clone(),
        pages: Pages::new(rendered),
        security: SecurityLog::default(),
    });
    let admitted = axum::middleware::from_fn_with_state(gate, middleware::admit);
    let pages = Router::new()
        .route("/api/queue_stream", stream)
        .route(app::queue::QUEUE_VIEW, get(app::queue::queue_view))
        .merge(tickets::owned())
        .leptos_routes_with_context(&state, routes, context, shell)
        .fallback(file_or_not_found)
        .layer(admitted.clone());
    let picture =
        get(app::posters::picture).layer::<_, Infallible>(Extension(state.services.clone()));
    let files = app::posters::upload_route()
        .layer::<_, Infallible>(Extension(state.services.clone()))
        .layer::<_, Infallible>(admitted);
    Router::new()
        .route("/healthz", get(async || "alive"))
        .route("/readyz", get(ready))
        .route("/posters/{concert}/{name}", picture)
        .merge(sharing::routes(&state))
        .merge(tickets::open())
        .merge(pages)
        .layer(no_longer_than(PATIENCE))
        .merge(
            Router::new()
                .route(app::posters::UPLOAD_POSTER, files)
                .layer(no_longer_than(PATIENCE_WITH_FILES)),
        )
        .layer(
            ServiceBuilder::new()
                .layer(TraceLayer::new_for_http().make_span_with(span))
                .layer(axum::middleware::from_fn_with_state(
                    wardrobe,
                    middleware::dress,
                ))
                // Innermost, so that the answer to a panic passes the other layers too.
                .layer(CatchPanicLayer::new()),
        )
        .with_state(state)
}

fn no_longer_than(patience: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, patience)
}

/// Log fields of every logged request. Without the query, which may contain form input.
fn span(request: &Request) -> Span {
    // The target of tower_http's own lines, so that one filter selects both.
    tracing::debug_span!(target: "tower_http::trace", "request", method = %request.method(), path = request.uri().path())
}

/// Readiness of this server: 503 unless both stores answer. The state of Redis beyond that is only
/// reported, because all servers share it, and taking one out of rotation would not help.
async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let services = &state.services;
    let stores = tokio::join!(services.redis.ping(), services::stores::ping(&services.db));
    let away = match stores {
        (Ok(()), Ok(_)) => None,
        (Err(_), _) => Some("Redis is away"),
        (_, Err(_)) => Some("PostgreSQL is away"),
    };
    if let Some(away) = away {
        return (StatusCode::SERVICE_UNAVAILABLE, away.to_owned());
    }
    let (writes, room) = tokio::join!(services.redis.takes_writes(), services.redis.room());
    let writes = match writes {
        Ok(()) => "ready",
        Err(_) => "ready, but Redis takes no writes",
    };
    // The Redis user may lack permission for this.
    let said = match room.ok().flatten() {
        Some(room) => format!("{writes}; Redis has used {room}"),
        None => writes.to_owned(),
    };
    let said = match services
        .clock
        .skew()
        .filter(|_| services.primary.is_skewed())
    {
        Some(skew) => format!(
            "{said}; this machine's clock is {} ms off PostgreSQL's, which is followed",
            skew.num_milliseconds()
        ),
        None => said,
    };
    (StatusCode::OK, said)
}
