//! The newest groups of pictures of a stream, numbered, bounded by time and bytes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use weir_media::{Frame, FrameKind, TimeDelta, Timestamp, TrackId, TrackKind, Tracks};

/// One place in the ring.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Frame(Frame),
    Tracks(Tracks),
    Gap(Duration),
}

/// A place where decoding can begin, and the tracks in force there.
#[derive(Debug, Clone)]
pub(crate) struct JoinPoint {
    pub(crate) seq: u64,
    pub(crate) dts: Timestamp,
    pub(crate) tracks: Tracks,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    /// Time of the entry: the frame's, or the newest before it.
    dts: Timestamp,
    /// When it was put in.
    arrived: Instant,
    /// Frames of picture and sound before it.
    before: u64,
}

#[derive(Debug)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    /// Sequence number of the oldest entry.
    base: u64,
    bytes: usize,
    /// Frames of picture and sound that were ever put in.
    frames: u64,
    joins: VecDeque<JoinPoint>,
    tracks: Tracks,
    newest: Timestamp,
    /// The seam that was put in last, and its number.
    seam: Option<(u64, Duration)>,
    /// When the track that readers join by was last seen.
    lead_seen: Timestamp,
    max_duration: TimeDelta,
    max_bytes: usize,
}

impl Ring {
    pub(crate) fn new(max_duration: Duration, max_bytes: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            base: 0,
            bytes: 0,
            frames: 0,
            joins: VecDeque::new(),
            tracks: Tracks::default(),
            newest: Timestamp::ZERO,
            seam: None,
            lead_seen: Timestamp::ZERO,
            max_duration: max_duration.into(),
            max_bytes,
        }
    }

    /// The sequence number that the next entry will have.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// The sequence number of the oldest entry.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    pub(crate) const fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    pub(crate) const fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Frames of picture and sound before the entry with this number, or before the oldest that is held; all there were for one
    /// that is yet to come.
    pub(crate) fn frames_before(&self, seq: u64) -> u64 {
        let at = usize::try_from(seq.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.entries.get(at).map_or(self.frames, |entry| entry.before)
    }

    /// Payload bytes held.
    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest seam numbered from `from` up to, but not including, `to`, though it may be held no more.
    pub(crate) fn seam(&self, from: u64, to: u64) -> Option<Duration> {
        self.seam.filter(|(seq, _)| (from..to).contains(seq)).map(|(_, gap)| gap)
    }

    /// The entry with this number and its time, if it is still held.
    pub(crate) fn entry(&self, seq: u64) -> Option<(&Item, Timestamp)> {
        let at = usize::try_from(seq.checked_sub(self.base)?).ok()?;
        self.entries.get(at).map(|entry| (&entry.item, entry.dts))
    }

    /// When the entry with this number was put in.
    pub(crate) fn arrived(&self, seq: u64) -> Option<Instant> {
        let at = usize::try_from(seq.checked_sub(self.base)?).ok()?;
        self.entries.get(at).map(|entry| entry.arrived)
    }

    /// The time of the first frame numbered `seq` or later, and when it arrived.
    pub(crate) fn next_frame(&self, seq: u64) -> Option<(Timestamp, Instant)> {
        let at = usize::try_from(seq.checked_sub(self.base)?).ok()?;
        let mut rest = self.entries.range(at.min(self.entries.len())..);
        rest.find(|entry| matches!(entry.item, Item::Frame(_))).map(|entry| (entry.dts, entry.arrived))
    }

    /// The newest place to begin.
    pub(crate) fn newest_join(&self) -> Option<&JoinPoint> {
        self.joins.back()
    }

    /// The newest place to begin that lies at least `back` before the newest frame, or the oldest place there is.
    pub(crate) fn join_back(&self, back: Duration) -> Option<&JoinPoint> {
        let back = TimeDelta::from(back);
        self.joins.iter().rev().find(|join| self.newest - join.dts >= back).or_else(|| self.joins.front())
    }

    /// The first place to begin at or after `seq`.
    pub(crate) fn join_from(&self, seq: u64) -> Option<&JoinPoint> {
        let at = self.joins.partition_point(|join| join.seq < seq);
        self.joins.get(at)
    }

    pub(crate) fn push_tracks(&mut self, tracks: Tracks) {
        if self.tracks.is_empty() {
            self.lead_seen = self.newest;
        }
        self.tracks = tracks.clone();
        self.push(Item::Tracks(tracks), self.newest, 0);
    }

    pub(crate) fn push_gap(&mut self, gap: Duration) {
        self.seam = Some((self.end(), gap));
        self.push(Item::Gap(gap), self.newest, 0);
    }

    pub(crate) fn push_frame(&mut self, frame: Frame) {
        self.newest = self.newest.max(frame.dts);
        if self.is_join(&frame) {
            self.joins.push_back(JoinPoint { seq: self.end(), dts: frame.dts, tracks: self.tracks.clone() });
        }
        let (dts, bytes) = (frame.dts, frame.data.len());
        self.push(Item::Frame(frame), dts, bytes);
    }

    fn push(&mut self, item: Item, dts: Timestamp, bytes: usize) {
        let counts = matches!(&item, Item::Frame(frame) if frame.track.kind != TrackKind::Data);
        let now = Instant::now();
        self.entries.push_back(Entry { item, dts, arrived: now, before: self.frames });
        self.frames += u64::from(counts);
        self.bytes += bytes;
        self.evict(now);
    }

    /// With video, key frames of the first video track; without, or while its pictures stay away, every audio frame; data
    /// only when there is nothing else.
    fn is_join(&mut self, frame: &Frame) -> bool {
        let lead = self.tracks.iter().map(|track| track.id).find(|id| id.kind != TrackKind::Data);
        let Some(lead) = lead else { return frame.track == TrackId::DATA };
        if frame.track == lead {
            self.lead_seen = frame.dts;
            return frame.kind == FrameKind::Key;
        }
        frame.track.kind == TrackKind::Audio && frame.dts - self.lead_seen > LEAD_ABSENT
    }

    fn evict(&mut self, now: Instant) {
        while self.may_evict(now) {
            let Some(entry) = self.entries.pop_front() else { return };
            if let Item::Frame(frame) = &entry.item {
                self.bytes = self.bytes.saturating_sub(frame.data.len());
            }
            self.base += 1;
            while self.joins.front().is_some_and(|join| join.seq < self.base) {
                self.joins.pop_front();
            }
        }
    }

    /// Beyond the byte limit anything goes; beyond the time limit only what lies before the newest group of pictures, and has been
    /// there for so long: where time leaps, as when an encoder comes back, or runs faster than the clock, nobody had the time to
    /// read it.
    fn may_evict(&self, now: Instant) -> bool {
        let Some(front) = self.entries.front() else { return false };
        if self.bytes > self.max_bytes || self.entries.len() > MAX_ENTRIES {
            return true;
        }
        let old = self.newest - front.dts > self.max_duration;
        old && TimeDelta::from(now.saturating_duration_since(front.arrived)) > self.max_duration
            && self.joins.back().is_none_or(|join| join.seq > self.base)
    }
}

