//! What all players of a stream receive is the same bytes, so each frame is turned into chunks once and shared.
//!
//! A cache belongs to one stream, chunk size, epoch and form, and numbers its entries as the hub numbers the frames. It is
//! filled by whichever player needs a frame first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use weir_hub::StreamId;
use weir_media::{Frame, Timestamp, TrackKind};
use weir_rtmp::command::Capabilities;

use super::crowd::Crowd;

/// Most frames a cache holds: protects memory from floods of tiny frames. What is evicted is encoded again when needed.
const MAX_FRAMES: usize = 4096;
/// Most bytes a cache holds: protects memory from streams of huge frames.
const MAX_BYTES: usize = 32 << 20;
/// How long frames are kept that no joining player needs any more, because a newer key frame has come: for players that
/// lag a little.
const KEPT_MILLIS: i64 = 1000;

/// RTMP time is 32 bits of milliseconds that many players read as signed, so a player must not be near 2^31 soon after it
/// joins (rtmp: 24 days). Each player's zero is the last multiple of this before the frame it joined at.
const EPOCH_MILLIS: i64 = 1 << 30;

/// Where an RTMP timeline has its zero on the stream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Epoch(i64);

impl Epoch {
    /// For a player whose first frame lies at `time`.
    pub(crate) const fn of(time: Timestamp) -> Self {
        Self(time.as_millis().div_euclid(EPOCH_MILLIS))
    }

    /// `time` in RTMP's milliseconds. Wraps at 2^32 as RTMP does; what lies a little before the epoch is held at zero.
    pub(crate) const fn rtmp_time(self, time: Timestamp) -> u32 {
        let millis = time.as_millis() - self.0 * EPOCH_MILLIS;
        if millis < 0 { 0 } else { (millis & 0xFFFF_FFFF) as u32 }
    }
}

/// What tells two caches apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) stream: StreamId,
    /// The RTMP message stream that the player plays on; 1 for all but the oddest.
    pub(crate) message_stream: u32,
    pub(crate) chunk_size: u32,
    pub(crate) epoch: Epoch,
    pub(crate) form: Form,
}

/// What of a stream a player gets, and how exactly; by what it said when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Form {
    pub(crate) tracks: Shown,
    /// Presentation times to the nanosecond.
    pub(crate) exact: bool,
}

/// Which tracks a player gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Shown {
    /// One video and one audio track.
    #[default]
    One,
    /// All.
    All,
}

impl Form {
    /// For a peer that announced this.
    pub(crate) fn of(capabilities: &Capabilities) -> Self {
        let tracks = if capabilities.has_multitrack() { Shown::All } else { Shown::One };
        Self { tracks, exact: capabilities.has_nano_offset() }
    }
}

/// The caches in use; one goes with its last player.
#[derive(Debug, Default)]
pub(crate) struct Caches(Mutex<HashMap<Key, Weak<Cache>>>);

impl Caches {
    /// The cache for `key`, shared with everyone who asked for the same.
    pub(crate) fn share(&self, key: Key) -> Arc<Cache> {
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.get(&key).and_then(Weak::upgrade) {
            return cache;
        }
        caches.retain(|_, cache| cache.strong_count() > 0);
        let cache = Arc::new(Cache { key, crowd: Crowd::default(), entries: Mutex::default() });
        caches.insert(key, Arc::downgrade(&cache));
        cache
    }

    /// How long it takes at present to serve everybody who sits and watches `stream`.
    pub(crate) fn service(&self, stream: StreamId) -> Duration {
        let caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stream = caches.iter().filter(|(key, _)| key.stream == stream);
        of_stream.filter_map(|(_, cache)| cache.upgrade()).map(|cache| cache.crowd.service()).sum()
    }
}

/// Encoded frames by the hub's sequence numbers.
#[derive(Debug)]
pub(crate) struct Cache {
    key: Key,
    crowd: Crowd,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// Number of the first entry.
    base: u64,
    frames: VecDeque<Option<Entry>>,
    bytes: usize,
    /// Number of the newest key frame of video.
    newest_key: u64,
    newest_millis: i64,
}

#[derive(Debug, Clone)]
struct Entry {
    wire: Bytes,
    millis: i64,
}

impl Cache {
    pub(crate) const fn key(&self) -> Key {
        self.key
    }

    /// The players that are served together.
    pub(super) const fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// The entries, for as long as one batch is put together.
    pub(crate) fn lock(&self) -> Frames<'_> {
        Frames(self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A cache while one player looks through it.
pub(crate) struct Frames<'a>(MutexGuard<'a, Entries>);

impl Frames<'_> {
    /// Frame `seq` in its encoded form, made by `encode` if nobody has needed it yet. `encode` must depend on the frame
    /// alone; an empty result means that the frame has no form here.
    pub(crate) fn find_or(&mut self, seq: u64, frame: &Frame, encode: impl FnOnce() -> Bytes) -> Bytes {
        self.0.find(seq).unwrap_or_else(|| {
            let wire = encode();
            let key = frame.is_key() && frame.track.kind == TrackKind::Video;
            self.0.keep(seq, Entry { wire: wire.clone(), millis: frame.dts.as_millis() }, key);
            wire
        })
    }
}

impl Entries {
    fn find(&self, seq: u64) -> Option<Bytes> {
        let at = usize::try_from(seq.checked_sub(self.base)?).ok()?;
        self.frames.get(at)?.as_ref().map(|entry| entry.wire.clone())
    }

