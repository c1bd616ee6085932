//! Rate limits, shared by all servers: a flood is refused before it causes expensive work.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `limit:log-in:address` | string | until worked off, a minute at most | log-ins from an address, as `rate.lua` counts them |
//! | `limit:sign-up:address` | string | the same | sign-ups from an address |
//! | `limit:refresh:address` | string | the same | refreshes from an address |
//! | `limit:session:sid` | string | the same | refreshes of a session |
//! | `limit:profile:account` | string | the same | changes of an account's profile |
//! | `limit:upload:account` | string | the same | posters that an account uploads |
//! | `limit:join:account` | string | the same | joins of an account, from the fourth a minute on each server |
//! | `limit:join-from:address` | string | the same | joins from an address, after the first hundred a minute on each server |
//! | `limit:password:digest` | hash | an hour after the last one | wrong passwords from an address: [`guesses`] |
//! | `limit:strangers:digest` | hash | the same | wrong passwords from all addresses from which an account is not known to be used, or in a session |
//!
//! Each script uses one key, so a cluster may keep it on any node. A request that cannot be
//! counted, because Redis is away or full, is refused: an attacker who fills Redis would otherwise
//! be without limits, and what is limited needs Redis itself.

pub mod guesses;

use crate::together::Together;
use crate::{Client, Result, Services};
use model::Refusal;
use model::accounts::AccountId;
use moka::sync::Cache;
use redis::{RedisResult, Script};
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Requests of each kind per minute, which is also the largest burst. 0 means no limit.
///
/// The limits per address are generous: one address of a mobile network stands for thousands of
/// users, who all come when a sale opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From an address.
    pub log_ins: u32,
    /// From an address.
    pub sign_ups: u32,
    /// From an address. A session also has a limit of its own, [`SESSION_REFRESHES`].
    pub refreshes: u32,
    /// Of an account, give or take the [`UNASKED`] of each server.
    pub joins: u32,
    /// From an address, give or take what each server lets through
    /// [unasked](Limits::unasked_from_address).
    ///
    /// The most generous limit, because joins cannot come at another time than when the sale opens.
    /// Behind one address of a mobile network there are about a thousand phones, and behind that of
    /// a campus or a company five thousand users, some of whom press twice: 6,000 at once refuses
    /// none of them. Worked off over a minute it is a hundred a second, about one in eighty of the
    /// joins that one server takes: a client with many accounts and one address cannot take the
    /// sale from others.
    pub address_joins: u32,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        log_ins: 300,
        sign_ups: 120,
        refreshes: 3000,
        joins: 60,
        address_joins: 6000,
    };
    pub const NONE: Limits = Limits {
        log_ins: 0,
        sign_ups: 0,
        refreshes: 0,
        joins: 0,
        address_joins: 0,
    };

    /// Joins per minute from an address that each server lets through without asking Redis: one
    /// second's worth, more than a household or an office needs on the day of a sale, and a
    /// sixtieth of the limit.
    pub fn unasked_from_address(&self) -> u32 {
        self.address_joins / 60
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// Refreshes of one session per minute: a browser with many tabs needs a few at once, four an hour.
pub const SESSION_REFRESHES: u32 = 30;

/// Changes of one profile per minute.
pub const PROFILE_CHANGES: u32 = 20;

/// Posters that an account uploads per minute: each takes a processor for up to a few seconds.
pub const UPLOADS: u32 = 20;

/// Joins per minute of an account that each server lets through without asking Redis: nearly all
/// accounts join once, and in the rush of an opening that join must cost nothing.
pub const UNASKED: u32 = 3;

const MINUTE: Duration = Duration::from_secs(60);

/// Joins of an address that ask Redis in one call. One costs Redis the same as all of them.
const MOST_PER_CALL: usize = 10_000;

static RATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/rate.lua")));

/// The client at an address, as far as limits can tell clients apart: by the address, in IPv6 by
/// the network of 64 bits that one household or phone has to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
}

