//! The Lua scripts, and how they are called.

use super::keys;
use crate::stores::Redis;
use crate::{Error, Result};
use futures::Stream;
use futures::stream::FuturesUnordered;
use model::concerts::ConcertId;
use redis::{FromRedisValue, RedisResult, Script, ToRedisArgs};
use std::ops::Range;
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
    COMPARED = "scripts/compared.lua";
}

/// Without the prelude: their keys belong to many queues.
static PEEK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/peek.lua")));
static TALLY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/tally.lua")));

/// Queues read in one call: about 0.5 ms of Redis's time.
const QUEUES_AT_ONCE: usize = 200;

/// What [`peek`] returns for one queue.
#[derive(Clone, Copy, Debug)]
pub struct Peeked {
    /// The newest instant of the queue's clock (µs): no arrival, tick or wake-up is later. `None`
    /// if the queue is not built, or built in another Redis: it has to be built.
    pub clock: Option<i64>,
    /// Time since any server last compared the queue with the journal as a whole, or counted it.
    /// `None` if that is not known.
    pub compared: Option<Duration>,
}

/// Reads many queues in as few calls as possible. Yields each answer as it arrives, with the range
/// of `concerts` that it is about; an error is about all queues in its range. One master that hangs
/// does not delay the answers of the others.
pub fn peek<'a>(
    redis: &'a Redis,
    concerts: &'a [ConcertId],
) -> impl Stream<Item = (Range<usize>, Result<Vec<Peeked>>)> + 'a {
    let most = redis.in_one_call(QUEUES_AT_ONCE);
    let calls = concerts
        .chunks(most)
        .enumerate()
        .map(move |(n, group)| async move {
            let mut call = PEEK.prepare_invoke();
            for concert in group {
                call.key(keys::state(redis, *concert));
            }
            let answer: RedisResult<Vec<i64>> = call.invoke_async(&mut redis.connection()).await;
            let peeked = answer.map(|numbers| numbers.chunks_exact(2).map(peeked).collect());
            let first = n * most;
            (first..first + group.len(), peeked.map_err(Error::from))
        });
    calls.collect::<FuturesUnordered<_>>()
}

fn peeked(numbers: &[i64]) -> Peeked {
    let positive = |number: i64| u64::try_from(number).ok();
    Peeked {
        clock: positive(numbers[0]).map(|_| numbers[0]),
        compared: positive(numbers[1]).map(Duration::from_micros),
    }
}

/// How many places and holders a queue has by the journal.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    pub concert: ConcertId,
    pub waiting: i64,
    /// Live tickets.
    pub holding: i64,
}

/// Returns whether Redis has the same counts for each queue, in the same order. A queue that agrees
/// is noted as compared.
pub async fn agree(redis: &Redis, tallies: &[Tally]) -> Result<Vec<bool>> {
    let mut agree = Vec::with_capacity(tallies.len());
    for group in tallies.chunks(redis.in_one_call(QUEUES_AT_ONCE)) {
        let mut call = TALLY.prepare_invoke();
        for tally in group {
            for key in keys::counted(redis, tally.concert) {
                call.key(key);
            }
            call.arg(tally.waiting).arg(tally.holding);
        }
        let answer: Vec<i64> = call.invoke_async(&mut redis.connection()).await?;
        agree.extend(answer.into_iter().map(|agrees| agrees == 1));
    }
    Ok(agree)
}

/// Runs a script on a concert's keys, in one round trip.
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
