//! Ends what is held open for a session when the session ends, on whichever server that happens.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `sessions:ended` | stream | about the last 10,000 entries | `sid` of each session that was ended |
//!
//! Every server reads it a few times a second, regardless of how much it holds open. If an entry is
//! never written, because a server died halfway through a log-out, an event stream stays open until
//! its access token expires; new requests are refused at once in any case.

use super::Session;
use crate::{Result, Services};
use redis::streams::StreamRangeReply;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Upper bound on the time until this server learns of a log-out elsewhere.
const LISTEN: Duration = Duration::from_millis(250);
/// Entries kept for servers that are slow to read.
const KEPT: usize = 10_000;
const AT_ONCE: usize = 1_000;

/// The sessions for which this process holds something open.
#[derive(Default)]
pub struct Held(Mutex<HashMap<String, Holders>>);

struct Holders {
    ended: CancellationToken,
    number: usize,
}

/// Something held open for a session; released on drop.
pub struct Hold {
    held: Arc<Held>,
    sid: String,
    ended: CancellationToken,
}

/// Begins to hold something open. Whether the session is still open must be checked after this, not
/// before.
pub fn hold(services: &Services, session: &Session) -> Hold {
    let held = services.held.clone();
    let mut sessions = held.lock();
    let holders = sessions
        .entry(session.sid.clone())
        .or_insert_with(|| Holders {
            ended: CancellationToken::new(),
            number: 0,
        });
    holders.number += 1;
    let ended = holders.ended.clone();
    drop(sessions);
    Hold {
        held,
        sid: session.sid.clone(),
        ended,
    }
}

impl Hold {
    /// Returns when the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Entry::Occupied(mut holders) = self.held.lock().entry(std::mem::take(&mut self.sid))
        {
            holders.get_mut().number -= 1;
            if holders.get().number == 0 {
                holders.remove();
            }
        }
    }
}

impl Held {
    fn end(&self, sid: &str) {
        if let Some(holders) = self.lock().get(sid) {
            holders.ended.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Holders>> {
        // The map stays consistent if a holder panics: no update under this lock is partial.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notifies every server that the sessions have ended.
pub(super) async fn announce(services: &Services, sids: &[String]) {
    let mut commands = Vec::with_capacity(sids.len());
    for sid in sids {
        services.held.end(sid);
        let mut command = redis::cmd("XADD");
        command.arg(key(services));
        command.arg(("MAXLEN", "~", KEPT, "*", "sid", sid));
        commands.push(command);
    }
    let told = services.redis.each(commands).await.into_iter();
    if let Some(error) = told.filter_map(|answer| answer.err()).next() {
        // The sessions have ended in any case.
        tracing::warn!(%error, "other servers could not be told of a log-out");
    }
}

/// Ends what is held open here for sessions that end elsewhere, until `stop`.
pub async fn listen(services: Services, stop: CancellationToken) {
    let mut last = None;
    while !stop.is_cancelled() {
        match news(&services, last.as_deref()).await {
            Ok(newest) => last = Some(newest),
            // Requests that need Redis log that it is unavailable.
            Err(error) => tracing::debug!(%error, "log-outs elsewhere cannot be heard of"),
        }
        tokio::select! {
            () = tokio::time::sleep(LISTEN) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Ends what is held open for sessions that ended after the entry `last`, and returns the newest
/// entry. With `None`, only returns the newest entry, to start from.
async fn news(services: &Services, last: Option<&str>) -> Result<String> {
    let mut redis = services.redis.connection();
    let Some(last) = last else {
        let newest: StreamRangeReply = redis::cmd("XREVRANGE")
            .arg((key(services), "+", "-", "COUNT", 1))
            .query_async(&mut redis)
            .await?;
        let newest = newest.ids.into_iter().next();
        return Ok(newest.map_or_else(|| "0-0".to_owned(), |entry| entry.id));
    };
    let ended: StreamRangeReply = redis::cmd("XRANGE")
        .arg((key(services), format!("({last}"), "+", "COUNT", AT_ONCE))
        .query_async(&mut redis)
        .await?;
    let mut newest = last.to_owned();
    for entry in ended.ids {
        if let Some(sid) = entry.get::<String>("sid") {
            services.held.end(&sid);
        }
        newest = entry.id;
    }
    Ok(newest)
}

fn key(services: &Services) -> String {
    services.redis.key("sessions:ended")
}
