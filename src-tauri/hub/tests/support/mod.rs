//! What tests of the hub share: one path, and a publisher of pictures.

use bytes::Bytes;
use weir_hub::{Hub, Origin, Publisher};
use weir_media::{Codec, Frame, FrameKind, StreamPath, Timestamp, Track, TrackId, Tracks};

pub(crate) fn path() -> StreamPath {
    StreamPath::parse("live/show").unwrap()
}

pub(crate) fn publish(hub: &Hub) -> Publisher {
    let mut publisher = hub.publish(&path(), Origin::internal("test")).unwrap();
    publisher.set_tracks(&Tracks::default().with(Track::new(TrackId::VIDEO, Codec::H264))).unwrap();
    publisher
}

/// A picture, a key frame each second.
pub(crate) fn picture(millis: i64, data: Bytes) -> Frame {
    let time = Timestamp::from_millis(millis);
    let kind = if millis % 1000 == 0 { FrameKind::Key } else { FrameKind::Delta };
    Frame { track: TrackId::VIDEO, dts: time, pts: time, kind, data }
}
