//! How long a destination waits before it tries again.

use std::time::Duration;

/// Capped, jittered, doubling delays: 2, 4, 8 … 60 s. Time and randomness are arguments.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The first delay.
    pub(crate) const FIRST: Duration = Duration::from_secs(2);
    /// The longest delay. Platforms count attempts and lock out who comes too often.
    pub(crate) const CAP: Duration = Duration::from_secs(60);
    /// A connection that was live this long has shown that the peer is well: the next failure starts at [`Self::FIRST`].
    pub(crate) const STABLE: Duration = Duration::from_secs(60);
    /// How much earlier than the full delay an attempt may come, as a share of it, so that legs that failed together do
    /// not return together.
    const JITTER: f64 = 0.25;

    /// The delay after a failure of a connection that was live for `live_for`. `jitter` is uniform in 0..1; `at_least`
    /// comes from the kind of failure (a stale session needs time to die).
    pub(crate) fn after_failure(&mut self, live_for: Duration, at_least: Duration, jitter: f64) -> Duration {
        if live_for >= Self::STABLE {
            self.failures = 0;
        }
        let full = Self::FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(Self::CAP);
        self.failures = self.failures.saturating_add(1).min(16);
        full.mul_f64(1.0 - Self::JITTER * jitter.clamp(0.0, 1.0)).max(at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    #[test]
    fn delays_double_to_the_cap() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..8).map(|_| backoff.after_failure(SHORT, Duration::ZERO, 0.0).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_only_shortens_and_never_by_more_than_a_quarter() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_failure(SHORT, Duration::ZERO, 1.0), Duration::from_millis(1500));
        assert_eq!(backoff.after_failure(SHORT, Duration::ZERO, 0.5), Duration::from_millis(3500));
        for _ in 0..1_000 {
            let delay = backoff.after_failure(SHORT, Duration::ZERO, 7.0);
            assert!(delay <= Backoff::CAP && delay >= Duration::from_secs(6), "{delay:?}");
        }
    }

    #[test]
    fn a_stable_minute_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.after_failure(SHORT, Duration::ZERO, 0.0);
        }
        assert_eq!(backoff.after_failure(Duration::from_secs(59), Duration::ZERO, 0.0), Backoff::CAP);
        assert_eq!(backoff.after_failure(Backoff::STABLE, Duration::ZERO, 0.0), Backoff::FIRST);
    }

    #[test]
    fn a_stale_session_is_given_time_to_die() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_failure(SHORT, Duration::from_secs(10), 0.9), Duration::from_secs(10));
    }
}
