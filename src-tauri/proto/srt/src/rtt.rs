//! Round trip time ("Round-Trip Time Estimation").

use std::time::Duration;

/// Longest round trip that is believed, measured or told. Protects timers from a peer that tells nonsense.
const MAX: Duration = Duration::from_secs(10);

/// The smoothed round trip time and its variance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoundTrip {
    smoothed: Duration,
    variance: Duration,
    first: Option<Duration>,
    measured: bool,
}

impl RoundTrip {
    pub(crate) const fn new() -> Self {
        Self { smoothed: Duration::from_millis(100), variance: Duration::from_millis(50), first: None, measured: false }
    }

    /// Takes a sample of our own.
    pub(crate) fn sample(&mut self, sample: Duration) {
        let sample = sample.min(MAX);
        if self.first.is_none() {
            self.first = Some(sample);
        }
        if self.measured {
            self.variance = (self.variance * 3 + self.smoothed.abs_diff(sample)) / 4;
            self.smoothed = (self.smoothed * 7 + sample) / 8;
        } else {
            (self.smoothed, self.variance) = (sample, sample / 2);
        }
        self.measured = true;
    }

    /// Takes what the peer measured, for an end that only sends and so cannot measure itself.
    pub(crate) fn told(&mut self, smoothed: Duration, variance: Duration) {
        if !self.measured {
            (self.smoothed, self.variance) = (smoothed.min(MAX), variance.min(MAX));
        }
    }

    pub(crate) const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    pub(crate) const fn variance(&self) -> Duration {
        self.variance
    }

    /// The time within which an answer comes unless it is lost: `RTT + 4 * var`.
    pub(crate) fn patience(&self) -> Duration {
        self.smoothed + self.variance * 4
    }

    /// The least time in which an answer can come: `RTT - 4 * var`.
    pub(crate) fn least(&self) -> Duration {
        self.smoothed.saturating_sub(self.variance * 4)
    }

    /// How much longer `sample` is than the first one, in microseconds.
    pub(crate) fn since_first(&self, sample: Duration) -> i64 {
        let first = self.first.unwrap_or(sample);
        micros(sample.min(MAX)) - micros(first)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}
