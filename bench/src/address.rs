//! Target of the load: the one address that was given, and only this machine unless
//! `--not-only-loopback` is set.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use url::Url;

/// Address of the site, resolved once: later changes of the name in DNS have no effect.
#[derive(Clone, Debug)]
pub struct Address {
    /// Host and port as given, for the `Host` header.
    pub authority: String,
    /// Addresses that the name resolved to, in the order in which they are tried.
    pub sockets: Vec<SocketAddr>,
}

/// Which addresses the load may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Loopback addresses of this machine only.
    Loopback,
    /// Any address.
    Anywhere,
}

impl Address {
    /// Resolves the host without connecting to it. Fails if any of its addresses is outside
    /// `reach`.
    pub async fn resolve(url: &Url, reach: Reach) -> Result<Address> {
        if url.scheme() != "http" {
            bail!(
                "--url {url}: only http is spoken here, so give the server's own address and not that of its proxy"
            );
        }
        if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
            bail!("--url {url}: a host and a port is all it may have");
        }
        let host = url.host().context("--url has no host")?;
        let port = url.port_or_known_default().unwrap_or(80);
        let name = host.to_string();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let sockets: Vec<SocketAddr> = tokio::net::lookup_host((bare, port))
            .await
            .with_context(|| format!("--url {url}: there is no host {name}"))?
            .collect();
        let beyond = sockets
            .iter()
            .find(|socket| !socket.ip().to_canonical().is_loopback());
        if let (Some(beyond), Reach::Loopback) = (beyond, reach) {
            bail!(
                "--url {url} leads to {}, which is not this machine: a rehearsal is a flood, and goes elsewhere only with --not-only-loopback",
                beyond.ip()
            );
        }
        if sockets.is_empty() {
            bail!("--url {url}: there is no host {name}");
        }
        Ok(Address {
            authority: format!("{name}:{port}"),
            sockets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(url: &str, reach: Reach) -> Result<Address> {
        Address::resolve(&Url::parse(url)?, reach).await
    }

    #[tokio::test]
    async fn this_machine_by_any_name_will_do() {
        for url in [
            "http://127.0.0.1:3000",
            "http://127.8.8.8",
            "http://[::1]:3000/",
        ] {
            let found = resolve(url, Reach::Loopback).await;
            assert!(found.is_ok(), "{url}: {found:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_needs_to_be_asked_for() {
        for url in [
            "http://192.0.2.1:3000",
            "http://0.0.0.0:3000",
            "http://[2001:db8::1]",
            "http://10.0.0.1",
        ] {
            let error = resolve(url, Reach::Loopback).await.map(drop);
            assert!(
                error.is_err_and(|error| error.to_string().contains("--not-only-loopback")),
                "{url}"
            );
            assert!(resolve(url, Reach::Anywhere).await.is_ok(), "{url}");
        }
    }

    #[tokio::test]
    async fn what_is_no_plain_address_is_refused() {
        for url in [
            "https://127.0.0.1",
            "http://127.0.0.1/concerts",
            "http://a@127.0.0.1",
        ] {
            assert!(resolve(url, Reach::Anywhere).await.is_err(), "{url}");
        }
    }
}
