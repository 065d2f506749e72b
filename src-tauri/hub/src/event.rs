//! What happens in the hub, for whoever watches it (the API's event stream, hooks, the recorder, destinations).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use weir_media::{StreamPath, TrackKind, Tracks};

use crate::{ConnectionId, EndReason, Origin, PublisherId, Role, StreamId, SubscriberId};

/// Events a slow receiver may miss before it loses the oldest.
const EVENTS: usize = 1024;

/// Something that happened to a stream. Delivered by [`crate::Hub::events`]; a receiver that falls behind loses the oldest.
#[derive(Debug, Clone)]
pub enum Event {
    /// A publisher started, anew or back within the grace time.
    PublishStarted {
        /// The stream.
        stream: StreamId,
        /// Its path.
        path: StreamPath,
        /// The publisher.
        publisher: PublisherId,
        /// Who publishes.
        origin: Origin,
        /// It came back within the grace time: readers go on.
        resumed: bool,
    },
    /// A publisher stopped; the stream lives on for the grace time.
    PublishStopped {
        /// The stream.
        stream: StreamId,
        /// Its path.
        path: StreamPath,
        /// The publisher.
        publisher: PublisherId,
        /// Why; `PublisherLeft` when it went by itself.
        reason: EndReason,
        /// Who published.
        origin: Origin,
        /// What it wrote.
        written: Written,
        /// How long it was there.
        lasted: Duration,
        /// Its last tracks.
        tracks: Tracks,
    },
    /// The tracks, or a configuration among them, changed.
    TracksChanged {
        /// The stream.
        stream: StreamId,
        /// Its path.
        path: StreamPath,
        /// The new set.
        tracks: Tracks,
        /// The connection of its publisher, where there is one.
        connection: Option<ConnectionId>,
    },
    /// The stream is over: every subscriber has ended or will.
    StreamEnded {
        /// The stream.
        stream: StreamId,
        /// Its path.
        path: StreamPath,
        /// Why.
        reason: EndReason,
    },
    /// A subscriber joined.
    Subscribed {
        /// Its path.
        path: StreamPath,
        /// The subscriber.
        subscriber: SubscriberId,
        /// What for.
        role: Role,
        /// Who.
        origin: Origin,
    },
    /// A subscriber was given its first frame: a player plays now.
    Reading {
        /// Its path.
        path: StreamPath,
        /// The subscriber.
        subscriber: SubscriberId,
        /// What for.
        role: Role,
        /// Who.
        origin: Origin,
        /// Players of the stream that play, this one included.
        players: usize,
    },
    /// A subscriber left.
    Unsubscribed {
        /// Its path.
        path: StreamPath,
        /// The subscriber.
        subscriber: SubscriberId,
        /// What for.
        role: Role,
        /// Who.
        origin: Origin,
        /// What it was given; `None` when it left before its first frame.
        read: Option<Read>,
        /// Players of the stream that play, without this one.
        players: usize,
    },
    /// A timestamp of the publisher was repaired; said once a second at most.
    TimestampsRepaired {
        /// Its path.
        path: StreamPath,
        /// How many repairs since the publisher started.
        total: u64,
    },
}

/// What one publisher wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Audio frames.
    pub audio_frames: u64,
    /// Video frames, those before the first key frame not among them.
    pub video_frames: u64,
    /// Data messages.
    pub data_frames: u64,
    /// Payload bytes of all of them.
    pub bytes: u64,
}

impl Written {
    pub(crate) const fn count(&mut self, kind: TrackKind, bytes: u64) {
        match kind {
            TrackKind::Audio => self.audio_frames += 1,
            TrackKind::Video => self.video_frames += 1,
            TrackKind::Data => self.data_frames += 1,
        }
        self.bytes += bytes;
    }
}

/// What one subscriber was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Time since its first frame.
    pub lasted: Duration,
    /// Frames.
    pub frames: u64,
    /// Frames left out because it was too slow.
    pub skipped: u64,
    /// Bytes, as the output counts them.
    pub bytes: u64,
}

/// Sees every event in the order in which things happen, before whoever did them goes on, and misses none: for counters, and
/// for what must keep its order with what the observer sees elsewhere. It must not call the hub, and must not take long.
pub trait Observer: Debug + Send + Sync {
    /// Sees one event.
    fn observe(&self, event: &Event);
}

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    sender: broadcast::Sender<Event>,
    observer: Option<Arc<dyn Observer>>,
}

impl Telling {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Self { sender: broadcast::channel(EVENTS).0, observer }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    pub(crate) fn tell(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.observe(&event);
        }
        // No receiver is no fault.
        let _ = self.sender.send(event);
    }
}
