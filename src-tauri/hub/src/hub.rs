//! The set of streams, and the ways in and out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::time::Instant;
use weir_media::StreamPath;

use crate::event::{Observer, Telling};
use crate::publisher::Budget;
use crate::stream::{Phase, ReaderSlot, Stream};
use crate::{
    DuplicatePolicy, EndReason, Event, HubOptions, Origin, Publisher, PublisherId, Role, StreamId, StreamSnapshot,
    SubscribeOptions, Subscriber, SubscriberId,
};

/// Why a publisher is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Somebody else publishes the path, and the policy is to refuse.
    /// Whose address it is concerns the owner of the hub, not the newcomer, so the sentence leaves it out.
    #[error("{path} is already being published")]
    AlreadyLive {
        /// The path.
        path: StreamPath,
        /// Who publishes it.
        by: Option<Origin>,
    },
    /// [`HubOptions::max_streams`] is reached.
    #[error("there are already {0} streams; no more are allowed")]
    TooManyStreams(usize),
    /// Weir is shutting down.
    #[error("shutting down")]
    Shutdown,
}

/// Why a subscriber is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// [`HubOptions::max_players`] is reached.
    #[error("there are already {0} players; no more are allowed for one stream")]
    TooManyPlayers(usize),
    /// [`HubOptions::max_streams`] is reached.
    #[error("there are already {0} streams; no more are allowed")]
    TooManyStreams(usize),
    /// Weir is shutting down.
    #[error("shutting down")]
    Shutdown,
}

/// All streams. Cheap to clone; every clone is the same hub.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    options: RwLock<HubOptions>,
    streams: Mutex<HashMap<StreamPath, Arc<Stream>>>,
    events: Telling,
    ids: AtomicU64,
    closed: AtomicBool,
    runtime: Handle,
}

impl Shared {
    pub(crate) fn options(&self) -> HubOptions {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamPath, Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends `stream` when its grace time is over and nobody has come back.
    pub(crate) fn expire_at(self: &Arc<Self>, stream: Arc<Stream>, until: Instant) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            tokio::time::sleep_until(until).await;
            if stream.expire(until) {
                shared.forget(&stream);
            }
        });
    }

    /// Removes `stream` from the set once nobody needs it.
    pub(crate) fn forget(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams();
        let same = streams.get(&stream.path).is_some_and(|known| Arc::ptr_eq(known, stream));
        if same && stream.is_forgotten() {
            streams.remove(&stream.path);
        }
    }

    /// The stream of this path, made when there is none; a stream that has ended is replaced by a new one. Publishers are held
    /// against what is published, players against everything: who waits for streams that nobody sends takes no encoder's place, and
    /// no place of what Weir itself does with one.
    fn stream(
        &self,
        streams: &mut HashMap<StreamPath, Arc<Stream>>,
        path: &StreamPath,
        comes: Comes,
    ) -> Result<Arc<Stream>, usize> {
        let options = self.options();
        let there = streams.get(path).map(|stream| (Arc::clone(stream), stream.lock().phase));
        let there = there.filter(|(_, phase)| !matches!(phase, Phase::Ended(_)));
        let taken = match (comes, &there) {
            (Comes::Output, _) | (Comes::Player, Some(_)) => 0,
            (Comes::Publisher, Some((_, phase))) if *phase != Phase::Waiting => 0,
            (Comes::Player, None) => streams.len(),
            (Comes::Publisher, _) => streams
                .values()
                .filter(|stream| stream.lock().phase != Phase::Waiting)
                .take(options.max_streams)
                .count(),
        };
        if taken >= options.max_streams {
            return Err(taken);
        }
        if let Some((stream, _)) = there {
            return Ok(stream);
        }
        let stream = Stream::new(StreamId(self.next_id()), path.clone(), &options, self.events.clone());
        let stream = Arc::new(stream);
        streams.insert(path.clone(), Arc::clone(&stream));
        Ok(stream)
    }
}

/// Who asks for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Publisher,
    Player,
    /// A recording or a destination: as many as the owner of the hub wants.
    Output,
}

impl Hub {
    /// A hub without streams. Must be called inside a tokio runtime, on which grace times are kept.
    pub fn new(options: HubOptions) -> Self {
        Self::with(options, None)
    }

    /// Likewise, with somebody who sees every event.
    pub fn observed(options: HubOptions, observer: Arc<dyn Observer>) -> Self {
        Self::with(options, Some(observer))
    }

    fn with(options: HubOptions, observer: Option<Arc<dyn Observer>>) -> Self {
        let events = Telling::new(observer);
        Self(Arc::new(Shared {
            options: RwLock::new(options),
            streams: Mutex::new(HashMap::new()),
            events,
            ids: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            runtime: Handle::current(),
        }))
    }

