//! What matters to the safety of accounts, as events in the log: one target, one name each, with the address that a firewall
//! such as fail2ban needs and nothing else of a person ([docs/security.md](../../../docs/security.md#in-the-log)).

use app::sessions::{CreateToken, LogIn};
use axum::http::StatusCode;
use leptos::server_fn::ServerFn;
use moka::sync::Cache;
use services::limits::Network;
use std::net::IpAddr;
use std::time::Duration;

/// Where more people of one address may watch than have a seat.
const STREAM: &str = "/api/queue_stream";

/// A flood from one address is one line of each kind in so long a time: it must not fill the disk.
const ONCE_IN: Duration = Duration::from_secs(1);
const ADDRESSES_MAX: u64 = 10_000;

/// The events of the last second.
pub struct SecurityLog(Cache<(Network, StatusCode), ()>);

impl Default for SecurityLog {
    fn default() -> SecurityLog {
        SecurityLog(
            Cache::builder()
                .max_capacity(ADDRESSES_MAX)
                .time_to_live(ONCE_IN)
                .build(),
        )
    }
}

impl SecurityLog {
    /// Says it if this answer is one that a guess, a probe or a flood gets.
    pub fn note(&self, address: IpAddr, path: &str, status: StatusCode) {
        let event = match status {
            StatusCode::UNAUTHORIZED if [LogIn::PATH, CreateToken::PATH].contains(&path) => {
                "log_in_failed"
            }
            StatusCode::FORBIDDEN => "forbidden",
            // A place that is asked for instead of streamed is no flood.
            StatusCode::TOO_MANY_REQUESTS if path != STREAM => "too_many_requests",
            _ => return,
        };
        // Each guess counts, and there are no more of them than passwords can be looked at.
        if status != StatusCode::UNAUTHORIZED {
            let entry = self.0.entry((Network::of(address), status)).or_insert(());
            if !entry.is_fresh() {
                return;
            }
        }
        tracing::warn!(target: "security", event, %address, path);
    }
}
