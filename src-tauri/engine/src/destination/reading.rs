//! A stream on its way to a server: who reads it, what has been read and not sent, and the tracks in force there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_hub::{Delivery, Hub, Origin, Start, StreamId, StreamSnapshot, SubscribeOptions, Subscriber};
use weir_media::{Frame, StreamPath, Timestamp, TrackKind, Tracks};

use super::board::Board;
use super::order::Order;

/// What a publisher sends that has come this lately is carried from its first key frame: the destination was waiting for it and
/// only had to connect.
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
    pub(super) fn to_begin(stream: &StreamSnapshot, board: &Board) -> Self {
        let beginning = Self { stream: stream.id, frames: stream.session_begin };
        if beginning.is_due(stream, board) { beginning } else { Self::end_of(stream) }
    }

    /// Whether a connection begins here, where the present publisher began: with the first connection, and soon after. A later
    /// one would send what the first one has sent.
    fn is_due(self, stream: &StreamSnapshot, board: &Board) -> bool {
        stream.session <= JUST_BEGUN && board.is_new(self)
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
    /// A reader of the stream that begins at the newest key frame; the first one, where the publisher has only just come, at its
    /// first key frame: connecting must not cost the beginning. What nobody has read since the connection before is written down.
    /// `None` when there is no such stream any more. `protocol` is what people read.
    pub(super) fn of(
        hub: &Hub,
        path: &StreamPath,
        order: &Order,
        board: &Board,
        protocol: &'static str,
    ) -> Option<Self> {
        let origin = Origin { agent: Some(order.config.name.clone()), ..Origin::internal(protocol) };
        let stream = hub.stream(path)?;
        let beginning = Point { stream: stream.id, frames: stream.session_begin };
        let start = if beginning.is_due(&stream, board) { Start::Session } else { Start::NewestKey };
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::advance;
    use weir_hub::{HubOptions, Publisher};
    use weir_media::{Codec, FrameKind, Track, TrackId};

    use super::super::config::Config;
    use super::super::network::Network;
    use super::*;
    use crate::event::Events;

    struct Rig {
        hub: Hub,
        path: StreamPath,
        order: Arc<Order>,
        board: Board,
    }

    impl Rig {
        fn new() -> Self {
            let order = Arc::new(Order::new(Config::new("a", "rtmp://h/app")));
            let board = Board::new(Arc::clone(&order), Events::default(), Network::default());
            let path = StreamPath::parse("live/show").unwrap();
            Self { hub: Hub::new(HubOptions::default()), path, order, board }
        }

        fn publish(&self) -> Publisher {
            let mut publisher = self.hub.publish(&self.path, Origin::internal("test")).unwrap();
            publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H264))).unwrap();
            publisher
        }

        fn connect(&self) -> Reading {
            Reading::of(&self.hub, &self.path, &self.order, &self.board, "test").unwrap()
        }
    }

    /// A key frame every second and one between, all at once: encoders send what has waited for the connection in a burst.
    fn burst(publisher: &mut Publisher, seconds: std::ops::Range<i64>) {
        for half in seconds.start * 2..seconds.end * 2 {
            let time = Timestamp::from_millis(half * 500);
            let kind = if half % 2 == 0 { FrameKind::Key } else { FrameKind::Delta };
            let data = Bytes::from(half.to_string());
            publisher.write(Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data }).unwrap();
        }
        publisher.flush();
    }

    /// What a connection gets that reads now.
    fn read(reading: &mut Reading) -> Vec<String> {
        while reading.subscriber.try_batch(&mut reading.waiting) {}
        let data = reading.waiting.drain(..).filter_map(|delivery| match delivery {
            Delivery::Frame { frame, .. } => Some(String::from_utf8(frame.data.to_vec()).unwrap()),
            _ => None,
        });
        data.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_connection_misses_nothing_and_the_next_one_sends_nothing_twice() {
        let rig = Rig::new();
        let mut publisher = rig.publish();
        burst(&mut publisher, 0..3);
        advance(Duration::from_secs(2)).await;
        let mut first = rig.connect();
        assert_eq!(read(&mut first), ["0", "1", "2", "3", "4", "5"]);
        rig.board.leaves(first.point());
        drop(first);
        burst(&mut publisher, 3..5);
        let again = read(&mut rig.connect());
        assert_eq!((again, rig.board.line().frames_missed), (vec!["8".to_owned(), "9".to_owned()], 2));
    }

    /// A server may take a connection and close it at once.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_before_anything_was_sent_counts_as_none() {
        let rig = Rig::new();
        let mut publisher = rig.publish();
        burst(&mut publisher, 0..3);
        let mut first = rig.connect();
        first.subscriber.try_batch(&mut first.waiting);
        rig.board.leaves(first.point());
        drop(first);
        assert_eq!((read(&mut rig.connect()).len(), rig.board.line().frames_missed), (6, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_publisher_that_returns_is_carried_from_its_first_key_frame() {
        let rig = Rig::new();
        let mut publisher = rig.publish();
        burst(&mut publisher, 0..3);
        let mut first = rig.connect();
        read(&mut first);
        rig.board.leaves(first.point());
        drop((first, publisher));
        advance(Duration::from_secs(3)).await;
        let mut publisher = rig.publish();
        burst(&mut publisher, 10..12);
        let stream = rig.hub.stream(&rig.path).unwrap();
        assert_eq!(Point::to_begin(&stream, &rig.board).frames, 6);
        assert_eq!(read(&mut rig.connect()), ["20", "21", "22", "23"]);
        assert_eq!(rig.board.line().frames_missed, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_long_to_connect_begins_where_the_stream_is() {
        let rig = Rig::new();
        let mut publisher = rig.publish();
        burst(&mut publisher, 0..3);
        advance(JUST_BEGUN + Duration::from_millis(1)).await;
        let stream = rig.hub.stream(&rig.path).unwrap();
        assert_eq!(Point::to_begin(&stream, &rig.board).frames, 6);
        assert_eq!(read(&mut rig.connect()), ["4", "5"]);
    }
}
