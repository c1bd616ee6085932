//! The Lua scripts, and how they are called.

use super::keys;
use crate::Result;
use crate::stores::Redis;
use model::concerts::ConcertId;
use redis::{FromRedisValue, Script, ToRedisArgs};
use std::sync::LazyLock;

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
