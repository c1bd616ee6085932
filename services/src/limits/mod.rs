//! How often something may be done. A flood is turned away before it costs anything dear, on all servers together.
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
//! | `limit:strangers:digest` | hash | the same | wrong passwords from all addresses that an account is not known to be used from, or in a session |
//!
//! Each key is alone in its script, so a cluster may keep it anywhere. What cannot be counted, because Redis is away or full, is
//! refused: whoever fills it would be without limits otherwise, and what is limited needs Redis itself.

pub mod guesses;

use crate::sessions::Session;
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

/// How many of each a minute, and as many at once. 0: as many as come.
///
/// Those of an address are generous: behind the one address of a mobile network there are thousands of people, and they all
/// come when a sale opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From an address.
    pub log_ins: u32,
    /// From an address.
    pub sign_ups: u32,
    /// From an address. A session has [`SESSION_REFRESHES`] of its own besides.
    pub refreshes: u32,
    /// Of an account, give or take the [`UNASKED`] of each server.
    pub joins: u32,
    /// From an address, give or take what each server lets through [unasked](Limits::unasked_from_address).
    ///
    /// The most generous of all, because nobody can come at another time than when the sale opens. Behind one address of a
    /// mobile network there are about a thousand phones, and behind that of a campus or a company five thousand people, some of
    /// whom press twice: 6,000 at once refuses none of them. Worked off over a minute it is a hundred a second, about one in
    /// eighty of the joins that one server takes: whoever has many accounts and one address cannot take the sale from others.
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

    /// So many joins a minute from an address each server lets through without asking Redis: one second's worth, more than a
    /// household or an office needs on the day of a sale, and a sixtieth of the limit.
    pub fn unasked_from_address(&self) -> u32 {
        self.address_joins / 60
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// Refreshes of one session a minute: a browser with many tabs needs a few at once, four an hour.
pub const SESSION_REFRESHES: u32 = 30;

/// Changes of one profile a minute.
pub const PROFILE_CHANGES: u32 = 20;

/// Posters that an account uploads a minute: each takes a processor for up to a few seconds.
pub const UPLOADS: u32 = 20;

/// So many joins a minute of an account each server lets through without asking Redis: nearly everybody joins once, and in
/// the storm of an opening that once must cost nothing.
pub const UNASKED: u32 = 3;

const MINUTE: Duration = Duration::from_secs(60);

/// So many of an address ask Redis in one call. It costs Redis the same for one as for all of them.
const MOST_PER_CALL: usize = 10_000;

static RATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/rate.lua")));

/// The client at an address, as far as limits can tell them apart: by the address, in IPv6 by the network of 64 bits that
/// one household or phone has to itself.
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

    /// Whether it is this machine: a proxy that was not said to be one, a script of the operator, a benchmark.
    pub fn is_this_machine(self) -> bool {
        self.address.is_loopback()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Where an address is, more roughly than [`Network`]: a phone or a router that gets another address of its provider is mostly
/// still there. 24 bits, in IPv6 64.
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

/// As PostgreSQL's `cidr` reads it.
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
    /// Joins within the minute after an address's first.
    joined_from: Cache<Network, Arc<AtomicU32>>,
    /// Those who ask Redis for their address; each is told for how many microseconds to wait.
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

/// Counts of those who came within a minute.
fn a_minute<K: Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<AtomicU32>> {
    Cache::builder()
        .max_capacity(crate::MOST_KNOWN)
        .time_to_live(MINUTE)
        .build()
}

/// [`Refusal::TooManyRequests`] when too many log in from there.
pub(crate) async fn log_in(services: &Services, from: &Client) -> Result<()> {
    once_more(
        services,
        "log-in",
        Network::of(from.address),
        services.door.limits.log_ins,
    )
    .await
}

/// [`Refusal::TooManyRequests`] when too many sign up from there.
pub(crate) async fn sign_up(services: &Services, from: &Client) -> Result<()> {
    once_more(
        services,
        "sign-up",
        Network::of(from.address),
        services.door.limits.sign_ups,
    )
    .await
}

/// [`Refusal::TooManyRequests`] when too many refresh their sessions from there.
pub(crate) async fn refresh(services: &Services, from: &Client) -> Result<()> {
    let most = services.door.limits.refreshes;
    once_more(services, "refresh", Network::of(from.address), most).await
}

/// [`Refusal::TooManyRequests`] when this session is refreshed too often.
pub(crate) async fn refresh_of(services: &Services, sid: &str) -> Result<()> {
    once_more(services, "session", sid, SESSION_REFRESHES).await
}

/// [`Refusal::TooManyRequests`] when the account changes its profile too often: each time it learns whether an address is
/// taken, and all its sessions are told.
pub(crate) async fn change_profile(services: &Services, account: AccountId) -> Result<()> {
    once_more(services, "profile", account, PROFILE_CHANGES).await
}

/// [`Refusal::TooManyRequests`] when the account uploads too many posters.
pub(crate) async fn upload(services: &Services, account: AccountId) -> Result<()> {
    once_more(services, "upload", account, UPLOADS).await
}

/// [`Refusal::TooManyRequests`] when the account joins too often, or too many join from there. People of a rehearsal are never
/// refused: an organiser made them, and whatever is told about the sale is told by how they fare.
pub(crate) async fn join(services: &Services, from: &Client, session: &Session) -> Result<()> {
    let Door { limits, joined, .. } = &services.door;
    if session.rehearsal.is_some() {
        return Ok(());
    }
    let account = session.account_id;
    if limits.joins > 0 && count(joined, account) >= UNASKED {
        // Boxed: hardly anybody comes here, and every join would carry what it needs. First the account, so that one who is
        // refused uses up nothing of their neighbours' address.
        Box::pin(once_more(services, "join", account, limits.joins)).await?;
    }
    join_from(services, Network::of(from.address)).await
}

/// The joins of an address travel to Redis together, so that the rush of a campus costs a call now and then and not one each.
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

/// How many came before within the minute.
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

/// Of so many who come at once: how many are let through, and for how many microseconds the others wait.
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

/// Refused, when there are microseconds to wait.
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
