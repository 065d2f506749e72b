//! The read handle on a stream: a cursor into its ring.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use weir_media::{FrameKind, StreamPath, TimeDelta, Timestamp, Tracks};

use crate::hub::Shared;
use crate::ring::{Item, JoinPoint, Ring};
use crate::stream::{NOTHING_READ, Phase, ReaderSlot, State, Stream};
use crate::{Delivery, EndReason, LagPolicy, Start, StreamId};

/// Identity of a subscriber, never used twice while Weir runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub u64);

/// Most frames one batch holds: a bound on what a reader carries while it waits for its network.
pub(crate) const BATCH_FRAMES: usize = 64;
/// Payload bytes after which a batch is closed.
pub(crate) const BATCH_BYTES: usize = 256 * 1024;

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The next entry it gets.
    At(u64),
    /// It waits for a key frame numbered at least this.
    Key(u64),
}

/// The read handle on a stream. Dropping it leaves the stream; the publisher never notices either way.
#[derive(Debug)]
pub struct Subscriber {
    pub(crate) stream: Arc<Stream>,
    hub: Arc<Shared>,
    id: SubscriberId,
    pub(crate) slot: Arc<ReaderSlot>,
    pub(crate) cursor: Cursor,
    lag: LagPolicy,
    /// The least lag since the reader began or last skipped: what it may not be blamed for.
    pub(crate) least_lag: TimeDelta,
    /// How many frames of picture and sound the stream had before the next one that it reads. Data that it got by following
    /// another counts too, so that at worst a few frames too few are told as skipped.
    pub(crate) before: u64,
    /// Tracks the reader was told last.
    told: Option<Tracks>,
    deadline: Option<Instant>,
    pub(crate) ended: Option<EndReason>,
}

impl Subscriber {
    pub(crate) fn new(
        stream: Arc<Stream>,
        hub: Arc<Shared>,
        id: SubscriberId,
        slot: Arc<ReaderSlot>,
        start: Start,
        lag: LagPolicy,
        wait: Option<Duration>,
    ) -> Self {
        let deadline = wait.map(|wait| Instant::now() + wait);
        let least_lag = TimeDelta::from(Duration::MAX);
        let from = {
            let state = stream.lock();
            let join = match start {
                Start::NextKey => None,
                Start::NewestKey => state.ring.newest_join(),
                Start::Session => state.session_join(),
                Start::Back(back) => state.ring.join_back(back),
            };
            join.map_or(state.ring.end(), |join| join.seq)
        };
        let cursor = Cursor::Key(from);
        Self { stream, hub, id, slot, cursor, lag, least_lag, before: 0, told: None, deadline, ended: None }
    }

    /// Identity of this subscriber.
    pub const fn id(&self) -> SubscriberId {
        self.id
    }

    /// Identity of the stream it reads.
    pub fn stream_id(&self) -> StreamId {
        self.stream.id
    }

    /// Path of the stream it reads.
    pub fn path(&self) -> &StreamPath {
        &self.stream.path
    }

    /// How many frames of picture and sound the stream had before the next one that this reader gets.
    pub fn frames_before(&self) -> u64 {
        let state = self.stream.lock();
        let next = match self.cursor {
            Cursor::At(seq) => seq,
            Cursor::Key(from) => state.ring.join_from(from).map_or(state.ring.end(), |join| join.seq),
        };
        state.ring.frames_before(next)
    }

