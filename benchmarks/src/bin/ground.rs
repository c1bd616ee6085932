//! The baseline that Frontrow is compared with: axum and Leptos on the same machine, without any
//! work to do.
//!
//! `POST /empty` and `GET /empty` return an empty answer; `GET /stream` is an event stream that is
//! silent after its first event; `POST /ticks?bytes=…` sends the same event of that length to all
//! streams of `GET /ticks`; `GET /` is the page of an empty Leptos starter.

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures::stream::{self, Stream, StreamExt};
use leptos::config::LeptosOptions;
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, generate_route_list};
use leptos_meta::{MetaTags, Stylesheet, Title, provide_meta_context};
use leptos_router::components::{Route, Router as Routing, Routes};
use leptos_router::path;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, Receiver};

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address: SocketAddr = listener.local_addr()?;
    let options = LeptosOptions::builder()
        .output_name("ground")
        .site_addr(address)
        .build();
    let shell = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let (ticks, _) = broadcast::channel(16);
    let hear = {
        let ticks = ticks.clone();
        async move || heard(ticks.subscribe())
    };
    let tell = async move |Query(asked): Query<HashMap<String, usize>>| {
        // Fails if there are no receivers, which is fine.
        let _ = ticks.send(tick(asked.get("bytes").copied().unwrap_or_default()));
    };
    let router = Router::new()
        .route("/ticks", get(hear).post(tell))
        .route("/empty", get(async || ()).post(async || ()))
        .route("/stream", get(stream))
        .leptos_routes(&options, generate_route_list(App), shell)
        .with_state(options);
    println!("Nothing is at http://{address}");
    Ok(axum::serve(listener, router).await?)
}

async fn stream() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::once(async { Ok(Event::default().event("alive").data("{}")) });
    Sse::new(first.chain(stream::pending()))
}

/// Returns an event of `bytes` bytes, or longer if its header does not fit.
fn tick(bytes: usize) -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_micros());
    let mut tick = format!("event: tick\nid: {now}\ndata: {{\"id\":{now},\"left\":\"");
    while tick.len() + 4 < bytes {
        tick.push('x');
    }
    (tick + "\"}\n\n").into()
}

fn heard(ticks: Receiver<Bytes>) -> impl IntoResponse {
    let first = stream::once(async { Bytes::from("event: alive\ndata: {}\n\n") });
    let ticks = stream::unfold(ticks, async |mut ticks| {
        Some((ticks.recv().await.ok()?, ticks))
    });
    let events = first.chain(ticks).map(Ok::<_, Infallible>);
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(events),
    )
}

fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

#[component]
fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Stylesheet id="style" href="/pkg/ground.css"/>
        <Title text="Nothing"/>
        <Routing>
            <main>
                <Routes fallback=|| "Not there.">
                    <Route path=path!("/") view=Home/>
                </Routes>
            </main>
        </Routing>
    }
}

#[component]
fn Home() -> impl IntoView {
    let count = RwSignal::new(0);
    view! {
        <h1>"Nothing to see"</h1>
        <button on:click=move |_| *count.write() += 1>"Clicked: " {count}</button>
    }
}
