//! One direction of a network with faults, decided by a seed.

use std::time::Duration;

/// A small generator: the same seed gives the same faults everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) >> 11
    }

    /// True in so many of a thousand cases.
    pub(crate) fn per_mille(&mut self, chance: u64) -> bool {
        self.next() % 1000 < chance
    }
}

/// How long a run of losses lasts at most, however little is sent.
const BURST_TIME: Duration = Duration::from_millis(60);

/// What a direction does to datagrams; chances in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) loss: u64,
    /// Chance that a run of losses begins, and its length.
    pub(crate) burst: (u64, u32),
    pub(crate) duplicate: u64,
    /// Chance that a datagram is held back by `jitter` in full, so that later ones overtake it.
    pub(crate) reorder: u64,
    pub(crate) jitter: Duration,
    /// Nothing gets through in this time since the start.
    pub(crate) outage: Option<(Duration, Duration)>,
}

pub(crate) struct Link {
    pub(crate) faults: Faults,
    pub(crate) delay: Duration,
    dice: Dice,
    burst: u32,
    burst_end: Duration,
    last: Duration,
    pub(crate) lost: u64,
}

impl Link {
    pub(crate) fn new(faults: Faults, delay: Duration, seed: u64) -> Self {
        Self {
            faults,
            delay,
            dice: Dice::new(seed),
            burst: 0,
            burst_end: Duration::ZERO,
            last: Duration::ZERO,
            lost: 0,
        }
    }

    /// When the datagram arrives; never, once, or twice.
    pub(crate) fn carry(&mut self, now: Duration) -> Vec<Duration> {
        let faults = self.faults;
        if self.burst == 0 && self.dice.per_mille(faults.burst.0) {
            self.burst = faults.burst.1;
            self.burst_end = now + BURST_TIME;
        }
        if now > self.burst_end {
            self.burst = 0;
        }
        let outage = faults.outage.is_some_and(|(from, to)| (from..to).contains(&now));
        if self.burst > 0 || outage || self.dice.per_mille(faults.loss) {
            self.burst = self.burst.saturating_sub(1);
            self.lost += 1;
            return vec![];
        }
        let jitter = faults.jitter.as_micros() as u64;
        let extra = if jitter == 0 { 0 } else { self.dice.next() % jitter };
        let arrival = if self.dice.per_mille(faults.reorder) {
            now + self.delay + faults.jitter
        } else {
            // Jitter alone keeps the order.
            self.last = self.last.max(now + self.delay + Duration::from_micros(extra));
            self.last
        };
        let mut arrivals = vec![arrival];
        if self.dice.per_mille(faults.duplicate) {
            arrivals.push(arrival + Duration::from_micros(self.dice.next() % 5000));
        }
        arrivals
    }
}