    /// Changes limits and policies for what starts from now on.
    pub fn set_options(&self, options: HubOptions) {
        *self.0.options.write().unwrap_or_else(PoisonError::into_inner) = options;
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events.listen()
    }

    /// Becomes the publisher of `path`.
    ///
    /// Within the grace time of an earlier publisher the stream goes on; its readers see a [`crate::Delivery::Gap`]. While
    /// another publisher is connected [`HubOptions::duplicate`] decides, but one that has been silent for
    /// [`HubOptions::stale_publisher`] always gives way.
    pub fn publish(&self, path: &StreamPath, origin: Origin) -> Result<Publisher, PublishError> {
        let shared = &self.0;
        let mut streams = shared.streams();
        if shared.closed.load(Ordering::Relaxed) {
            return Err(PublishError::Shutdown);
        }
        let stream = shared.stream(&mut streams, path, Comes::Publisher).map_err(PublishError::TooManyStreams)?;
        let options = shared.options();
        let silence = Stream::publisher_silence(&stream.lock(), Instant::now());
        let refused = options.duplicate == DuplicatePolicy::Refuse
            && silence.is_some_and(|silence| silence < options.stale_publisher);
        if refused {
            let by = stream.snapshot().and_then(|snapshot| snapshot.origin);
            return Err(PublishError::AlreadyLive { path: path.clone(), by });
        }
        let id = PublisherId(shared.next_id());
        let closed = stream.begin(id, origin);
        drop(streams);
        stream.changed.notify_waiters();
        let budget = options.max_bits_per_second.map(Budget::new);
        Ok(Publisher::new(stream, Arc::clone(shared), id, closed, budget))
    }

    /// Becomes a reader of `path`, which need not be live yet.
    pub fn subscribe(&self, path: &StreamPath, options: SubscribeOptions) -> Result<Subscriber, SubscribeError> {
        let shared = &self.0;
        let mut streams = shared.streams();
        if shared.closed.load(Ordering::Relaxed) {
            return Err(SubscribeError::Shutdown);
        }
        let SubscribeOptions { role, origin, start, lag, wait } = options;
        let comes = if matches!(role, Role::Recording | Role::Destination) { Comes::Output } else { Comes::Player };
        let stream = shared.stream(&mut streams, path, comes).map_err(SubscribeError::TooManyStreams)?;
        let (players, most) = (stream.players(), shared.options().max_players);
        if role == Role::Player && players >= most {
            // Where nobody may watch, it was made for nobody.
            drop(streams);
            shared.forget(&stream);
            return Err(SubscribeError::TooManyPlayers(players));
        }
        let id = SubscriberId(shared.next_id());
        let slot = Arc::new(ReaderSlot {
            role,
            origin,
            since: Instant::now(),
            bytes_sent: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            read_to: AtomicI64::new(crate::stream::NOTHING_READ),
            kicked: AtomicBool::new(false),
            reading_since: OnceLock::new(),
        });
        stream.add_reader(id, Arc::clone(&slot));
        drop(streams);
        Ok(Subscriber::new(stream, Arc::clone(shared), id, slot, start, lag, wait))
    }

    /// One look at every stream, ordered by path.
    pub fn streams(&self) -> Vec<StreamSnapshot> {
        let streams: Vec<_> = self.0.streams().values().cloned().collect();
        let mut list: Vec<_> = streams.iter().filter_map(|stream| stream.snapshot()).collect();
        list.sort_by(|a, b| a.path.cmp(&b.path));
        list
    }

    /// One look at one stream.
    pub fn stream(&self, path: &StreamPath) -> Option<StreamSnapshot> {
        let stream = self.0.streams().get(path).cloned();
        stream.and_then(|stream| stream.snapshot())
    }

    /// Ends the publisher of `path` by hand. Returns whether there was one.
    pub fn kick_publisher(&self, path: &StreamPath) -> bool {
        let stream = self.0.streams().get(path).cloned();
        stream.is_some_and(|stream| stream.kick_publisher())
    }

    /// Ends a reader by hand. Returns whether it was there.
    pub fn kick_reader(&self, id: SubscriberId) -> bool {
        let streams: Vec<_> = self.0.streams().values().cloned().collect();
        streams.iter().any(|stream| stream.kick_reader(id))
    }

    /// Ends every stream now; nothing can be published or subscribed any more.
    pub fn close(&self) {
        let streams: Vec<_> = {
            let mut streams = self.0.streams();
            self.0.closed.store(true, Ordering::Relaxed);
            streams.drain().map(|(_, stream)| stream).collect()
        };
        for stream in streams {
            stream.end(EndReason::Shutdown);
        }
    }
}
