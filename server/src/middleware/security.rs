//! Security events in the log: one target, one name per event, with the address that a firewall
//! such as fail2ban needs and no other personal data
//! ([docs/security.md](../../../docs/security.md#in-the-log)).

use app::sessions::{CreateToken, LogIn};
use axum::http::StatusCode;
use leptos::server_fn::ServerFn;
use moka::sync::Cache;
use services::limits::Network;
use std::net::IpAddr;
use std::time::Duration;

/// Path of the event streams. It answers 429 when there is no seat left.
const STREAM: &str = "/api/queue_stream";

/// Minimum time between two events of the same kind from one network: a flood must not fill the
/// disk.
const ONCE_IN: Duration = Duration::from_secs(1);
const ADDRESSES_MAX: u64 = 10_000;

/// Events of the last second.
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
    /// Logs an event if the answer is one that a guess, a probe or a flood receives.
    pub fn note(&self, address: IpAddr, path: &str, status: StatusCode) {
        let event = match status {
            StatusCode::UNAUTHORIZED if [LogIn::PATH, CreateToken::PATH].contains(&path) => {
                "log_in_failed"
            }
            StatusCode::FORBIDDEN => "forbidden",
            // A client without a stream polls, which is not a flood.
            StatusCode::TOO_MANY_REQUESTS if path != STREAM => "too_many_requests",
            _ => return,
        };
        // Every guess is logged. Their number is bounded by the rate at which passwords are
        // checked.
        if status != StatusCode::UNAUTHORIZED {
            let entry = self.0.entry((Network::of(address), status)).or_insert(());
            if !entry.is_fresh() {
                return;
            }
        }
        tracing::warn!(target: "security", event, %address, path);
    }
}
