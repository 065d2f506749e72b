//! One live stream: its ring, its timeline, its publisher and its readers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use weir_media::{Frame, FrameKind, StreamPath, TimeDelta, Timestamp, TrackId, TrackKind, Tracks};

use crate::event::{Read, Telling, Written};
use crate::ring::{JoinPoint, Ring};
use crate::stats::{Rate, TrackCounters};
use crate::timeline::{Placed, Timeline};
use crate::{
    EndReason, Event, HubOptions, Origin, ReaderSnapshot, Role, StreamSnapshot, StreamState, SubscriberId,
    TrackSnapshot,
};

/// Identity of a stream: unlike its path, never used twice while Weir runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Identity of a publisher, never used twice while Weir runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublisherId(pub u64);

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) path: StreamPath,
    pub(crate) changed: Notify,
    state: Mutex<State>,
    /// Players that have been given a frame.
    players: AtomicUsize,
    events: Telling,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) ring: Ring,
    pub(crate) phase: Phase,
    timeline: Timeline,
    publisher: Option<PublisherSlot>,
    readers: HashMap<SubscriberId, Arc<ReaderSlot>>,
    origin: Option<Origin>,
    began: Option<Instant>,
    session_began: Option<Instant>,
    /// The first entry that the present publisher may write.
    session_from: u64,
    last_frame: Option<Instant>,
    counters: HashMap<TrackId, TrackCounters>,
    rate: Rate,
    bytes: u64,
    /// What the present publisher wrote.
    written: Written,
    repaired: u64,
    repair_said: Option<Instant>,
    before_key: u64,
    resumed: u32,
    /// A publisher came back and has not written yet.
    gap_pending: bool,
    /// Video tracks whose key frame the present publisher has sent.
    keyed: Vec<TrackId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Live,
    Grace { until: Instant },
    Ended(EndReason),
}

#[derive(Debug)]
struct PublisherSlot {
    id: PublisherId,
    close: watch::Sender<Option<EndReason>>,
}

/// What the hub and the subscriber's own handle both see of a reader.
#[derive(Debug)]
pub(crate) struct ReaderSlot {
    pub(crate) role: Role,
    pub(crate) origin: Origin,
    pub(crate) since: Instant,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) skipped: AtomicU64,
    /// How far the reader has read, in nanoseconds of the timeline: one that has stopped reading falls behind here too.
    pub(crate) read_to: AtomicI64,
    pub(crate) kicked: AtomicBool,
    /// When it was given its first frame.
    pub(crate) reading_since: OnceLock<Instant>,
}

impl Stream {
    pub(crate) fn new(id: StreamId, path: StreamPath, options: &HubOptions, events: Telling) -> Self {
        let state = State {
            ring: Ring::new(options.ring_duration, options.ring_bytes),
            phase: Phase::Waiting,
            timeline: Timeline::new(),
            publisher: None,
            readers: HashMap::new(),
            origin: None,
            began: None,
            session_began: None,
            session_from: 0,
            last_frame: None,
            counters: HashMap::new(),
            rate: Rate::default(),
            bytes: 0,
            written: Written::default(),
            repaired: 0,
            repair_said: None,
            before_key: 0,
            resumed: 0,
            gap_pending: false,
            keyed: Vec::new(),
        };
        Self { id, path, changed: Notify::new(), state: Mutex::new(state), players: AtomicUsize::new(0), events }
    }

