//! From tracks and frames to messages.
//!
//! H.264, AAC, MP3 and what only legacy FLV can name go out in legacy form, which every server and player understands;
//! other codecs, and every track but the default one, in Enhanced RTMP form.

mod head;
mod headers;
mod metadata;

use bytes::{BufMut, Bytes, BytesMut};
#[cfg(doc)]
use weir_media::Timestamp;
use weir_media::{Frame, Track};

use crate::{Error, MessageKind};

pub use head::Head;
pub use headers::{changes, end, headers, start};
pub use metadata::metadata;
pub(crate) use metadata::{described, encode_metadata};

/// A frame as a message: the few bytes that FLV puts before it, and its data as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The kind of message.
    pub kind: MessageKind,
    /// What comes first.
    pub head: Head,
    /// The frame's data, shared.
    pub payload: Bytes,
}

impl Tag {
    /// Bytes of the whole body.
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body in one piece; copies.
    pub fn body(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.len());
        out.put_slice(&self.head);
        out.put_slice(&self.payload);
        out.freeze()
    }
}

/// The message of a frame. Its time is `frame.dts` in milliseconds; the composition time is counted from there.
///
/// Fails for a codec that FLV cannot name ([`Error::NotCarried`]) and for a frame longer than a tag ([`Error::TagTooLong`]).
pub fn frame(track: &Track, frame: &Frame) -> Result<Tag, Error> {
    tag_at(track, frame, frame.dts.as_millis())
}

/// The message of a frame for a peer that understands nanosecond offsets (Enhanced RTMP v2, `TimestampOffsetNano`): the
/// presentation time is exact. The message's time is `frame.dts` rounded *down* to milliseconds
/// ([`Timestamp::floor_to_millis`]), since offsets only add.
pub fn exact_frame(track: &Track, frame: &Frame) -> Result<Tag, Error> {
    let shown = frame.pts.floor_to_millis();
    let nanos = u32::try_from((frame.pts - shown).as_nanos()).unwrap_or(0);
    let composition = shown.as_millis().saturating_sub(frame.dts.floor_to_millis().as_millis());
    tag(track, frame, composition, nanos)
}

/// The message of a frame that goes out with another time than its own: the picture is still shown when it should be.
pub fn tag_at(track: &Track, frame: &Frame, millis: i64) -> Result<Tag, Error> {
    // The difference of the rounded times, not the rounded difference: so the presentation time is right to the millisecond.
    tag(track, frame, frame.pts.as_millis().saturating_sub(millis), 0)
}

fn tag(track: &Track, frame: &Frame, composition_millis: i64, nanos: u32) -> Result<Tag, Error> {
    /// Largest body of a tag: its length has 24 bits, and so has that of an RTMP message.
    const MAX_BODY: usize = 0xFF_FFFF;
    let composition = composition_millis.clamp(-0x80_0000, 0x7F_FFFF) as i32;
    let tag = Tag {
        kind: frame.track.kind.into(),
        head: head::of_frame(track, frame.kind, composition, nanos)?,
        payload: frame.data.clone(),
    };
    if tag.len() > MAX_BODY {
        return Err(Error::TagTooLong(tag.len()));
    }
    Ok(tag)
}
