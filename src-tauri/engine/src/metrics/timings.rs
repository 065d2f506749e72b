//! How long things take, as histograms without locks: one addition a batch on the way of packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds: from a system call to a player that is about to give up.
const BOUNDS_MICROS: [u64; 16] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000,
];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One for each bound, and one for what is beyond all of them.
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Upper bound in seconds, infinity last, and how many fell into the bucket.
    pub buckets: Vec<(f64, u64)>,
    /// All of them together, in seconds.
    pub sum_seconds: f64,
    /// How many.
    pub count: u64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn seen(&self) -> Seen {
        let bounds = BOUNDS_MICROS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Seen { buckets, sum_seconds: self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6, count }
    }
}

/// How long things take. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct Timings(Arc<Histograms>);

#[derive(Debug, Default)]
struct Histograms {
    player_write: Histogram,
    destination_write: Histogram,
    recording_write: Histogram,
    player_lag: Histogram,
    destination_lag: Histogram,
    recording_lag: Histogram,
}

impl Timings {
    /// Writing a batch to a player, or to a row of players that sit together.
    pub fn player_write(&self) -> &Histogram {
        &self.0.player_write
    }

    /// From the moment a destination had bytes to send to the one in which the network had taken some.
    pub fn destination_write(&self) -> &Histogram {
        &self.0.destination_write
    }

    /// Writing a batch to a recording's file.
    pub fn recording_write(&self) -> &Histogram {
        &self.0.recording_write
    }

    /// How far players are behind the newest frame, looked at once a second.
    pub fn player_lag(&self) -> &Histogram {
        &self.0.player_lag
    }

    /// Likewise destinations.
    pub fn destination_lag(&self) -> &Histogram {
        &self.0.destination_lag
    }

    /// Likewise recordings.
    pub fn recording_lag(&self) -> &Histogram {
        &self.0.recording_lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_falls_into_the_bucket_of_its_upper_bound() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 1_000, 20_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        let filled: Vec<_> = seen.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(1e-5, 2), (2.5e-5, 1), (0.001, 1), (f64::INFINITY, 1)]);
        assert_eq!(seen.count, 5);
        assert!((seen.sum_seconds - 20.001021).abs() < 1e-9);
    }
}