    /// A panic while the lock was held leaves counters at worst one frame off; the stream goes on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(&self, event: Event) {
        self.events.tell(event);
    }

    /// Takes a publisher in; `replace` has been decided. Returns what tells it to close.
    pub(crate) fn begin(&self, id: PublisherId, origin: Origin) -> watch::Receiver<Option<EndReason>> {
        let (close, closed) = watch::channel(None);
        let now = Instant::now();
        let mut state = self.lock();
        let replaced = state.publisher.replace(PublisherSlot { id, close });
        let stopped = replaced.map(|old| {
            old.close.send_replace(Some(EndReason::Replaced));
            self.stopped(&state, old.id, EndReason::Replaced, now)
        });
        let resumed = state.began.is_some();
        state.resumed += u32::from(resumed);
        state.began.get_or_insert(now);
        state.session_began = Some(now);
        state.session_from = state.ring.end();
        state.written = Written::default();
        state.origin = Some(origin.clone());
        state.phase = Phase::Live;
        state.keyed.clear();
        state.gap_pending = resumed;
        state.timeline.begin_session();
        drop(state);
        stopped.into_iter().for_each(|event| self.send(event));
        let (stream, path) = (self.id, self.path.clone());
        self.send(Event::PublishStarted { stream, path, publisher: id, origin, resumed });
        closed
    }

    /// Whether `id` still is the publisher.
    pub(crate) fn is_publisher(state: &State, id: PublisherId) -> bool {
        state.publisher.as_ref().is_some_and(|slot| slot.id == id)
    }

    /// How long the present publisher has sent nothing; `None` without a publisher.
    pub(crate) fn publisher_silence(state: &State, now: Instant) -> Option<Duration> {
        state.publisher.as_ref()?;
        let began = state.session_began?;
        let last = state.last_frame.map_or(began, |frame| frame.max(began));
        Some(now.saturating_duration_since(last))
    }

    /// The publisher `id` leaves. Returns when the grace time ends, if it was the one.
    pub(crate) fn leave(&self, id: PublisherId, reason: EndReason, grace: Duration) -> Option<Instant> {
        let mut state = self.lock();
        if !Self::is_publisher(&state, id) {
            return None;
        }
        if let Some(slot) = state.publisher.take() {
            slot.close.send_replace(Some(reason));
        }
        let now = Instant::now();
        let until = now + grace;
        let stopped = self.stopped(&state, id, reason, now);
        let over = matches!(state.phase, Phase::Ended(_));
        if !over {
            state.phase = Phase::Grace { until };
        }
        drop(state);
        self.send(stopped);
        self.changed.notify_waiters();
        (!over).then_some(until)
    }

    fn stopped(&self, state: &State, publisher: PublisherId, reason: EndReason, now: Instant) -> Event {
        Event::PublishStopped {
            stream: self.id,
            path: self.path.clone(),
            publisher,
            reason,
            origin: state.origin.clone().unwrap_or_else(|| Origin::internal("")),
            written: state.written,
            lasted: state.session_began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began)),
            tracks: state.ring.tracks().clone(),
        }
    }

    /// Ends the stream if it still stands in the grace time that ends at `until`.
    pub(crate) fn expire(&self, until: Instant) -> bool {
        let expired = self.lock().phase == Phase::Grace { until };
        expired && self.end(EndReason::PublisherLeft)
    }

    /// Ends the stream now. Returns whether it had not ended before.
    pub(crate) fn end(&self, reason: EndReason) -> bool {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Ended(_)) {
            return false;
        }
        let was_published = state.began.is_some();
        state.phase = Phase::Ended(reason);
        if let Some(slot) = &state.publisher {
            slot.close.send_replace(Some(reason));
        }
        drop(state);
        if was_published {
            self.send(Event::StreamEnded { stream: self.id, path: self.path.clone(), reason });
        }
        self.changed.notify_waiters();
        true
    }

    /// Sets the tracks; says so only when they changed.
    pub(crate) fn set_tracks(&self, id: PublisherId, tracks: &Tracks) -> Result<(), EndReason> {
        let mut state = self.publishing(id)?;
        let now = Instant::now();
        state.mark_gap(now);
        if state.ring.tracks() == tracks {
            return Ok(());
        }
        state.ring.push_tracks(tracks.clone());
        let connection = state.origin.as_ref().and_then(|origin| origin.connection);
        drop(state);
        let (stream, path, tracks) = (self.id, self.path.clone(), tracks.clone());
        self.send(Event::TracksChanged { stream, path, tracks, connection });
        Ok(())
    }

    /// Puts a frame into the ring. Readers are woken by the publisher's flush.
    pub(crate) fn write(&self, id: PublisherId, mut frame: Frame) -> Result<(), EndReason> {
        let now = Instant::now();
        let mut state = self.publishing(id)?;
        state.last_frame = Some(now);
        let video = frame.track.kind == TrackKind::Video;
        if video && !state.keyed.contains(&frame.track) {
            if frame.kind != FrameKind::Key {
                state.before_key += 1;
                return Ok(());
            }
            state.keyed.push(frame.track);
        }
        state.mark_gap(now);
        let placed = state.timeline.place(&mut frame, now);
        let bytes = frame.data.len();
        state.bytes += bytes as u64;
        state.written.count(frame.track.kind, bytes as u64);
        state.rate.add(now, bytes as u64);
        let key = video && frame.kind == FrameKind::Key;
        state.counters.entry(frame.track).or_default().count(frame.dts, frame.pts, bytes, key, now);
        state.ring.push_frame(frame);
        if placed != Placed::AsSent {
            state.repaired += 1;
            let total = state.repaired;
            if state.repair_said.is_none_or(|said| now.saturating_duration_since(said) >= REPAIR_SAID_EVERY) {
                state.repair_said = Some(now);
                drop(state);
                self.send(Event::TimestampsRepaired { path: self.path.clone(), total });
            }
        }
        Ok(())
    }

    fn publishing(&self, id: PublisherId) -> Result<MutexGuard<'_, State>, EndReason> {
        let state = self.lock();
        match state.phase {
            Phase::Ended(reason) => Err(reason),
            _ if Self::is_publisher(&state, id) => Ok(state),
            _ => Err(EndReason::Replaced),
        }
    }

    /// Asks the publisher to go; the stream lives on for the grace time.
    pub(crate) fn kick_publisher(&self) -> bool {
        let state = self.lock();
        state.publisher.as_ref().is_some_and(|slot| {
            slot.close.send_replace(Some(EndReason::Kicked));
            true
        })
    }

    pub(crate) fn kick_reader(&self, id: SubscriberId) -> bool {
        let state = self.lock();
        let Some(slot) = state.readers.get(&id) else { return false };
        slot.kicked.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    pub(crate) fn add_reader(&self, id: SubscriberId, slot: Arc<ReaderSlot>) {
        let (role, origin) = (slot.role, slot.origin.clone());
        self.lock().readers.insert(id, slot);
        self.send(Event::Subscribed { path: self.path.clone(), subscriber: id, role, origin });
    }

    pub(crate) fn players(&self) -> usize {
        self.lock().readers.values().filter(|slot| slot.role == Role::Player).count()
    }

    pub(crate) fn readers(&self) -> usize {
        self.lock().readers.len()
    }

    pub(crate) fn remove_reader(&self, id: SubscriberId) {
        let removed = self.lock().readers.remove(&id);
        if let Some(slot) = removed {
            let read = slot.reading_since.get().map(|since| slot.read(*since));
            let plays = usize::from(read.is_some() && slot.role == Role::Player);
            let players = self.players.fetch_sub(plays, Ordering::Relaxed) - plays;
            let (path, role, origin) = (self.path.clone(), slot.role, slot.origin.clone());
            self.send(Event::Unsubscribed { path, subscriber: id, role, origin, read, players });
        }
    }

    /// A reader has been given its first frame.
    pub(crate) fn began_reading(&self, id: SubscriberId, slot: &ReaderSlot) {
        if slot.reading_since.set(Instant::now()).is_ok() {
            let plays = usize::from(slot.role == Role::Player);
            let players = self.players.fetch_add(plays, Ordering::Relaxed) + plays;
            let (path, role, origin) = (self.path.clone(), slot.role, slot.origin.clone());
            self.send(Event::Reading { path, subscriber: id, role, origin, players });
        }
    }

    /// Nobody publishes, nobody reads, nobody will come back to it.
    pub(crate) fn is_forgotten(&self) -> bool {
        let state = self.lock();
        match state.phase {
            Phase::Ended(_) => true,
            Phase::Waiting => state.readers.is_empty(),
            Phase::Live | Phase::Grace { .. } => false,
        }
    }

    pub(crate) fn snapshot(&self) -> Option<StreamSnapshot> {
        let now = Instant::now();
        let state = self.lock();
        let stands = match state.phase {
            Phase::Waiting => StreamState::Waiting,
            Phase::Live => StreamState::Live,
            Phase::Grace { until } => StreamState::Grace { left: until.saturating_duration_since(now) },
            Phase::Ended(_) => return None,
        };
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        let mut readers: Vec<ReaderSnapshot> =
            state.readers.iter().map(|(id, slot)| slot.snapshot(*id, now, state.ring.newest())).collect();
        readers.sort_by_key(|reader| reader.id);
        let lead = state.ring.tracks().iter().map(|track| track.id).find(|id| id.kind == TrackKind::Video);
        let key_interval = lead.and_then(|id| state.counters.get(&id)).and_then(|counters| counters.key_interval);
        Some(StreamSnapshot {
            id: self.id,
            path: self.path.clone(),
            state: stands,
            origin: state.origin.clone(),
            uptime: since(state.began).unwrap_or_default(),
            session: since(state.session_began).unwrap_or_default(),
            since_frame: since(state.last_frame),
            tracks: state.track_snapshots(now),
            bytes: state.bytes,
            frames: state.ring.frames_before(state.ring.end()),
            session_begin: state.session_begin(),
            written: state.written,
            bitrate: (state.rate.per_second(now) * 8.0) as u64,
            key_frame_interval: key_interval.map(TimeDelta::to_duration),
            timestamps_repaired: state.repaired,
            frames_before_key: state.before_key,
            resumed: state.resumed,
            readers,
        })
    }
}

