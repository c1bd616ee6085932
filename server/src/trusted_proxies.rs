//! Proxies whose `X-Forwarded-For` is followed. Values from other sources are ignored.

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use std::net::IpAddr;
use std::str::FromStr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Parses addresses and networks (`10.0.0.0/8`), separated by commas. Empty text trusts no
    /// proxy.
    fn from_str(text: &str) -> Result<TrustedProxies, String> {
        let named = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let networks = named.map(|one| {
            let address = one.parse::<IpAddr>().map(IpNet::from);
            address
                .or_else(|_| one.parse::<IpNet>())
                .map_err(|_| format!("{one} is neither an address nor a network"))
        });
        networks.collect::<Result<_, _>>().map(TrustedProxies)
    }
}

impl TrustedProxies {
    /// Returns the peer or, while that is a trusted proxy, the address that it forwards for. Each
    /// proxy appends to what it received, so the right-most address that is not a trusted proxy is
    /// the client's; everything to its left is unverified. A value that is not an address ends the
    /// walk at the last address found.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter();
        let forwarded = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
        for before in forwarded.rev() {
            if !self.trusts(address) {
                break;
            }
            match before.trim().parse::<IpAddr>() {
                Ok(before) => address = before.to_canonical(),
                Err(_) => break,
            }
        }
        address
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &str, peer: &str, lines: &[&str]) -> String {
        let proxies: TrustedProxies = proxies.parse().unwrap();
        let headers = lines
            .iter()
            .map(|line| (FORWARDED_FOR, line.parse().unwrap()))
            .collect();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        const OURS: &str = "10.0.0.0/8, 192.0.2.1,2001:db8:1::/48";
        const MINA: &str = "203.0.113.7";
        for (proxies, peer, lines, expected) in [
            // No proxy is trusted by default.
            ("", MINA, &[] as &[&str], MINA),
            ("", MINA, &["198.51.100.1"], MINA),
            ("", "10.0.0.1", &["198.51.100.1"], "10.0.0.1"),
            // A peer that is not a trusted proxy cannot forward for another.
            (OURS, MINA, &["10.0.0.2"], MINA),
            (OURS, MINA, &["198.51.100.1, 10.0.0.2"], MINA),
            // One proxy, two, and one that sends no header.
            (OURS, "10.0.0.1", &[MINA], MINA),
            (OURS, "192.0.2.1", &["203.0.113.7, 10.0.0.2"], MINA),
            (OURS, "10.0.0.1", &[], "10.0.0.1"),
            // Values that the client itself sent are to the left, on a line of their own or not.
            (OURS, "10.0.0.1", &["198.51.100.1, 203.0.113.7"], MINA),
            (OURS, "10.0.0.1", &["10.9.9.9,203.0.113.7,10.0.0.2"], MINA),
            (OURS, "10.0.0.1", &["198.51.100.1", MINA], MINA),
            (OURS, "10.0.0.1", &[MINA, "10.0.0.2"], MINA),
            // Not an address: the last one that could be followed.
            (OURS, "10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            (OURS, "10.0.0.1", &["203.0.113.7,, 10.0.0.2"], "10.0.0.2"),
            (OURS, "10.0.0.1", &["\u{fc}", "10.0.0.2"], "10.0.0.2"),
            (OURS, "10.0.0.1", &["203.0.113.7:80"], "10.0.0.1"),
            // All of them trusted: the left-most.
            (OURS, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // IPv6, and IPv4 mapped to it.
            (OURS, "2001:db8:1::1", &["2001:db8:2::7"], "2001:db8:2::7"),
            (OURS, "2001:db8:2::1", &[MINA], "2001:db8:2::1"),
            (OURS, "::ffff:10.0.0.1", &["::ffff:203.0.113.7"], MINA),
        ] {
            let lines: &[&str] = lines;
            assert_eq!(
                client(proxies, peer, lines),
                expected,
                "{peer} said {lines:?}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        let refused = "10.0.0.1,example.com".parse::<TrustedProxies>();
        assert!(refused.unwrap_err().starts_with("example.com"));
        assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
    }
}
