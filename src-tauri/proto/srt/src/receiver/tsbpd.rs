//! When a packet is due ("Timestamp-Based Packet Delivery"): the sender's rhythm on our clock, `latency` later.

use std::time::{Duration, Instant};

use crate::packet::WireTime;

/// Samples that one look at the drift takes.
const DRIFT_SAMPLES: i64 = 1000;
/// Microseconds of drift above which the base is moved.
const MAX_DRIFT: i64 = 5000;
/// How much later than `arrival + latency` a packet may say that it is due. Protects the buffer from a sender whose clock
/// jumps ahead.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// The sender's clock as seen from here.
#[derive(Debug, Clone)]
pub(crate) struct Tsbpd {
    /// When the packet of the handshake arrived.
    anchor: Instant,
    /// What time it bore, in microseconds that do not wrap.
    anchor_time: i64,
    /// How far the base has moved since, in microseconds.
    shift: i64,
    drift: i64,
    sum: i64,
    samples: i64,
    latency: Duration,
}

impl Tsbpd {
    pub(crate) fn new(arrival: Instant, time: WireTime, latency: Duration) -> Self {
        Self { anchor: arrival, anchor_time: time.0.into(), shift: 0, drift: 0, sum: 0, samples: 0, latency }
    }

    /// How long before it is due a packet with this time should have come, on our clock, as microseconds since the anchor.
    /// Times wrap after 71 minutes; the right turn is the one nearest to what our own clock expects.
    fn offset(&self, now: Instant, time: WireTime) -> i64 {
        let passed = i64::try_from(now.saturating_duration_since(self.anchor).as_micros()).unwrap_or(i64::MAX / 4);
        let expected = self.anchor_time + passed - self.shift;
        let ahead = time.0.wrapping_sub(expected as u32).cast_signed();
        passed + i64::from(ahead)
    }

    fn instant(&self, offset: i64) -> Instant {
        let duration = Duration::from_micros(offset.unsigned_abs());
        let moved = if offset < 0 { self.anchor.checked_sub(duration) } else { self.anchor.checked_add(duration) };
        moved.unwrap_or(self.anchor)
    }

    /// When a packet that arrives now and bears this time is due.
    pub(crate) fn due(&self, now: Instant, time: WireTime) -> Instant {
        let due = self.instant(self.offset(now, time) + self.drift) + self.latency;
        due.min(now + self.latency + MAX_AHEAD)
    }

    /// Takes the time of an ACKACK; `longer` is by how many microseconds the round trip is longer than the first was.
    pub(crate) fn sample(&mut self, now: Instant, time: WireTime, longer: i64) {
        let passed = i64::try_from(now.saturating_duration_since(self.anchor).as_micros()).unwrap_or(i64::MAX / 4);
        self.sum = self.sum.saturating_add(passed - self.offset(now, time) - longer / 2);
        self.samples += 1;
        if self.samples < DRIFT_SAMPLES {
            return;
        }
        self.drift = self.sum / self.samples;
        (self.sum, self.samples) = (0, 0);
        if self.drift.abs() > MAX_DRIFT {
            let excess = MAX_DRIFT * self.drift.signum();
            self.drift -= excess;
            self.shift += excess;
        }
    }

    pub(crate) const fn latency(&self) -> Duration {
        self.latency
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_through_the_wrap() {
        let start = Instant::now();
        let tsbpd = Tsbpd::new(start, WireTime(u32::MAX - 1_000_000), Duration::from_millis(120));
        for seconds in [0_u64, 1, 2, 3600, 4294, 4295, 7200, 30_000] {
            let now = start + Duration::from_secs(seconds);
            let time = WireTime((u32::MAX - 1_000_000).wrapping_add((seconds * 1_000_000) as u32));
            assert_eq!(tsbpd.due(now, time), now + Duration::from_millis(120), "{seconds}");
        }
    }

    #[test]
    fn the_base_follows_a_clock_that_runs_wrong() {
        let start = Instant::now();
        let mut tsbpd = Tsbpd::new(start, WireTime(0), Duration::from_millis(120));
        // Two hours, one sample every 10 ms, the peer's clock 200 ppm fast.
        for tick in 0..720_000_u64 {
            let now = start + Duration::from_millis(tick * 10);
            let time = WireTime((tick * 10_000 + tick * 2) as u32);
            tsbpd.sample(now, time, 0);
            let due = tsbpd.due(now, time);
            let error = due.max(now) - due.min(now);
            assert!(error.abs_diff(Duration::from_millis(120)) < Duration::from_millis(13), "{tick}: {error:?}");
        }
    }

    #[test]
    fn a_time_from_the_future_does_not_hold_the_stream() {
        let start = Instant::now();
        let tsbpd = Tsbpd::new(start, WireTime(0), Duration::from_millis(120));
        assert_eq!(tsbpd.due(start, WireTime(600_000_000)), start + Duration::from_millis(1120));
        assert!(tsbpd.due(start, WireTime(u32::MAX - 5_000_000)) <= start + Duration::from_millis(120));
    }
}