/// The place of a reader that has read nothing yet, or is led by another.
pub(crate) const NOTHING_READ: i64 = i64::MIN;

/// How often repaired timestamps are worth an event.
const REPAIR_SAID_EVERY: Duration = Duration::from_secs(1);

impl State {
    /// Where a reader of the present publisher can begin, or of the last one.
    pub(crate) fn session_join(&self) -> Option<&JoinPoint> {
        self.ring.join_from(self.session_from)
    }

    /// Frames of picture and sound before that place, or before the next one to come.
    fn session_begin(&self) -> u64 {
        self.ring.frames_before(self.session_join().map_or(self.ring.end(), |join| join.seq))
    }

    /// Marks the seam where a returned publisher's first entry goes.
    fn mark_gap(&mut self, now: Instant) {
        if !std::mem::take(&mut self.gap_pending) {
            return;
        }
        if let Some(gap) = self.timeline.gap(now) {
            self.counters.values_mut().for_each(TrackCounters::begin_again);
            self.ring.push_gap(gap);
        }
    }

    fn track_snapshots(&self, now: Instant) -> Vec<TrackSnapshot> {
        let tracks = self.ring.tracks().iter();
        tracks
            .map(|track| {
                let counters = self.counters.get(&track.id);
                TrackSnapshot {
                    track: Arc::clone(track),
                    frames: counters.map_or(0, |c| c.frames),
                    bytes: counters.map_or(0, |c| c.bytes),
                    bitrate: counters.map_or(0, |c| (c.rate.per_second(now) * 8.0) as u64),
                    frame_rate: counters.map_or(0.0, |c| c.frame_rate.per_second(now)),
                    reordered: counters.map_or(0, |c| c.reordered),
                }
            })
            .collect()
    }
}

impl ReaderSlot {
    fn read(&self, since: Instant) -> Read {
        Read {
            lasted: since.elapsed(),
            frames: self.frames.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            bytes: self.bytes_sent.load(Ordering::Relaxed),
        }
    }

    fn snapshot(&self, id: SubscriberId, now: Instant, newest: Timestamp) -> ReaderSnapshot {
        let read_to = match self.read_to.load(Ordering::Relaxed) {
            NOTHING_READ => newest,
            nanos => Timestamp::from_nanos(nanos),
        };
        ReaderSnapshot {
            id,
            role: self.role,
            origin: self.origin.clone(),
            age: now.saturating_duration_since(self.since),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            frames: self.frames.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            lag: (newest - read_to).to_duration(),
        }
    }
}
