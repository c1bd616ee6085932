//! The Lua scripts, and how they are called.

use super::keys;
use crate::Result;
use crate::stores::Redis;
use model::concerts::ConcertId;
use redis::{FromRedisValue, RedisResult, Script, ToRedisArgs};
use std::sync::LazyLock;
use std::time::Duration;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("scripts/prelude.lua"), include_str!($file)))
        });)*
    };
}

scripts! {
    JOIN = "scripts/join.lua";
    LEAVE = "scripts/leave.lua";
    STANDING = "scripts/standing.lua";
    CLAIM = "scripts/claim.lua";
    ACKNOWLEDGE = "scripts/acknowledge.lua";
    COURSE = "scripts/course.lua";
    CANCEL = "scripts/cancel.lua";
    SYNC = "scripts/sync.lua";
    EXPIRE = "scripts/expire.lua";
    PLACES = "scripts/places.lua";
    RECONCILE = "scripts/reconcile.lua";
    INVALIDATE = "scripts/invalidate.lua";
    BUILD_BEGIN = "scripts/build_begin.lua";
    BUILD_ABANDON = "scripts/build_abandon.lua";
    BUILD_FINISH = "scripts/build_finish.lua";
}

/// Without the prelude: its keys are of many queues.
static PEEK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/peek.lua")));

/// Queues that are peeked at in one call: some 0.3 ms of Redis.
const PEEKED_AT_ONCE: usize = 200;

/// What [`peek`] says of one queue.
#[derive(Clone, Copy, Debug)]
pub struct Peeked {
    /// The newest wake-up. None: the queue is not whole, and has to be built.
    pub wake: Option<i64>,
    /// The newest instant of the queue's clock (µs): everybody who joined has an arrival up to it.
    pub clock: i64,
    /// Since it was last compared with the journal as a whole, by any server.
    pub compared: Option<Duration>,
}

/// Looks at many queues, in as few calls as can be, and returns an answer for each in the same order. An error is of those
/// that share a call, or a master.
pub async fn peek(redis: &Redis, concerts: &[ConcertId]) -> Vec<Result<Peeked>> {
    let calls = redis
        .in_one_call(concerts, PEEKED_AT_ONCE)
        .map(async |group| {
            let mut call = PEEK.prepare_invoke();
            for concert in group {
                call.key(keys::state(redis, *concert));
            }
            let answer: RedisResult<Vec<i64>> = call.invoke_async(&mut redis.connection()).await;
            match answer {
                Ok(numbers) => numbers.chunks_exact(3).map(peeked).collect(),
                Err(error) => group.iter().map(|_| Err(error.clone().into())).collect(),
            }
        });
    let answers: Vec<Vec<Result<Peeked>>> = futures::future::join_all(calls).await;
    answers.into_iter().flatten().collect()
}

fn peeked(numbers: &[i64]) -> Result<Peeked> {
    let positive = |number: i64| u64::try_from(number).ok();
    Ok(Peeked {
        wake: positive(numbers[0]).map(|_| numbers[0]),
        clock: numbers[1],
        compared: positive(numbers[2]).map(Duration::from_micros),
    })
}

/// Runs a script on a concert's keys: one round trip.
pub async fn call<T: FromRedisValue>(
    redis: &Redis,
    script: &Script,
    concert: ConcertId,
    arguments: impl ToRedisArgs,
) -> Result<T> {
    let mut call = script.prepare_invoke();
    for key in keys::of(redis, concert) {
        call.key(key);
    }
    call.arg(arguments);
    Ok(call.invoke_async(&mut redis.connection()).await?)
}
