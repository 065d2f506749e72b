//! How much went out lately.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Bytes a second over the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rate {
    buckets: VecDeque<(Instant, u64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(4);
    const BUCKET: Duration = Duration::from_millis(250);

    pub(super) fn add(&mut self, now: Instant, bytes: u64) {
        match self.buckets.back_mut() {
            Some((start, sum)) if now.saturating_duration_since(*start) < Self::BUCKET => *sum += bytes,
            _ => self.buckets.push_back((now, bytes)),
        }
        while self.buckets.front().is_some_and(|(start, _)| now.saturating_duration_since(*start) > Self::WINDOW) {
            self.buckets.pop_front();
        }
    }

    pub(super) fn bits_per_second(&self, now: Instant) -> u64 {
        let recent = self.buckets.iter().filter(|(start, _)| now.saturating_duration_since(*start) <= Self::WINDOW);
        let (first, sum) = recent.fold((now, 0), |(first, sum), (start, bytes)| (first.min(*start), sum + bytes));
        let span = now.saturating_duration_since(first).max(Duration::from_secs(1));
        (sum as f64 * 8.0 / span.as_secs_f64()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_settles_on_the_truth_and_falls_to_zero() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        for step in 0..300_u64 {
            rate.add(start + Duration::from_millis(step * 40), 1000);
        }
        let end = start + Duration::from_secs(12);
        assert!(rate.bits_per_second(end).abs_diff(200_000) < 15_000, "{}", rate.bits_per_second(end));
        assert_eq!(rate.bits_per_second(end + Duration::from_secs(5)), 0);
    }
}
