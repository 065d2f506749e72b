//! The picture of a live stream for our own page: an ordinary reader of the hub, put into messages a web view can decode.
//!
//! Nothing is encoded again. A page that has WebCodecs gets the ring's own access units ([`Mode::Frames`]); one that has
//! only Media Source Extensions (a phone over plain HTTP is no secure context), or that wants sound, gets the same as MP4
//! fragments ([`Mode::Segments`]). Without a page that looks there is no reader, and so no cost.

mod frames;
mod message;
mod segments;

use std::collections::VecDeque;

use bytes::Bytes;
use weir_hub::{Delivery, Hub, Origin, SubscribeError, SubscribeOptions, Subscriber};
use weir_media::{Frame, StreamPath, Track, TrackId, Tracks};

use self::frames::Frames;
pub use self::message::{CONFIG, NOTICE, SEGMENT, UNIT};
use self::segments::Segments;

/// Characters of an unknown name that are repeated to who asked.
const LONGEST_NAME: usize = 80;

/// What a page can decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Access units, for WebCodecs. Video only.
    #[default]
    Frames,
    /// MP4 fragments as short as can be, for Media Source Extensions.
    Segments,
}

/// How a page wants its preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// What it can decode.
    pub mode: Mode,
    /// With sound; only fragments carry it.
    pub audio: bool,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such stream.
    #[error("there is no stream {0}")]
    NoStream(String),
    /// The hub takes no more readers.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
}

/// One page that watches one stream.
#[derive(Debug)]
pub struct Preview {
    subscriber: Subscriber,
    writer: Writer,
    ready: VecDeque<Bytes>,
    batch: Vec<Delivery>,
    over: bool,
}

#[derive(Debug)]
enum Writer {
    Frames(Frames),
    Segments(Segments),
}

impl Preview {
    /// Begins at the newest key frame of the stream called `name`, which must exist; waits when it is not live.
    pub fn open(hub: &Hub, name: &str, options: Options) -> Result<Self, OpenError> {
        let unknown = || OpenError::NoStream(name.chars().take(LONGEST_NAME).collect());
        let path = &StreamPath::parse(name).map_err(|_| unknown())?;
        if hub.stream(path).is_none() {
            return Err(unknown());
        }
        Self::read(hub, path, SubscribeOptions::preview(Origin::internal("preview")), options)
    }

    /// Likewise for somebody who is no page of ours, and counts as a player as `origin`.
    pub fn watch(hub: &Hub, path: &StreamPath, origin: Origin, options: Options) -> Result<Self, OpenError> {
        Self::read(hub, path, SubscribeOptions::player(origin), options)
    }

    fn read(hub: &Hub, path: &StreamPath, reader: SubscribeOptions, options: Options) -> Result<Self, OpenError> {
        let subscriber = hub.subscribe(path, reader)?;
        let writer = match options.mode {
            Mode::Frames => Writer::Frames(Frames::default()),
            Mode::Segments => Writer::Segments(Segments::new(options.audio)),
        };
        Ok(Self { subscriber, writer, ready: VecDeque::new(), batch: Vec::new(), over: false })
    }

    /// The next message; `None` after the one that says the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.subscriber.count_sent(message.len() as u64);
                return Some(message);
            }
            if self.over {
                return None;
            }
            self.subscriber.recv_batch(&mut self.batch).await;
            for delivery in self.batch.drain(..) {
                match delivery {
                    Delivery::Tracks(tracks) => self.writer.tracks(&tracks, &mut self.ready),
                    Delivery::Frame { frame, .. } => self.writer.frame(&frame, &mut self.ready),
                    Delivery::Gap { .. } => self.ready.push_back(message::notice("gap", None)),
                    Delivery::Skipped { .. } => self.ready.push_back(message::notice("skipped", None)),
                    Delivery::Ended(reason) => {
                        self.over = true;
                        self.ready.push_back(message::notice("ended", Some(reason.code())));
                    }
                }
            }
        }
    }
}

impl Writer {
    fn tracks(&mut self, tracks: &Tracks, ready: &mut VecDeque<Bytes>) {
        match self {
            Self::Frames(frames) => frames.tracks(tracks, ready),
            Self::Segments(segments) => segments.tracks(tracks, ready),
        }
    }

    fn frame(&mut self, frame: &Frame, ready: &mut VecDeque<Bytes>) {
        match self {
            Self::Frames(frames) => frames.frame(frame, ready),
            Self::Segments(segments) => segments.frame(frame, ready),
        }
    }
}

/// The one video track that is shown.
fn shown(tracks: &Tracks) -> Option<&Track> {
    tracks.find(TrackId::VIDEO).map(AsRef::as_ref)
}
