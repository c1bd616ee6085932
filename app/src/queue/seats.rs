//! How many streams may be open (server only).

use model::Refusal;
use model::accounts::AccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one account: some tabs on some devices.
const PER_ACCOUNT: usize = 12;

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
}

impl Seats {
    pub fn new(most: usize) -> Seats {
        Seats(Arc::new(Room {
            most,
            taken: Mutex::default(),
        }))
    }

    /// A seat for one stream, given back when dropped; [`Refusal::TooManyStreams`] when the account or the server has as
    /// many as it may.
    pub fn take(&self, account: AccountId) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        let own = taken.by_account.get(&account).copied().unwrap_or(0);
        if taken.all >= self.0.most || own >= PER_ACCOUNT {
            return Err(Refusal::TooManyStreams);
        }
        taken.all += 1;
        taken.by_account.insert(account, own + 1);
        Ok(Seat {
            seats: self.clone(),
            account,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A panic elsewhere leaves the numbers whole: nothing is half done under this lock.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one stream.
pub struct Seat {
    seats: Seats,
    account: AccountId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_account.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                taken.by_account.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_the_server_have_so_many_streams_and_no_more() {
        let seats = Seats::new(PER_ACCOUNT + 1);
        let mut mine: Vec<Seat> = Vec::new();
        while let Ok(seat) = seats.take(AccountId(1)) {
            mine.push(seat);
        }
        assert_eq!(mine.len(), PER_ACCOUNT);
        let other = seats.take(AccountId(2));
        assert!(other.is_ok());
        assert_eq!(
            seats.take(AccountId(3)).err(),
            Some(Refusal::TooManyStreams)
        );
        mine.pop();
        assert!(seats.take(AccountId(3)).is_ok());
        drop((mine, other));
        assert!(seats.lock().by_account.is_empty() && seats.lock().all == 0);
    }
}
