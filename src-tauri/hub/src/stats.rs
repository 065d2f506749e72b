//! Counters and rates, kept in the hub so that every protocol is measured alike.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_media::{StreamPath, TimeDelta, Timestamp, Track};

use crate::{Origin, Role, StreamId, SubscriberId, Written};

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// Somebody waits for it; nobody has published yet.
    Waiting,
    /// A publisher is connected.
    Live,
    /// The publisher left; readers are kept for this much longer.
    Grace {
        /// Time until the stream ends.
        left: Duration,
    },
}

/// One look at a track.
#[derive(Debug, Clone)]
pub struct TrackSnapshot {
    /// The track.
    pub track: Arc<Track>,
    /// Frames since the stream began.
    pub frames: u64,
    /// Payload bytes since the stream began.
    pub bytes: u64,
    /// Payload bits a second over the last seconds.
    pub bitrate: u64,
    /// Frames a second over the last seconds, by the stream's own time.
    pub frame_rate: f64,
    /// Frames that are shown before one that was decoded earlier, since the stream began: the encoder uses B-frames.
    pub reordered: u64,
}

/// One look at a reader.
#[derive(Debug, Clone)]
pub struct ReaderSnapshot {
    /// Identity, for [`crate::Hub::kick_reader`].
    pub id: SubscriberId,
    /// What it is for.
    pub role: Role,
    /// Who it is.
    pub origin: Origin,
    /// How long it has been there.
    pub age: Duration,
    /// Bytes sent, as the output counts them.
    pub bytes_sent: u64,
    /// Frames delivered.
    pub frames: u64,
    /// Frames skipped because it was too slow.
    pub skipped: u64,
    /// Media time behind the newest frame.
    pub lag: Duration,
}

/// One look at a stream.
#[derive(Debug, Clone)]
pub struct StreamSnapshot {
    /// Identity: another stream of the same path has another one.
    pub id: StreamId,
    /// Its path.
    pub path: StreamPath,
    /// Where it stands.
    pub state: StreamState,
    /// Who publishes, or did last.
    pub origin: Option<Origin>,
    /// Time since the first publisher of this stream started.
    pub uptime: Duration,
    /// Time since the present publisher started.
    pub session: Duration,
    /// Time since the last frame arrived.
    pub since_frame: Option<Duration>,
    /// The tracks.
    pub tracks: Vec<TrackSnapshot>,
    /// Payload bytes received.
    pub bytes: u64,
    /// Frames of picture and sound since it began.
    pub frames: u64,
    /// How many of them come before the place where a reader with [`crate::Start::Session`] begins.
    pub session_begin: u64,
    /// What the present publisher wrote, or the last one did.
    pub written: Written,
    /// Payload bits a second over the last seconds, all tracks.
    pub bitrate: u64,
    /// Media time between the last two key frames.
    pub key_frame_interval: Option<Duration>,
    /// Timestamps repaired since the stream began.
    pub timestamps_repaired: u64,
    /// Frames dropped before the first key frame of a publisher, since nobody could decode them.
    pub frames_before_key: u64,
    /// How often a publisher came back within the grace time.
    pub resumed: u32,
    /// Everyone who reads.
    pub readers: Vec<ReaderSnapshot>,
}

/// The window over which rates are told: long enough to be calm, short enough to follow a change.
const WINDOW: Duration = Duration::from_secs(4);
const BUCKET: Duration = Duration::from_millis(250);

/// Amount per second over a sliding window.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    buckets: VecDeque<(Instant, u64)>,
    started: Option<Instant>,
}

impl Rate {
    pub(crate) fn add(&mut self, now: Instant, amount: u64) {
        self.started.get_or_insert(now);
        match self.buckets.back_mut() {
            Some((start, sum)) if now.saturating_duration_since(*start) < BUCKET => *sum += amount,
            _ => self.buckets.push_back((now, amount)),
        }
        while self.buckets.front().is_some_and(|(start, _)| now.saturating_duration_since(*start) > WINDOW) {
            self.buckets.pop_front();
        }
    }

    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let Some(started) = self.started else { return 0.0 };
        let recent = self.buckets.iter().filter(|(start, _)| now.saturating_duration_since(*start) <= WINDOW);
        let sum: u64 = recent.map(|(_, amount)| amount).sum();
        let span = now.saturating_duration_since(started).clamp(Duration::from_secs(1), WINDOW);
        sum as f64 / span.as_secs_f64()
    }
}

/// Frames a second by the frames' own times, so that bursts on the network do not show.
#[derive(Debug, Default)]
pub(crate) struct FrameRate {
    recent: VecDeque<(Timestamp, Instant)>,
}

impl FrameRate {
    /// Frames the estimate rests on.
    const SAMPLES: usize = 121;

    pub(crate) fn add(&mut self, time: Timestamp, now: Instant) {
        self.recent.push_back((time, now));
        if self.recent.len() > Self::SAMPLES {
            self.recent.pop_front();
        }
    }

    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let (Some((first, _)), Some((last, arrived))) = (self.recent.front(), self.recent.back()) else { return 0.0 };
        let span = (*last - *first).as_secs_f64();
        if span <= 0.0 || now.saturating_duration_since(*arrived) > WINDOW {
            return 0.0;
        }
        (self.recent.len() - 1) as f64 / span
    }
}

/// What is counted of one track.
#[derive(Debug, Default)]
pub(crate) struct TrackCounters {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) rate: Rate,
    pub(crate) frame_rate: FrameRate,
    pub(crate) last_key: Option<Timestamp>,
    pub(crate) key_interval: Option<TimeDelta>,
    newest_shown: Option<Timestamp>,
    pub(crate) reordered: u64,
}

impl TrackCounters {
    pub(crate) fn count(&mut self, dts: Timestamp, pts: Timestamp, bytes: usize, key: bool, now: Instant) {
        self.frames += 1;
        self.reordered += u64::from(self.newest_shown.is_some_and(|newest| pts < newest));
        self.newest_shown = self.newest_shown.max(Some(pts));
        self.bytes += bytes as u64;
        self.rate.add(now, bytes as u64);
        self.frame_rate.add(dts, now);
        if key {
            self.key_interval = self.last_key.map(|last| dts - last).or(self.key_interval);
            self.last_key = Some(dts);
        }
    }

    /// Forgets what went before a gap where time is measured: the pause is nobody's slow frame and nobody's key frame interval.
    pub(crate) fn begin_again(&mut self) {
        self.frame_rate = FrameRate::default();
        self.last_key = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_settle_on_the_truth_and_fall_to_zero() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let mut frames = FrameRate::default();
        for step in 0..300_u64 {
            let now = start + Duration::from_millis(step * 40);
            rate.add(now, 1000);
            frames.add(Timestamp::from_millis(step as i64 * 40), now);
        }
        let end = start + Duration::from_millis(300 * 40);
        assert!((rate.per_second(end) - 25_000.0).abs() < 1_600.0, "{}", rate.per_second(end));
        assert!((frames.per_second(end) - 25.0).abs() < 0.01);
        let later = end + Duration::from_secs(5);
        assert_eq!((rate.per_second(later), frames.per_second(later)), (0.0, 0.0));
    }
}
