//! When readers are woken for what arrived.
//!
//! Each wake costs one system call for each player, and that, not the bytes, is what a crowd costs. Sound and pictures
//! arrive each in its own beat; with a crowd, what arrives a moment before the other's next beat waits for it, and both
//! go out together. With few players everything goes out at once.

use std::time::{Duration, Instant};

use weir_media::TrackKind;

/// Readers from which a system call for each costs more than the wait is worth.
const CROWD: usize = 128;
/// Anything may be held back this much longer than it takes to serve the crowd once: what arrives during one service waits
/// anyway.
const SERVICES: u32 = 4;
/// The least of the longest times anything is held back: what a player cannot notice.
const SHORTEST: Duration = Duration::from_micros(4_500);
/// The longest time anything is held back, however slow the machine: with it and the time to serve four hundred players the
/// slowest hundredth of all frames comes as soon as from a server that holds nothing back (docs/performance.md).
const LONGEST: Duration = Duration::from_micros(8_500);
/// A beat that is this late is over.
const LATE: Duration = Duration::from_millis(12);
/// A beat slower than this is none.
const SLOWEST: Duration = Duration::from_millis(250);

/// Decides when a publisher flushes. Tuned by measurement.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    /// How long anything is held back at most, at present.
    patience: Duration,
    pictures: Beat,
    sound: Beat,
    /// When what is held back goes out at the latest.
    due: Option<Instant>,
    /// Something has arrived since the last decision.
    arrived: bool,
    /// Something has arrived that must not wait.
    urgent: bool,
}

/// The rhythm in which frames of a kind arrive.
#[derive(Debug, Default, Clone, Copy)]
struct Beat {
    last: Option<Instant>,
    /// Mean distance of arrivals.
    distance: Option<Duration>,
}

impl Pacing {
    /// Serving everybody once takes this long at present.
    pub(crate) fn set_service(&mut self, service: Duration) {
        self.patience = (service * SERVICES).clamp(SHORTEST, LONGEST);
    }

    /// A frame has arrived.
    pub(crate) fn frame(&mut self, kind: TrackKind, now: Instant) {
        self.arrived = true;
        match kind {
            TrackKind::Video => self.pictures.strike(now),
            TrackKind::Audio => self.sound.strike(now),
            TrackKind::Data => {}
        }
    }

    /// Something has arrived that must not wait.
    pub(crate) const fn urgent(&mut self) {
        (self.arrived, self.urgent) = (true, true);
    }

    /// All that arrived together has been written to the stream, which has this many readers. Returns whether to flush.
    pub(crate) fn decide(&mut self, now: Instant, readers: usize) -> bool {
        if !std::mem::take(&mut self.arrived) {
            return false;
        }
        let urgent = std::mem::take(&mut self.urgent);
        // The wait is counted from the first that waits: a third one may join two that have met, but does not prolong it.
        let deadline = self.due.unwrap_or(now + self.patience);
        let waits = !urgent && readers >= CROWD && now < deadline;
        let next = [self.pictures, self.sound].iter().filter_map(|beat| beat.next(now)).min();
        self.due = next.filter(|next| waits && *next <= deadline).map(|_| deadline);
        self.due.is_none()
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

impl Beat {
    fn strike(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let distance = now.saturating_duration_since(last).min(SLOWEST);
            self.distance = Some(self.distance.map_or(distance, |mean| (mean * 7 + distance) / 8));
        }
    }

    /// When the next arrival is expected, if the kind has a rhythm and kept it lately.
    fn next(&self, now: Instant) -> Option<Instant> {
        let next = self.last? + self.distance.filter(|distance| *distance < SLOWEST)?;
        (next + LATE >= now).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs 30 pictures and 47 sounds a second for five seconds; returns the flushes, and the longest wait of a frame.
    fn run(readers: usize, service: Duration) -> (usize, Duration) {
        let start = Instant::now();
        let mut arrivals: Vec<(u64, TrackKind)> = (0..150).map(|n| (n * 33_333, TrackKind::Video)).collect();
        arrivals.extend((0..234).map(|n| (7000 + n * 21_333, TrackKind::Audio)));
        arrivals.sort_by_key(|(at, _)| *at);
        let (mut pacing, mut flushes, mut longest) = (Pacing::default(), 0, Duration::ZERO);
        pacing.set_service(service);
        let mut waiting: Vec<Instant> = Vec::new();
        for (at, kind) in arrivals {
            let now = start + Duration::from_micros(at);
            if let Some(due) = pacing.due().filter(|due| *due <= now) {
                waiting.drain(..).for_each(|since| longest = longest.max(due - since));
                pacing.flushed();
                flushes += 1;
            }
            pacing.frame(kind, now);
            waiting.push(now);
            if pacing.decide(now, readers) {
                waiting.drain(..).for_each(|since| longest = longest.max(now - since));
                flushes += 1;
            }
        }
        (flushes, longest)
    }

    #[test]
    fn a_few_readers_get_everything_at_once() {
        assert_eq!(run(3, Duration::from_secs(1)), (384, Duration::ZERO));
    }

    #[test]
    fn a_crowd_is_woken_less_often_and_waits_little() {
        let (flushes, longest) = run(400, Duration::from_millis(1));
        assert!(flushes < 384 * 87 / 100, "{flushes} flushes");
        assert!(longest <= SHORTEST, "{longest:?}");
        let (fewer, longest) = run(400, Duration::from_millis(3));
        assert!(fewer < 384 * 80 / 100, "{fewer} flushes where serving takes long");
        assert!(longest <= LONGEST, "{longest:?}");
    }

    #[test]
    fn what_is_urgent_or_alone_never_waits() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.set_service(Duration::from_millis(1));
        for beat in 0..20 {
            let now = now + Duration::from_millis(20) * beat;
            pacing.frame(TrackKind::Audio, now);
            assert!(pacing.decide(now, 400), "sound alone waits for nothing");
        }
        assert!(!pacing.decide(now, 400), "nothing has arrived");
        pacing.urgent();
        assert!(pacing.decide(now, 400));
    }
}
