//! The Redis keys of a queue.
//!
//! | key | type | what | life | written by |
//! | --- | --- | --- | --- | --- |
//! | `queue:{id}:waiting` | sorted set | account → arrival | until issued, left or expired | join, claim, acknowledge, leave, reconcile, expire |
//! | `queue:{id}:inflight` | sorted set | account → arrival: claimed, being issued | until acknowledged | claim, acknowledge, leave, reconcile, expire |
//! | `queue:{id}:leaving` | sorted set | arrival → arrival: left since the last tick | until the next tick | leave, acknowledge, any tick |
//! | `queue:{id}:holders` | set | accounts that hold a live ticket | as long as the queue | acknowledge, cancel, reconcile |
//! | `queue:{id}:state` | hash | `generation` (missing: not built), `origin`: the Redis that it was built in (its `run_id` and `master_replid`), PostgreSQL's `timeline` then, the `sizes` of the parts above, `clock`, `tick`, when that was published (`ticked`), `claim`, `due`, `lease_until`, `next_claim`, the sale as last received (`revision state stock batch_size interval_ms opens_at closes_at`), how many `joined` and were `issued` since the last note (`noted`), when it was last `compared` with the journal as a whole or counted, `builder`, `builder_until` | as long as the queue | all |
//! | `queue:{id}:ticks` | stream | one JSON [`model::queue::Tick`] per entry, id `{tick}-0`, about the last 500 | trimmed | any tick |
//! | `queue:{id}:course` | list | throughput, for the organiser's dashboard: one item per second in which something happened, with its end, its length (µs), how many joined and how many were issued; the last 300 | trimmed | claim |
//!
//! `{id}` is the concert's id, braces included: the hash tag of a Redis Cluster, so that all keys
//! of a concert share a slot and every script may access them all. Everything except the course,
//! which is no promise, can be rebuilt from PostgreSQL. The keys expire a day after the sale is
//! over.

use crate::stores::Redis;
use model::concerts::ConcertId;

const NAMES: [&str; 7] = [
    "waiting", "inflight", "leaving", "holders", "state", "ticks", "course",
];

/// Returns the channel on which queues wake their drivers. Messages are `{id} {number}`, and
/// regularly one without a space, so that a silent subscription is known to be broken. Redis
/// databases do not separate channels: two Frontrows in databases of one Redis share it unless they
/// have prefixes.
pub fn wake_channel(redis: &Redis) -> String {
    redis.key("queue:wake")
}

/// Returns the keys by which a queue is counted, and its state, in the order that `tally.lua`
/// expects.
pub fn counted(redis: &Redis, concert: ConcertId) -> [String; 4] {
    ["waiting", "inflight", "holders", "state"]
        .map(|name| redis.key(format_args!("queue:{{{concert}}}:{name}")))
}

/// Returns the key of the hash with a queue's state.
pub fn state(redis: &Redis, concert: ConcertId) -> String {
    redis.key(format_args!("queue:{{{concert}}}:state"))
}

/// Returns the full names of all keys, in the order that every script expects.
pub fn of(redis: &Redis, concert: ConcertId) -> [String; 7] {
    NAMES.map(|name| redis.key(format_args!("queue:{{{concert}}}:{name}")))
}