impl Network {
    pub fn of(address: IpAddr) -> Network {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        };
        Network { address }
    }

    /// Returns whether it is this machine: a proxy that is not configured as one, a script of the
    /// operator, a benchmark.
    pub fn is_this_machine(self) -> bool {
        self.address.is_loopback()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// The surroundings of an address, coarser than [`Network`]: a phone or a router that gets another
/// address of its provider mostly stays within them. 24 bits, in IPv6 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbourhood {
    first: IpAddr,
}

impl Neighbourhood {
    pub fn of(address: IpAddr) -> Neighbourhood {
        let first = match Network::of(address).address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8)).into(),
            v6 => v6,
        };
        Neighbourhood { first }
    }
}

/// Formats it as PostgreSQL's `cidr` reads it.
impl fmt::Display for Neighbourhood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.first.is_ipv4() { 24 } else { 64 };
        write!(f, "{}/{bits}", self.first)
    }
}

/// The limits, and what this process remembers for them.
pub struct Door {
    limits: Limits,
    /// Joins within the minute after an account's first.
    joined: Cache<AccountId, Arc<AtomicU32>>,
    /// Joins within the minute after a network's first.
    joined_from: Cache<Network, Arc<AtomicU32>>,
    /// Batcher for joins that ask Redis about their network; each receives how many microseconds to
    /// wait.
    asking: Arc<Together<Network, (), u64>>,
}

impl Door {
    pub(crate) fn new(limits: Limits) -> Door {
        Door {
            limits,
            joined: a_minute(),
            joined_from: a_minute(),
            asking: Arc::new(Together::new(MOST_PER_CALL, 1)),
        }
    }
}

/// Returns a cache of counts that expire after a minute.
fn a_minute<K: Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<AtomicU32>> {
    Cache::builder()
        .max_capacity(crate::MOST_KNOWN)
        .time_to_live(MINUTE)
        .build()
}

/// [`Refusal::TooManyRequests`] if there are too many log-ins from this network.
pub(crate) async fn log_in(services: &Services, from: &Client) -> Result<()> {
    once_more(
        services,
        "log-in",
        Network::of(from.address),
        services.door.limits.log_ins,
    )
    .await
}

/// [`Refusal::TooManyRequests`] if there are too many sign-ups from this network.
pub(crate) async fn sign_up(services: &Services, from: &Client) -> Result<()> {
    once_more(
        services,
        "sign-up",
        Network::of(from.address),
        services.door.limits.sign_ups,
    )
    .await
}

/// [`Refusal::TooManyRequests`] if there are too many refreshes from this network.
pub(crate) async fn refresh(services: &Services, from: &Client) -> Result<()> {
    let most = services.door.limits.refreshes;
    once_more(services, "refresh", Network::of(from.address), most).await
}

/// [`Refusal::TooManyRequests`] if this session is refreshed too often.
pub(crate) async fn refresh_of(services: &Services, sid: &str) -> Result<()> {
    once_more(services, "session", sid, SESSION_REFRESHES).await
}

/// [`Refusal::TooManyRequests`] if the account changes its profile too often: each change reveals
/// whether an address is taken, and updates all sessions of the account.
pub(crate) async fn change_profile(services: &Services, account: AccountId) -> Result<()> {
    once_more(services, "profile", account, PROFILE_CHANGES).await
}

/// [`Refusal::TooManyRequests`] if the account uploads too many posters.
pub(crate) async fn upload(services: &Services, account: AccountId) -> Result<()> {
    once_more(services, "upload", account, UPLOADS).await
}

