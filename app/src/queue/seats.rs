//! Limits on open streams (server only).

use model::Refusal;
use model::accounts::AccountId;
use services::limits::Network;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Upper bound on the streams of one account: several tabs on several devices.
const PER_ACCOUNT: usize = 12;
/// Divisor for the limit per address: one address may hold a quarter of all streams, but always as
/// many as one account. So a client with many accounts and one address cannot force all others to
/// poll every few seconds. Thousands of people may share the address of a campus; those beyond the
/// limit poll.
const PER_ADDRESS: usize = 4;

/// The streams that this server has room for.
#[derive(Clone)]
pub struct Seats(Arc<Room>);

struct Room {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_account: HashMap<AccountId, usize>,
    by_address: HashMap<Network, usize>,
}

impl Seats {
    pub fn new(most: usize) -> Seats {
        Seats(Arc::new(Room {
            most,
            taken: Mutex::default(),
        }))
    }

    /// Takes a seat for one stream, released on drop. Returns [`Refusal::TooManyStreams`] if the
    /// account, its address or the server has reached its limit.
    pub fn take(&self, account: AccountId, address: Network) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        let own = taken.by_account.get(&account).copied().unwrap_or(0);
        let there = taken.by_address.get(&address).copied().unwrap_or(0);
        let most_there = (self.0.most / PER_ADDRESS).max(PER_ACCOUNT);
        if taken.all >= self.0.most
            || own >= PER_ACCOUNT
            || (there >= most_there && !address.is_this_machine())
        {
            return Err(Refusal::TooManyStreams);
        }
        taken.all += 1;
        taken.by_account.insert(account, own + 1);
        taken.by_address.insert(address, there + 1);
        Ok(Seat {
            seats: self.clone(),
            account,
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // The counts stay consistent if a holder panics: no update under this lock is partial.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one stream.
pub struct Seat {
    seats: Seats,
    account: AccountId,
    address: Network,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all = taken.all.saturating_sub(1);
        one_less(&mut taken.by_account, self.account);
        one_less(&mut taken.by_address, self.address);
    }
}

fn one_less<K: Eq + Hash>(taken: &mut HashMap<K, usize>, of: K) {
    if let Some(own) = taken.get_mut(&of) {
        *own -= 1;
        if *own == 0 {
            taken.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Network {
        Network::of([203, 0, 113, last].into())
    }

    #[test]
    fn one_address_does_not_take_all_seats() {
        let seats = Seats::new(100);
        let taken: Vec<_> = (0..100)
            .map(|n| seats.take(AccountId(n), network(1)))
            .collect();
        let had = taken.iter().filter(|seat| seat.is_ok()).count();
        assert_eq!(had, 25);
        assert!(seats.take(AccountId(200), network(2)).is_ok());
        drop(taken);
        assert!(seats.lock().by_address.is_empty());
        assert!(seats.take(AccountId(1), network(1)).is_ok());
    }

    #[test]
    fn an_account_and_the_server_have_so_many_streams_and_no_more() {
        let seats = Seats::new(PER_ACCOUNT + 1);
        let mut mine: Vec<Seat> = Vec::new();
        while let Ok(seat) = seats.take(AccountId(1), network(1)) {
            mine.push(seat);
        }
        assert_eq!(mine.len(), PER_ACCOUNT);
        let other = seats.take(AccountId(2), network(2));
        assert!(other.is_ok());
        assert_eq!(
            seats.take(AccountId(3), network(3)).err(),
            Some(Refusal::TooManyStreams)
        );
        mine.pop();
        assert!(seats.take(AccountId(3), network(3)).is_ok());
        drop((mine, other));
        assert!(seats.lock().by_account.is_empty() && seats.lock().all == 0);
    }
}