    fn keep(&mut self, seq: u64, entry: Entry, key: bool) {
        let end = self.base + self.frames.len() as u64;
        if self.frames.is_empty() || seq >= end + MAX_FRAMES as u64 {
            self.frames.clear();
            (self.base, self.bytes) = (seq, 0);
        }
        // A player far behind encodes for itself rather than throwing out what all others need.
        let Some(at) = seq.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()) else { return };
        if self.frames.len() <= at {
            self.frames.resize(at + 1, None);
        }
        self.newest_key = if key { self.newest_key.max(seq) } else { self.newest_key };
        self.newest_millis = self.newest_millis.max(entry.millis);
        if let Some(slot) = self.frames.get_mut(at) {
            self.bytes += entry.wire.len();
            *slot = Some(entry);
        }
        while self.is_first_spare() {
            let gone = self.frames.pop_front().flatten();
            self.bytes -= gone.map_or(0, |entry| entry.wire.len());
            self.base += 1;
        }
    }

    fn is_first_spare(&self) -> bool {
        if self.frames.len() > MAX_FRAMES || (self.bytes > MAX_BYTES && self.frames.len() > 1) {
            return true;
        }
        match self.frames.front() {
            Some(Some(first)) => {
                // Without pictures there is no key frame, and every player joins at the newest sound.
                let needed = self.newest_key > 0 && self.base >= self.newest_key;
                !needed && self.newest_millis - first.millis > KEPT_MILLIS
            }
            Some(None) => true,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_media::{FrameKind, TrackId};

    use super::*;

    fn key() -> Key {
        Key { stream: StreamId(1), message_stream: 1, chunk_size: 4096, epoch: Epoch(0), form: Form::default() }
    }

    fn frame(seq: u64, millis: i64, key: bool) -> Frame {
        let time = Timestamp::from_millis(millis);
        let kind = if key { FrameKind::Key } else { FrameKind::Delta };
        Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data: Bytes::from(seq.to_be_bytes().to_vec()) }
    }

    fn take(cache: &Cache, seqs: impl IntoIterator<Item = u64>, encoded: &mut u32) -> Vec<Bytes> {
        let mut frames = cache.lock();
        let mut encode = |frame: &Frame| {
            *encoded += 1;
            frame.data.clone()
        };
        let seqs = seqs.into_iter().map(|seq| (seq, frame(seq, 0, false)));
        seqs.map(|(seq, frame)| frames.find_or(seq, &frame, || encode(&frame))).collect()
    }

    #[test]
    fn each_frame_is_encoded_once_for_all_players() {
        let caches = Caches::default();
        let (first, second) = (caches.share(key()), caches.share(key()));
        let mut encoded = 0;
        let one = take(&first, [10, 11, 13], &mut encoded);
        let two = take(&second, [10, 11, 12, 13, 14], &mut encoded);
        assert_eq!(encoded, 5);
        assert_eq!(one[0].as_ptr(), two[0].as_ptr());
        assert_eq!(two[2], 12_u64.to_be_bytes().as_slice());
    }

    #[test]
    fn a_player_far_behind_disturbs_nobody() {
        let cache = Caches::default().share(key());
        let mut encoded = 0;
        take(&cache, 0..10_000, &mut encoded);
        take(&cache, [5], &mut encoded);
        assert_eq!(encoded, 10_001);
        take(&cache, [9_999], &mut encoded);
        take(&cache, [9_999 - MAX_FRAMES as u64 + 1], &mut encoded);
        assert_eq!(encoded, 10_001);
        take(&cache, [1 << 40, 1 << 40], &mut encoded);
        assert_eq!(encoded, 10_002);
    }

    #[test]
    fn only_what_a_joining_player_needs_is_kept() {
        let cache = Caches::default().share(key());
        for seq in 0..1000 {
            let frame = frame(seq, seq as i64 * 20, seq.is_multiple_of(200));
            cache.lock().find_or(seq, &frame, || frame.data.clone());
        }
        let entries = cache.entries.lock().unwrap();
        assert_eq!((entries.base, entries.frames.len()), (800, 200), "from the newest key frame on");
        drop(entries);
        for seq in 1000..1010 {
            let frame = frame(seq, seq as i64 * 20, seq == 1000);
            cache.lock().find_or(seq, &frame, || frame.data.clone());
        }
        assert_eq!(cache.entries.lock().unwrap().base, 959, "and a second for those who lag");
    }

    #[test]
    fn a_cache_goes_with_its_last_player() {
        let caches = Caches::default();
        drop(caches.share(key()));
        let other = Key { stream: StreamId(2), ..key() };
        let _kept = caches.share(other);
        assert_eq!(caches.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_player_that_joins_after_a_month_starts_far_from_the_sign_bit() {
        for day in [0_i64, 12, 13, 24, 25, 49, 50, 1000] {
            let join = Timestamp::from_millis(day * 86_400_000 + 5);
            let epoch = Epoch::of(join);
            assert!(epoch.rtmp_time(join) < 1 << 30, "day {day}");
            let later = Timestamp::from_millis(day * 86_400_000 + 5 + 33);
            assert_eq!(epoch.rtmp_time(later) - epoch.rtmp_time(join), 33);
        }
        let month = Epoch::of(Timestamp::from_millis((1 << 30) + 3));
        assert_eq!(month.rtmp_time(Timestamp::from_millis((1 << 30) - 40)), 0);
        assert_eq!(Epoch(0).rtmp_time(Timestamp::from_millis((1 << 32) + 7)), 7);
    }
}
