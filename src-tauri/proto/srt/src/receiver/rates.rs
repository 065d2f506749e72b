//! How much arrives or goes out, for acknowledgements and statistics.

use std::time::{Duration, Instant};

use crate::packet::SeqNumber;

/// How long is counted before a rate is renewed.
const WINDOW: Duration = Duration::from_secs(1);
/// Every sixteenth packet and the next are sent back to back; the time between them shows what the link could carry.
const PROBE_INTERVAL: u32 = 16;

/// Rates over about the last second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    since: Option<Instant>,
    packets: u64,
    bytes: u64,
    per_second: (u64, u64),
    probe: Option<(SeqNumber, Instant)>,
    /// Microseconds between the packets of a pair, smoothed.
    pair: Option<u64>,
}

impl Rates {
    pub(crate) fn count(&mut self, now: Instant, bytes: u64) {
        self.roll(now);
        self.packets += 1;
        self.bytes += bytes;
    }

    pub(crate) fn packet(&mut self, now: Instant, seq: SeqNumber, bytes: u64) {
        self.count(now, bytes);
        if seq.as_u32().is_multiple_of(PROBE_INTERVAL) {
            self.probe = Some((seq, now));
        } else if let Some((first, at)) = self.probe.take()
            && first.next() == seq
        {
            let micros =
                u64::try_from(now.saturating_duration_since(at).as_micros()).unwrap_or(u64::MAX).clamp(1, 1_000_000);
            self.pair = Some(self.pair.map_or(micros, |old| (old * 7 + micros) / 8));
        }
    }

    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(*self.since.get_or_insert(now));
        if passed >= WINDOW {
            let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
            self.per_second = (self.packets * 1000 / millis, self.bytes * 1000 / millis);
            (self.since, self.packets, self.bytes) = (Some(now), 0, 0);
        }
    }

    /// Packets a second, packets a second that the link could carry, bytes a second.
    pub(crate) fn wire(&self) -> [u32; 3] {
        let (packets, bytes) = self.per_second;
        let link = self.pair.map_or(1000, |micros| 1_000_000 / micros.max(1));
        [packets.max(1), link, bytes].map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// Bytes a second; 0 when nothing has passed for long.
    pub(crate) fn bytes_per_second(&self, now: Instant) -> u64 {
        let recent = self.since.is_some_and(|since| now.saturating_duration_since(since) < WINDOW * 2);
        if recent { self.per_second.1 } else { 0 }
    }

    /// Packets a second that the link could carry; 0 while not known.
    pub(crate) fn link(&self) -> u64 {
        self.pair.map_or(0, |micros| 1_000_000 / micros.max(1))
    }
}