    /// Counts bytes that the output has handed to its network or disk.
    pub fn count_sent(&self, bytes: u64) {
        self.slot.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Appends what is ready to `batch`, waiting until there is something. Everything is in order; [`Delivery::Ended`] comes
    /// last and, asked again, alone. Cancel-safe: nothing is taken before it is appended.
    pub async fn recv_batch(&mut self, batch: &mut Vec<Delivery>) {
        self.ready().await;
        self.try_batch(batch);
    }

    /// Waits until [`Subscriber::try_batch`] would append something. Cancel-safe.
    pub async fn ready(&mut self) {
        loop {
            if self.has_something() {
                return;
            }
            let stream = Arc::clone(&self.stream);
            let changed = stream.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            // A change between the first look and `enable` would otherwise be slept through.
            if self.has_something() {
                return;
            }
            match self.deadline {
                Some(deadline) => {
                    // A time-out is no error here: the next look decides.
                    let _ = tokio::time::timeout_at(deadline, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Appends what is ready to `batch` without waiting. Returns whether anything was appended.
    pub fn try_batch(&mut self, batch: &mut Vec<Delivery>) -> bool {
        let before = batch.len();
        if let Some(reason) = self.ended {
            batch.push(Delivery::Ended(reason));
            return true;
        }
        let stream = Arc::clone(&self.stream);
        let state = stream.lock();
        self.forget_deadline(&state);
        match self.read(&state, batch) {
            Ok(()) => {}
            Err(reason) => {
                self.ended = Some(reason);
                batch.push(Delivery::Ended(reason));
            }
        }
        batch.len() > before
    }

    /// Waiting for a publisher is over once there has been one.
    fn forget_deadline(&mut self, state: &State) {
        if state.phase != Phase::Waiting {
            self.deadline = None;
        }
    }

    fn has_something(&mut self) -> bool {
        if self.ended.is_some() || self.slot.kicked.load(Ordering::Relaxed) {
            return true;
        }
        let stream = Arc::clone(&self.stream);
        let state = stream.lock();
        self.forget_deadline(&state);
        if matches!(state.phase, Phase::Ended(_)) {
            return true;
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return true;
        }
        match self.cursor {
            Cursor::At(seq) => seq < state.ring.end(),
            Cursor::Key(from) => state.ring.join_from(from).is_some(),
        }
    }

    fn read(&mut self, state: &State, batch: &mut Vec<Delivery>) -> Result<(), EndReason> {
        if self.slot.kicked.load(Ordering::Relaxed) {
            return Err(EndReason::Kicked);
        }
        let ended = match state.phase {
            Phase::Ended(EndReason::Shutdown) => return Err(EndReason::Shutdown),
            Phase::Ended(reason) => Some(reason),
            Phase::Waiting if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                return Err(EndReason::NotFound);
            }
            _ => None,
        };
        let before = batch.len();
        if let Some(seq) = self.position(&state.ring, batch) {
            let seq = self.mind_lag(&state.ring, seq, batch)?;
            self.take(&state.ring, seq, batch);
        }
        match ended {
            Some(reason) if batch.len() == before => Err(reason),
            _ => Ok(()),
        }
    }

    /// The entry to read next, with the tracks in force there told.
    fn position(&mut self, ring: &Ring, batch: &mut Vec<Delivery>) -> Option<u64> {
        let join = match self.cursor {
            Cursor::At(seq) if seq >= ring.base() => return Some(seq),
            Cursor::At(seq) => return self.evicted(ring, seq, batch),
            Cursor::Key(from) => ring.join_from(from),
        }?;
        self.before = ring.frames_before(join.seq);
        Some(self.jump(join.clone(), batch))
    }

    /// The reader was overtaken by the ring's own bound: it goes on at the newest key frame.
    fn evicted(&mut self, ring: &Ring, seq: u64, batch: &mut Vec<Delivery>) -> Option<u64> {
        let read_to = self.slot.read_to.load(Ordering::Relaxed);
        let behind = |now: Timestamp| match read_to {
            NOTHING_READ => TimeDelta::ZERO,
            nanos => now - Timestamp::from_nanos(nanos),
        };
        let Some(join) = ring.newest_join().cloned() else {
            self.pass(ring, seq..ring.end(), behind(ring.newest()), batch);
            self.cursor = Cursor::Key(ring.end());
            return None;
        };
        self.pass(ring, seq..join.seq, behind(join.dts), batch);
        Some(self.jump(join, batch))
    }

    /// Leaves entries out; a seam among them is told all the same, since outputs begin anew there.
    fn pass(&mut self, ring: &Ring, entries: Range<u64>, behind: TimeDelta, batch: &mut Vec<Delivery>) {
        let before = ring.frames_before(entries.end);
        self.skipped(before.saturating_sub(self.before), behind, batch);
        self.before = before;
        batch.extend(ring.seam(entries.start, entries.end).map(|gap| Delivery::Gap { gap }));
    }

    fn jump(&mut self, join: JoinPoint, batch: &mut Vec<Delivery>) -> u64 {
        self.least_lag = TimeDelta::from(Duration::MAX);
        self.tell(&join.tracks, batch);
        self.cursor = Cursor::At(join.seq);
        join.seq
    }

    fn tell(&mut self, tracks: &Tracks, batch: &mut Vec<Delivery>) {
        if self.told.as_ref() != Some(tracks) {
            if self.told.is_none() {
                self.stream.began_reading(self.id, &self.slot);
            }
            self.told = Some(tracks.clone());
            batch.push(Delivery::Tracks(tracks.clone()));
        }
    }

    fn skipped(&self, frames: u64, behind: TimeDelta, batch: &mut Vec<Delivery>) {
        self.slot.skipped.fetch_add(frames, Ordering::Relaxed);
        batch.push(Delivery::Skipped { frames, behind: behind.to_duration() });
    }

    /// Applies the lag policy before entry `seq` is read; returns where to read instead.
    fn mind_lag(&mut self, ring: &Ring, seq: u64, batch: &mut Vec<Delivery>) -> Result<u64, EndReason> {
        let Some((dts, arrived)) = ring.next_frame(seq) else { return Ok(seq) };
        let lag = ring.newest() - dts;
        self.slot.read_to.store(dts.as_nanos(), Ordering::Relaxed);
        self.least_lag = self.least_lag.min(lag);
        let late = self.late(lag, arrived);
        if self.lag.disconnect.is_some_and(|limit| late > limit) {
            return Err(EndReason::TooSlow);
        }
        if late > self.lag.skip_to_key
            && let Some(join) = ring.newest_join().filter(|join| join.seq > seq).cloned()
        {
            self.pass(ring, seq..join.seq, join.dts - dts, batch);
            return Ok(self.jump(join, batch));
        }
        Ok(seq)
    }

    fn take(&mut self, ring: &Ring, mut seq: u64, batch: &mut Vec<Delivery>) {
        let (mut frames, mut bytes) = (0, 0);
        let (mut left_out, mut left_from) = (0, Timestamp::ZERO);
        while let Some((item, dts)) = ring.entry(seq) {
            if frames >= BATCH_FRAMES || bytes >= BATCH_BYTES {
                break;
            }
            match item {
                Item::Tracks(tracks) => self.tell(tracks, batch),
                Item::Gap(gap) => batch.push(Delivery::Gap { gap: *gap }),
                Item::Frame(frame) if self.skips(ring, frame.kind, dts, seq) => {
                    if left_out == 0 {
                        left_from = dts;
                    }
                    left_out += 1;
                }
                Item::Frame(frame) => {
                    frames += 1;
                    bytes += frame.data.len();
                    batch.push(Delivery::Frame { seq, frame: frame.clone() });
                }
            }
            seq += 1;
        }
        if left_out > 0 {
            self.skipped(left_out, ring.newest() - left_from, batch);
        }
        self.cursor = Cursor::At(seq);
        self.before = ring.frames_before(seq);
        self.slot.frames.fetch_add(frames as u64, Ordering::Relaxed);
        let caught_up = ring.entry(seq).is_none();
        if caught_up {
            self.least_lag = TimeDelta::ZERO;
            self.slot.read_to.store(ring.newest().as_nanos(), Ordering::Relaxed);
        }
    }

    fn skips(&self, ring: &Ring, kind: FrameKind, dts: Timestamp, seq: u64) -> bool {
        kind == FrameKind::Disposable
            && ring
                .arrived(seq)
                .is_some_and(|arrived| self.late(ring.newest() - dts, arrived) > self.lag.skip_disposable)
    }

    /// By how much the reader is late, with `lag` to the newest frame and a frame waiting for it since `arrived`. A publisher
    /// whose network held seconds back and then delivers them at once makes nobody late who takes them then.
    fn late(&self, lag: TimeDelta, arrived: Instant) -> Duration {
        (lag - self.least_lag).to_duration().min(arrived.elapsed())
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stream.remove_reader(self.id);
        self.hub.forget(&self.stream);
    }
}