/// After this long without pictures (a phone's camera is off, a header without frames) readers join by sound.
const LEAD_ABSENT: TimeDelta = TimeDelta::from_millis(3_000);

/// Most entries a ring holds: protects memory from floods of empty frames, which no byte limit sees.
const MAX_ENTRIES: usize = 65_536;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::{Codec, Track};

    use super::*;

    fn video(millis: i64, kind: FrameKind, len: usize) -> Frame {
        let time = Timestamp::from_millis(millis);
        Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data: Bytes::from(vec![0; len]) }
    }

    fn ring(max_bytes: usize) -> Ring {
        let mut ring = Ring::new(Duration::from_secs(10), max_bytes);
        ring.push_tracks(Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H264)));
        ring
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_ten_seconds_and_always_the_newest_group_of_pictures() {
        let second_passes = || tokio::time::advance(Duration::from_secs(1));
        let mut ring = ring(1 << 20);
        for second in 0..60 {
            second_passes().await;
            let kind = if second % 2 == 0 { FrameKind::Key } else { FrameKind::Delta };
            ring.push_frame(video(second * 1000, kind, 10));
        }
        let (_, oldest) = ring.entry(ring.base()).unwrap();
        assert_eq!((ring.newest() - oldest).as_millis(), 10_000);
        for second in 60..200 {
            second_passes().await;
            ring.push_frame(video(second * 1000, FrameKind::Delta, 10));
        }
        let join = ring.newest_join().unwrap().clone();
        assert_eq!(join.dts.as_millis(), 58_000);
        assert_eq!(ring.base(), join.seq);
    }

    #[test]
    fn a_group_of_pictures_beyond_the_byte_limit_loses_its_start_not_the_stream() {
        let mut ring = ring(1000);
        ring.push_frame(video(0, FrameKind::Key, 400));
        for step in 1..100 {
            ring.push_frame(video(step * 33, FrameKind::Delta, 100));
            assert!(ring.bytes() <= 1000);
        }
        assert!(ring.newest_join().is_none());
        ring.push_frame(video(5000, FrameKind::Key, 400));
        assert_eq!(ring.newest_join().unwrap().dts.as_millis(), 5000);
    }

    #[test]
    fn a_flood_of_empty_frames_is_bounded() {
        let mut ring = ring(1 << 20);
        for _ in 0..MAX_ENTRIES * 2 {
            ring.push_frame(video(0, FrameKind::Delta, 0));
        }
        assert!(ring.end() - ring.base() <= MAX_ENTRIES as u64);
    }

    #[test]
    fn sound_is_a_place_to_join_while_pictures_stay_away() {
        let mut ring = ring(1 << 20);
        ring.push_tracks(ring.tracks().with(Track::new(TrackId::AUDIO, Codec::Aac)));
        ring.push_frame(video(0, FrameKind::Key, 10));
        for step in 1..300 {
            let mut sound = video(step * 20, FrameKind::Key, 10);
            sound.track = TrackId::AUDIO;
            ring.push_frame(sound);
        }
        assert_eq!(ring.newest_join().unwrap().dts.as_millis(), 5980);
    }

    #[test]
    fn joins_back_in_time_at_a_key_frame() {
        let mut ring = ring(1 << 20);
        for second in 0..9 {
            ring.push_frame(video(second * 1000, if second % 3 == 0 { FrameKind::Key } else { FrameKind::Delta }, 1));
        }
        assert_eq!(ring.join_back(Duration::from_secs(4)).unwrap().dts.as_millis(), 3000);
        assert_eq!(ring.join_back(Duration::from_secs(60)).unwrap().dts.as_millis(), 0);
        assert_eq!(ring.join_from(2).unwrap().dts.as_millis(), 3000);
    }
}
