//! The body of a video tag or RTMP video message (FLV 10.1, E.4.3; Enhanced RTMP v2, "ExVideoTagHeader").

mod parse;
mod write;

use bytes::Bytes;
use weir_media::{Codec, FrameKind};

use crate::ex::{Layout, Types};

pub(crate) use write::{i24, legacy_head};

pub(crate) const TYPES: Types = Types { multitrack: 6, mod_ex: 7 };
pub(crate) const IS_EX_HEADER: u8 = 0x80;
pub(crate) const CODED_FRAMES_X: u8 = 3;
pub(crate) const METADATA: u8 = 4;
pub(crate) const TS_SEQUENCE_START: u8 = 5;

/// What the first byte says of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameType {
    /// 1: a key frame.
    Key,
    /// 2: a frame that needs others.
    Inter,
    /// 3: a frame that needs others and that none needs.
    Disposable,
    /// 4: a key frame made by a server.
    GeneratedKey,
    /// 5: no frame but a command.
    Command,
    /// Anything else, by its number; OBS sends 0 with colour metadata.
    Other(u8),
}

impl FrameType {
    /// From three bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            1 => Self::Key,
            2 => Self::Inter,
            3 => Self::Disposable,
            4 => Self::GeneratedKey,
            5 => Self::Command,
            other => Self::Other(other),
        }
    }

    /// As three bits.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Inter => 2,
            Self::Disposable => 3,
            Self::GeneratedKey => 4,
            Self::Command => 5,
            Self::Other(other) => other & 7,
        }
    }

    /// For a frame of `codec`. Only Sorenson H.263 has disposable frames by the specification, and strict servers know it.
    pub(crate) const fn of(codec: Codec, kind: FrameKind) -> Self {
        match (kind, codec) {
            (FrameKind::Key, _) => Self::Key,
            (FrameKind::Disposable, Codec::FlvVideo(2)) => Self::Disposable,
            (FrameKind::Delta | FrameKind::Disposable, _) => Self::Inter,
        }
    }

    /// What it claims about a frame.
    pub const fn frame_kind(self) -> FrameKind {
        match self {
            Self::Key | Self::GeneratedKey => FrameKind::Key,
            Self::Disposable => FrameKind::Disposable,
            Self::Inter | Self::Command | Self::Other(_) => FrameKind::Delta,
        }
    }
}

/// The body of a video tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTag {
    /// What the first byte says of the frame.
    pub frame_type: FrameType,
    /// Nanoseconds to add to the presentation time, below a million (`TimestampOffsetNano`); 0 where not given.
    pub offset_nanos: u32,
    /// What it holds.
    pub body: VideoBody,
}

/// What a video tag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoBody {
    /// Nothing: the message is empty, or too short to hold a frame. Some encoders send these; they mean nothing.
    Empty,
    /// A command: 0 start of seek, 1 end of seek.
    Command(u8),
    /// Packets of one or more tracks, all of the same type.
    Packets {
        /// How they are laid out.
        layout: Layout,
        /// At least one.
        packets: Vec<VideoPacket>,
    },
}

/// What a video tag holds for one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPacket {
    /// The track's number; 0 is the default track.
    pub track: u8,
    /// The codec.
    pub codec: Codec,
    /// The packet.
    pub payload: VideoPayload,
}

/// A packet of a video track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoPayload {
    /// The codec's configuration record.
    SequenceStart(Bytes),
    /// A coded frame.
    Frame {
        /// Presentation time less decoding time in milliseconds; `None` where the form has no field for it, which means 0.
        composition_millis: Option<i32>,
        /// The frame as the codec frames it.
        data: Bytes,
    },
    /// The track ends.
    SequenceEnd,
    /// Colour and mastering data: an AMF0 string `colorInfo` and an object.
    Metadata(Bytes),
    /// An AV1 descriptor of MPEG-2 TS in place of a configuration record.
    TsSequenceStart(Bytes),
    /// A packet of a type that is not known.
    Other {
        /// Its number.
        packet_type: u8,
        /// What came with it.
        data: Bytes,
    },
}
