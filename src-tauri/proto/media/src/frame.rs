//! One access unit, audio frame or data message.

use bytes::Bytes;

use crate::{Timestamp, TrackId};

/// What a reader may do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A point where decoding can begin. Every audio frame and data message is one.
    Key,
    /// Needs the frames before it.
    Delta,
    /// Needs the frames before it, and nothing needs it: the first to go when a reader falls behind.
    Disposable,
}

/// One access unit, audio frame or data message of a track, in canonical form.
///
/// H.264 and H.265 are length-prefixed with 4 bytes and their parameter sets are in the track's configuration; those that an
/// encoder repeats inside a frame stay there, so that its bytes arrive as it sent them. AAC is raw; AV1 is OBUs without
/// temporal delimiters; data is an AMF0 message (name and values, without `@setDataFrame`). Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackId,
    /// Decoding time: never runs back within a track of a stream.
    pub dts: Timestamp,
    /// Presentation time; equal to `dts` for audio and data. May lie before `dts` when the encoder says so.
    pub pts: Timestamp,
    /// What a reader may do with it.
    pub kind: FrameKind,
    /// The payload in canonical form.
    pub data: Bytes,
}

impl Frame {
    /// Whether decoding of video can begin here.
    pub fn is_key(&self) -> bool {
        self.kind == FrameKind::Key
    }
}
