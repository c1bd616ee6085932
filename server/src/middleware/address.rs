//! Address of the client, as the trusted proxies report it.

use crate::trusted_proxies::TrustedProxies;
use app::request::ClientAddress;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Inserts the client's [`ClientAddress`] into the request, and returns it.
pub fn identify(proxies: &TrustedProxies, request: &mut Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Every connection has a peer. Requests without one would share their rate limits.
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip());
    let address = proxies.client(peer, request.headers());
    request.extensions_mut().insert(ClientAddress(address));
    address
}

/// Middleware that runs [`identify`] for routes outside the gate, which look up no session.
pub async fn identified(
    State(proxies): State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    identify(&proxies, &mut request);
    next.run(request).await
}
