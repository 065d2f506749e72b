//! When readers are woken for what arrived.
//!
//! Each wake costs one system call for each player, and that, not the bytes, is what a crowd costs. So with a crowd a
//! lone audio frame waits for the picture that is about to follow. With few players everything goes out at once.

use std::time::{Duration, Instant};

/// Readers from which waking them for a lone audio frame costs more than the latency is worth.
const CROWD: usize = 32;
/// Longest time a batch is held back. A picture follows within this at 25 pictures a second or more.
const LONGEST: Duration = Duration::from_millis(40);

/// What a batch that arrived holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Batch {
    /// Nothing for readers.
    Nothing,
    /// Sound or data alone.
    Audio,
    /// A picture, or anything that must not wait.
    Picture,
}

/// Decides when a publisher flushes. Tuned by measurement.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    /// When what is held back goes out at the latest.
    due: Option<Instant>,
    /// When the last picture came: a stream that has none does not wait for one.
    last_picture: Option<Instant>,
}

impl Pacing {
    /// A batch has arrived and been written to the stream, which has this many readers. Returns whether to flush now.
    pub(crate) fn arrived(&mut self, now: Instant, batch: Batch, readers: usize) -> bool {
        let flush = match batch {
            Batch::Nothing => false,
            Batch::Picture => {
                self.last_picture = Some(now);
                true
            }
            Batch::Audio => {
                let pictures = self.last_picture.is_some_and(|last| now.saturating_duration_since(last) < LONGEST);
                readers < CROWD || !pictures || self.due.is_some_and(|due| due <= now)
            }
        };
        if flush {
            self.due = None;
        } else if batch == Batch::Audio {
            self.due.get_or_insert(now + LONGEST);
        }
        flush
    }

    /// When to flush although nothing arrived.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Everything has been flushed.
    pub(crate) const fn flushed(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_readers_get_everything_at_once() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert!(pacing.arrived(now, Batch::Picture, 3));
        assert!(pacing.arrived(now, Batch::Audio, 3));
        assert!(!pacing.arrived(now, Batch::Nothing, 3));
        assert_eq!(pacing.due(), None);
    }

    #[test]
    fn in_a_crowd_sound_waits_for_the_picture_but_not_for_ever() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert!(pacing.arrived(now, Batch::Picture, 400));
        assert!(!pacing.arrived(now, Batch::Audio, 400));
        let due = pacing.due().unwrap();
        assert!(due <= now + LONGEST);
        assert!(pacing.arrived(now + Duration::from_millis(20), Batch::Picture, 400));
        assert_eq!(pacing.due(), None);
        assert!(!pacing.arrived(now + Duration::from_millis(21), Batch::Audio, 400));
        assert!(pacing.arrived(now + Duration::from_millis(100), Batch::Audio, 400));
    }

    #[test]
    fn sound_alone_never_waits() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        assert!(pacing.arrived(now, Batch::Audio, 400));
        pacing.arrived(now, Batch::Picture, 400);
        assert!(pacing.arrived(now + Duration::from_secs(1), Batch::Audio, 400));
    }
}