/// [`Refusal::TooManyRequests`] if the account joins too often, or if there are too many joins from
/// this network.
pub(crate) async fn join(services: &Services, from: &Client, account: AccountId) -> Result<()> {
    let Door { limits, joined, .. } = &services.door;
    if limits.joins > 0 && count(joined, account) >= UNASKED {
        // Boxed: few joins get here, and every join would pay for the size of this future. The
        // account is checked first, so that a refused join uses up nothing of its network's limit.
        Box::pin(once_more(services, "join", account, limits.joins)).await?;
    }
    join_from(services, Network::of(from.address)).await
}

/// Asks Redis about the joins of a network in batches, so that the rush of a campus costs a call
/// now and then and not one per join.
async fn join_from(services: &Services, network: Network) -> Result<()> {
    let Door {
        limits,
        joined_from,
        asking,
        ..
    } = &services.door;
    let most = limits.address_joins;
    if most == 0 || count(joined_from, network) < limits.unasked_from_address() {
        return Ok(());
    }
    let carry = {
        let services = services.clone();
        move |asked: Vec<()>| {
            let (services, number) = (services.clone(), asked.len());
            async move {
                match some_more(&services, "join-from", network, most, number).await {
                    Ok((let_through, wait)) => (0..number)
                        .map(|n| Ok(if n < let_through { 0 } else { wait }))
                        .collect(),
                    Err(error) => (0..number).map(|_| Err(error.clone().into())).collect(),
                }
            }
        }
    };
    refuse_until(Box::pin(asking.ask(network, (), carry)).await?)
}

/// Counts one more, and returns how many came before it within the minute.
fn count<K: Hash + Eq + Send + Sync + 'static>(came: &Cache<K, Arc<AtomicU32>>, who: K) -> u32 {
    came.get_with(who, Arc::default)
        .fetch_add(1, Ordering::Relaxed)
}

async fn once_more(
    services: &Services,
    what: &str,
    who: impl fmt::Display,
    most: u32,
) -> Result<()> {
    if most == 0 {
        return Ok(());
    }
    match some_more(services, what, who, most, 1).await? {
        (1.., _) => Ok(()),
        (0, wait) => refuse_until(wait),
    }
}

/// Asks Redis about `number` requests at once. Returns how many are let through, and for how many
/// microseconds the others wait.
async fn some_more(
    services: &Services,
    what: &str,
    who: impl fmt::Display,
    most: u32,
    number: usize,
) -> RedisResult<(usize, u64)> {
    let key = services.redis.key(format_args!("limit:{what}:{who}"));
    let turn = (MINUTE.as_micros() as u64 / u64::from(most)).max(1);
    RATE.key(key)
        .arg(services.clock.now().timestamp_micros())
        .arg(turn)
        .arg(most)
        .arg(number)
        .invoke_async(&mut services.redis.connection())
        .await
}

/// Refuses if there are microseconds to wait.
fn refuse_until(wait: u64) -> Result<()> {
    match wait {
        0 => Ok(()),
        wait => Err(Refusal::TooManyRequests {
            retry_after_s: wait.div_ceil(1_000_000).try_into().unwrap_or(u32::MAX),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_client_and_its_neighbour_another() {
        let network = |address: &str| Network::of(address.parse().unwrap());
        assert_eq!(network("203.0.113.7"), network("::ffff:203.0.113.7"));
        assert_ne!(network("203.0.113.7"), network("203.0.113.8"));
        assert_eq!(
            network("2001:db8:0:1::7"),
            network("2001:db8:0:1:ffff:ffff:ffff:ffff")
        );
        assert_ne!(network("2001:db8:0:1::7"), network("2001:db8:0:2::7"));
        assert_eq!(network("2001:db8:0:1::7").to_string(), "2001:db8:0:1::");
        let neighbourhood = |address: &str| Neighbourhood::of(address.parse().unwrap()).to_string();
        assert_eq!(neighbourhood("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(neighbourhood("::ffff:203.0.113.7"), "203.0.113.0/24");
        assert_eq!(neighbourhood("2001:db8:0:1:2::7"), "2001:db8:0:1::/64");
    }
}
