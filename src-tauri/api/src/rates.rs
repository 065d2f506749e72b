//! Bits a second of what only counts bytes: two looks at a counter make a rate.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two looks that a rate is made of; shorter ones would show bursts, not rates.
const SPAN: Duration = Duration::from_millis(950);
/// A counter that nobody looked at for this long starts anew: its average since then says nothing about now.
const FORGET: Duration = Duration::from_secs(5);

/// The counters looked at lately. Cheap to clone; clones share.
#[derive(Debug)]
pub(crate) struct Rates<Key>(Arc<Mutex<Seen<Key>>>);

#[derive(Debug)]
struct Seen<Key> {
    counters: HashMap<Key, Counter>,
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    looked: Instant,
    since: Instant,
    bytes: u64,
    bits_per_second: u64,
}

impl<Key> Default for Rates<Key> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Seen { counters: HashMap::new(), swept: None })))
    }
}

impl<Key> Clone for Rates<Key> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Key: Hash + Eq> Rates<Key> {
    /// The rate of the counter `key`, which stands at `bytes` now. 0 until it was looked at for about a second.
    pub(crate) fn bits_per_second(&self, key: Key, bytes: u64, now: Instant) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sweep(now);
        let first = Counter { looked: now, since: now, bytes, bits_per_second: 0 };
        let counter = seen.counters.entry(key).or_insert(first);
        let span = now.saturating_duration_since(counter.since);
        // A counter that fell belongs to a new connection.
        if now.saturating_duration_since(counter.looked) > FORGET || bytes < counter.bytes {
            *counter = first;
        } else if span >= SPAN {
            let bits = (bytes - counter.bytes).saturating_mul(8) as f64;
            *counter = Counter { bits_per_second: (bits / span.as_secs_f64()) as u64, ..first };
        }
        counter.looked = now;
        counter.bits_per_second
    }
}

impl<Key: Hash + Eq> Seen<Key> {
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) > FORGET) {
            self.counters.retain(|_, counter| now.saturating_duration_since(counter.looked) <= FORGET);
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_its_counter_and_forgets_the_silent() {
        let rates = Rates::default();
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(rates.bits_per_second(1, 5_000, start), 0);
        assert_eq!(rates.bits_per_second(1, 5_500, after(500)), 0, "too short to tell");
        assert_eq!(rates.bits_per_second(1, 6_000, after(1_000)), 8_000);
        assert_eq!(rates.bits_per_second(1, 9_999, after(1_100)), 8_000, "two who look at once see the same");
        assert_eq!(rates.bits_per_second(1, 10_000, after(3_000)), 16_000);
        assert_eq!(rates.bits_per_second(1, 10, after(4_000)), 0, "a new connection counts from zero");
        assert_eq!(rates.bits_per_second(1, 1_000_000, after(60_000)), 0, "no average over a minute nobody looked");
        rates.bits_per_second(2, 0, after(70_000));
        assert_eq!(rates.0.lock().unwrap().counters.len(), 1);
    }
}
