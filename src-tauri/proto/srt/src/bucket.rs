//! A token bucket: how much may pass in a time, with room for short bursts.

use std::time::{Duration, Instant};

/// So many tokens a second, and so many at once.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    rate: u64,
    burst: u64,
    /// Billionths of tokens; below zero after a large withdrawal.
    level: i128,
    filled: Instant,
}

const NANO: i128 = 1_000_000_000;

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(rate: u64, burst: u64, now: Instant) -> Self {
        Self { rate: rate.max(1), burst, level: i128::from(burst) * NANO, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        let gained = i128::try_from(passed.as_nanos()).unwrap_or(NANO).saturating_mul(self.rate.into());
        self.level = self.level.saturating_add(gained).min(i128::from(self.burst) * NANO);
    }

    /// Whether anything may pass.
    pub(crate) fn is_ready(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level > 0
    }

    /// Takes tokens, if there are any at all: a withdrawal may leave a debt, which time pays.
    pub(crate) fn take(&mut self, now: Instant, tokens: u64) -> bool {
        let ready = self.is_ready(now);
        if ready {
            self.level -= i128::from(tokens) * NANO;
        }
        ready
    }

    /// Whether it has filled up again, so that it need not be kept.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= i128::from(self.burst) * NANO
    }

    /// When something may pass again.
    pub(crate) fn ready_at(&self) -> Instant {
        let missing = (1 - self.level).max(0);
        let nanos = missing / i128::from(self.rate) + 1;
        self.filled + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX >> 4))
    }
}
