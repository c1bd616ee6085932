//! The Redis keys of a queue.
//!
//! | key | type | what | life | written by |
//! | --- | --- | --- | --- | --- |
//! | `queue:{id}:waiting` | sorted set | account → arrival | until issued, left or expired | join, claim, acknowledge, leave, reconcile, expire |
//! | `queue:{id}:inflight` | sorted set | account → arrival: claimed, being issued | until acknowledged | claim, acknowledge, leave, reconcile, expire |
//! | `queue:{id}:leaving` | sorted set | arrival → arrival: left since the last tick | until the next tick | leave, acknowledge, any tick |
//! | `queue:{id}:holders` | set | accounts that hold a live ticket | as long as the queue | acknowledge, cancel, reconcile |
//! | `queue:{id}:state` | hash | `generation` (missing: not built), `origin`: which Redis it was built in (its `run_id` and `master_replid`), PostgreSQL's `timeline` then, the `sizes` of the parts above, `clock`, `tick`, when that was `ticked`, `claim`, `due`, `lease_until`, `next_claim`, the sale as last heard (`revision state stock batch_size interval_ms opens_at closes_at`), how many `joined` and were `issued` since that was `noted`, when it was last `compared` with the journal as a whole, or its people were counted, `builder`, `builder_until` | as long as the queue | all |
//! | `queue:{id}:ticks` | stream | one JSON [`model::queue::Tick`] per entry, id `{tick}-0`, about the last 500 | trimmed | any tick |
//! | `queue:{id}:course` | list | what happened in a second in which something did, for the organiser's desk: until when, over how long (µs), how many joined, how many were issued; the last 300 | trimmed | claim |
//!
//! `{id}` is the concert's, braces included: a Redis Cluster's hash tag, so that all keys of a concert share a slot and
//! every script may touch them all. All of it but the course, which is no promise, can be built again from PostgreSQL. A day after a
//! sale is over its keys expire.

use crate::stores::Redis;
use model::concerts::ConcertId;

const NAMES: [&str; 7] = [
    "waiting", "inflight", "leaving", "holders", "state", "ticks", "course",
];

/// The channel on which queues wake their drivers: `{id} {number}`, and something without a space now and then so that a
/// subscription that hears nothing is known to be broken. Redis knows no databases here: two Frontrows in databases of one
/// Redis share it unless they have prefixes.
pub fn wake_channel(redis: &Redis) -> String {
    redis.key("queue:wake")
}

/// What a queue's people are counted in, and its state, in the order in which the script that counts expects them.
pub fn counted(redis: &Redis, concert: ConcertId) -> [String; 4] {
    ["waiting", "inflight", "holders", "state"]
        .map(|name| redis.key(format_args!("queue:{{{concert}}}:{name}")))
}

/// The hash that says how a queue stands.
pub fn state(redis: &Redis, concert: ConcertId) -> String {
    redis.key(format_args!("queue:{{{concert}}}:state"))
}

/// The full names, in the order in which every script expects them.
pub fn of(redis: &Redis, concert: ConcertId) -> [String; 7] {
    NAMES.map(|name| redis.key(format_args!("queue:{{{concert}}}:{name}")))
}
