//! How far a connection is behind the publisher.

use std::time::Duration;

use tokio::time::Instant;
use weir_media::TimeDelta;

/// Compares media sent with time passed since the connection had last sent all there was. A publisher that pauses does not
/// make it late: with nothing to send it is not behind.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When there was nothing left to send, and how much media had been sent by then.
    caught_up: Option<(Instant, TimeDelta)>,
}

impl Pace {
    /// Beyond this a destination counts as behind. Less happens with every key frame on a thin line.
    pub(super) const BEHIND: Duration = Duration::from_secs(2);

    /// How far behind the connection is at `now`, with `media` sent so far and `all_sent` when nothing is left to send.
    pub(super) fn behind(&mut self, now: Instant, media: TimeDelta, all_sent: bool) -> Duration {
        match self.caught_up {
            Some((then, sent)) if !all_sent => {
                (TimeDelta::from(now.saturating_duration_since(then)) - (media - sent)).to_duration()
            }
            _ => {
                self.caught_up = Some((now, media));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_carries_half_is_behind_by_half() {
        let start = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.behind(start, TimeDelta::ZERO, true), Duration::ZERO);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(pace.behind(at(10), TimeDelta::from_millis(5_000), false), Duration::from_secs(5));
        assert_eq!(pace.behind(at(20), TimeDelta::from_millis(10_000), false), Duration::from_secs(10));
        // After a skip to the newest key frame the media has made up.
        assert_eq!(pace.behind(at(21), TimeDelta::from_millis(21_000), false), Duration::ZERO);
    }

    #[test]
    fn a_publisher_that_pauses_does_not_make_it_late() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.behind(start, TimeDelta::ZERO, true);
        assert_eq!(pace.behind(start + Duration::from_secs(60), TimeDelta::ZERO, true), Duration::ZERO);
        let later = start + Duration::from_secs(61);
        assert_eq!(pace.behind(later, TimeDelta::ZERO, false), Duration::from_secs(1));
    }
}
