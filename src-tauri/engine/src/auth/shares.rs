//! A fair share of what is scarce: one address that asks on and on leaves half of it to all the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Least number of entries before those that nobody uses are swept out; after that it is done whenever their number doubled.
const SWEEP: usize = 64;

/// The shares of all addresses. Takes memory for those that ask just now.
#[derive(Debug)]
pub(super) struct Shares {
    calls: usize,
    places: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    shares: HashMap<IpAddr, Weak<Share>>,
    sweep_at: usize,
}

/// What one address may take.
#[derive(Debug)]
pub(super) struct Share {
    /// Calls at a time.
    pub(super) calls: Semaphore,
    /// Attempts that wait or are asked about.
    pub(super) places: Semaphore,
}

impl Shares {
    /// Half of so many calls and places for each address.
    pub(super) fn half_of(calls: usize, places: usize) -> Self {
        Self { calls: calls / 2, places: places / 2, book: Mutex::default() }
    }

    /// The share of `address` (a [network](crate::net::network)), the same for as long as anybody holds it.
    pub(super) fn of(&self, address: IpAddr) -> Arc<Share> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = book.shares.get(&address).and_then(Weak::upgrade) {
            return share;
        }
        if book.shares.len() >= book.sweep_at {
            book.shares.retain(|_, share| share.strong_count() > 0);
            book.sweep_at = SWEEP.max(book.shares.len() * 2);
        }
        let share = Arc::new(Share { calls: Semaphore::new(self.calls), places: Semaphore::new(self.places) });
        book.shares.insert(address, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_share_while_it_asks_and_costs_nothing_afterwards() {
        let shares = Shares::half_of(4, 10);
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        let share = shares.of(ip(1));
        let taken = [share.calls.try_acquire().unwrap(), share.calls.try_acquire().unwrap()];
        assert!(shares.of(ip(1)).calls.try_acquire().is_err(), "the same one");
        assert_eq!(shares.of(ip(2)).places.available_permits(), 5);
        for n in 3..10_000 {
            shares.of(ip(n));
        }
        let book = shares.book.lock().unwrap();
        assert!(book.shares.len() <= 2 * SWEEP && book.shares.contains_key(&ip(1)), "{}", book.shares.len());
        drop(taken);
    }
}
