//! The unit that RTMP sends and a file stores: a kind and a body.

use bytes::Bytes;
use weir_media::TrackKind;

/// What a message carries; RTMP message types and FLV tag types have the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// 8.
    Audio,
    /// 9.
    Video,
    /// 18: AMF0 data.
    Data,
}

impl MessageKind {
    /// From an RTMP message type or FLV tag type; `None` for any other.
    pub const fn from_type_id(id: u8) -> Option<Self> {
        match id {
            8 => Some(Self::Audio),
            9 => Some(Self::Video),
            18 => Some(Self::Data),
            _ => None,
        }
    }

    /// As RTMP message type and FLV tag type.
    pub const fn type_id(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Data => 18,
        }
    }
}

impl From<TrackKind> for MessageKind {
    fn from(kind: TrackKind) -> Self {
        match kind {
            TrackKind::Audio => Self::Audio,
            TrackKind::Video => Self::Video,
            TrackKind::Data => Self::Data,
        }
    }
}

/// A message without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it carries.
    pub kind: MessageKind,
    /// The tag body.
    pub body: Bytes,
}
