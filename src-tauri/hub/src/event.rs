//! What happens in the hub, for whoever watches it (the API's event stream, hooks, the recorder, destinations).

use weir_media::{StreamPath, Tracks};

use crate::{EndReason, Origin, PublisherId, Role, StreamId, SubscriberId};

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
    },
    /// The tracks, or a configuration among them, changed.
    TracksChanged {
        /// The stream.
        stream: StreamId,
        /// Its path.
        path: StreamPath,
        /// The new set.
        tracks: Tracks,
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
    /// A subscriber left.
    Unsubscribed {
        /// Its path.
        path: StreamPath,
        /// The subscriber.
        subscriber: SubscriberId,
        /// What for.
        role: Role,
    },
    /// A timestamp of the publisher was repaired; said once a second at most.
    TimestampsRepaired {
        /// Its path.
        path: StreamPath,
        /// How many repairs since the publisher started.
        total: u64,
    },
}
