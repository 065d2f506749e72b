//! A stream on its way to a server: who reads it, what has been read and not sent, and the tracks in force there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_hub::{Delivery, Hub, Origin, Start, StreamId, StreamSnapshot, SubscribeOptions, Subscriber};
use weir_media::{Frame, StreamPath, Timestamp, TrackKind, Tracks};

use super::board::Board;
use super::order::Order;

/// A stream this young is carried from its first key frame: the destination was waiting for it and only had to connect.
const JUST_BEGUN: Duration = Duration::from_secs(5);

/// A reader of a stream, and what it has read that waits to be sent.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) subscriber: Subscriber,
    pub(super) waiting: Vec<Delivery>,
    pub(super) tracks: Tracks,
    /// Shared with the connection to the second address, where both are sent to.
    pub(super) epoch: Option<Epoch>,
}

/// A place in a stream: after so many frames of picture and sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) stream: StreamId,
    pub(super) frames: u64,
}

impl Point {
    /// Where a reader stands.
    pub(super) fn of(subscriber: &Subscriber) -> Self {
        Self { stream: subscriber.stream_id(), frames: subscriber.frames_before() }
    }

    /// Where a reader would begin that connects now.
    pub(super) fn to_begin(stream: &StreamSnapshot) -> Self {
        let whole = stream.uptime <= JUST_BEGUN;
        Self { stream: stream.id, frames: if whole { 0 } else { stream.frames } }
    }

    /// The end of what there is.
    pub(super) const fn end_of(stream: &StreamSnapshot) -> Self {
        Self { stream: stream.id, frames: stream.frames }
    }
}

/// The moment of a stream that is 0 for both connections of a destination: a service that is sent to twice compares times.
#[derive(Debug, Clone, Default)]
pub(super) struct Epoch(Arc<Mutex<Option<(StreamId, Timestamp)>>>);

impl Epoch {
    /// The moment, if a connection has begun to carry this stream.
    pub(super) fn zero(&self, stream: StreamId) -> Option<Timestamp> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .filter(|(known, _)| *known == stream)
            .map(|(_, zero)| zero)
    }

    /// A connection has begun to carry this stream; the first one counts.
    pub(super) fn begins(&self, stream: StreamId, zero: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none_or(|(known, _)| known != stream) {
            *kept = Some((stream, zero));
        }
    }
}

impl Reading {
    /// A reader of the stream that begins at the newest key frame, or at the first of a stream that has only just begun:
    /// connecting must not cost its beginning. What nobody has read since the connection before is written down. `None` when
    /// there is no such stream any more. `protocol` is what people read.
    pub(super) fn of(
        hub: &Hub,
        path: &StreamPath,
        order: &Order,
        board: &Board,
        protocol: &'static str,
    ) -> Option<Self> {
        let origin = Origin { agent: Some(order.config.name.clone()), ..Origin::internal(protocol) };
        let session = hub.stream(path).map(|stream| stream.session);
        let start = session.filter(|session| *session <= JUST_BEGUN).map_or(Start::NewestKey, Start::Back);
        let options = SubscribeOptions { start, wait: Some(Duration::ZERO), ..SubscribeOptions::destination(origin) };
        let subscriber = hub.subscribe(path, options).ok()?;
        let missed = board.reads(Point::of(&subscriber));
        if missed > 0 {
            tracing::info!(destination = order.config.id, stream = %path, frames = missed, "missed without a connection");
        }
        Some(Self { subscriber, waiting: Vec::new(), tracks: Tracks::default(), epoch: None })
    }

    /// Where in the stream the reader stands: before what it has read and not sent.
    pub(super) fn point(&self) -> Point {
        let waits = |delivery: &&Delivery| matches!(delivery, Delivery::Frame { frame, .. } if frame.track.kind != TrackKind::Data);
        let Point { stream, frames } = Point::of(&self.subscriber);
        Point { stream, frames: frames.saturating_sub(self.waiting.iter().filter(waits).count() as u64) }
    }

    /// Where, in what waits, the next connection can take over: at a key frame of the first video track, or without video
    /// at any frame.
    pub(super) fn key_frame(&self) -> Option<usize> {
        let lead = self.tracks.iter().map(|track| track.id).find(|id| id.kind == TrackKind::Video);
        let begins = |frame: &Frame| lead.is_none_or(|lead| frame.track == lead) && frame.is_key();
        self.waiting.iter().position(|delivery| matches!(delivery, Delivery::Frame { frame, .. } if begins(frame)))
    }
}
