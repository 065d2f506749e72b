//! Audio, video and data messages: the stream itself. Their bodies are FLV tag bodies, which are not read here.

use bytes::Bytes;

use super::kind;

/// What a media message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// An FLV audio tag body.
    Audio,
    /// An FLV video tag body.
    Video,
    /// AMF0 values: `onMetaData`, captions, cue points; `@setDataFrame` still in front if the peer put it there.
    Data,
}

impl MediaKind {
    /// The message type we write it as.
    pub const fn type_id(self) -> u8 {
        match self {
            Self::Audio => kind::AUDIO,
            Self::Video => kind::VIDEO,
            Self::Data => kind::DATA,
        }
    }

    /// The chunk stream we write it on.
    pub const fn csid(self) -> u32 {
        match self {
            Self::Audio => crate::chunk::csid::AUDIO,
            Self::Video => crate::chunk::csid::VIDEO,
            Self::Data => crate::chunk::csid::DATA,
        }
    }

    const fn from_type_id(type_id: u8) -> Option<Self> {
        match type_id {
            kind::AUDIO => Some(Self::Audio),
            kind::VIDEO => Some(Self::Video),
            kind::DATA | kind::DATA_AMF3 => Some(Self::Data),
            _ => None,
        }
    }
}

/// One audio, video or data message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaMessage {
    /// The message stream it came on.
    pub stream_id: u32,
    /// What it carries.
    pub kind: MediaKind,
    /// Milliseconds, modulo 2^32; see [`crate::Unwrapper`].
    pub timestamp: u32,
    /// The body; may be empty.
    pub payload: Bytes,
}

impl MediaMessage {
    /// A media message of a message type or FLV tag type; `None` if the type carries no media.
    pub fn new(stream_id: u32, timestamp: u32, type_id: u8, payload: Bytes) -> Option<Self> {
        let kind = MediaKind::from_type_id(type_id)?;
        let payload = if type_id == kind::DATA_AMF3 { amf0_body(payload) } else { payload };
        Some(Self { stream_id, kind, timestamp, payload })
    }
}

/// The AMF0 values of a message of an AMF3 type: they follow one zero byte, which old code leaves out.
pub fn amf0_body(mut payload: Bytes) -> Bytes {
    // A zero would otherwise mark a number, and neither a command nor a data message begins with one.
    if payload.first() == Some(&0) {
        let _ = payload.split_to(1);
    }
    payload
}
