//! From tracks and frames to messages.
//!
//! H.264, AAC, MP3 and what only legacy FLV can name go out in legacy form, which every server and player understands;
//! other codecs, and every track but the default one, in Enhanced RTMP form.

mod head;
mod headers;
mod metadata;

use bytes::{BufMut, Bytes, BytesMut};
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

/// The message of a frame that goes out with another time than its own: the picture is still shown when it should be.
pub fn tag_at(track: &Track, frame: &Frame, millis: i64) -> Result<Tag, Error> {
    /// Largest body of a tag: its length has 24 bits, and so has that of an RTMP message.
    const MAX_BODY: usize = 0xFF_FFFF;
    // The difference of the rounded times, not the rounded difference: so the presentation time is right to the millisecond.
    let composition = frame.pts.as_millis().saturating_sub(millis).clamp(-0x80_0000, 0x7F_FFFF) as i32;
    let tag = Tag {
        kind: frame.track.kind.into(),
        head: head::of_frame(track, frame.kind, composition)?,
        payload: frame.data.clone(),
    };
    if tag.len() > MAX_BODY {
        return Err(Error::TagTooLong(tag.len()));
    }
    Ok(tag)
}
