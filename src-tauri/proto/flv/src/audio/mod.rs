//! The body of an audio tag or RTMP audio message (FLV 10.1, E.4.2; Enhanced RTMP v2, "ExAudioTagHeader").

mod parse;
mod sound;
mod write;

use bytes::Bytes;
use weir_media::Codec;

use crate::ex::{Layout, Types};

pub(crate) use sound::{legacy_flags, legacy_info};

pub(crate) const TYPES: Types = Types { multitrack: 5, mod_ex: 7 };
/// `SoundFormat` 9 in the high nibble: an extended header follows.
pub(crate) const EX_HEADER: u8 = 0x90;
pub(crate) const MULTICHANNEL_CONFIG: u8 = 4;
/// What stands before AAC data: 44.1 kHz, 16 bit, stereo, whatever the truth (FLV 10.1, E.4.2.1).
pub(crate) const AAC_FLAGS: u8 = 0xAF;

/// The body of an audio tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTag {
    /// Nanoseconds to add to the presentation time, below a million (`TimestampOffsetNano`); 0 where not given.
    pub offset_nanos: u32,
    /// What it holds.
    pub body: AudioBody,
}

/// What an audio tag holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioBody {
    /// Nothing: silence, or a flush, or cut too short. Not an error.
    Empty,
    /// A legacy packet of the default track.
    Legacy {
        /// The first byte: `SoundFormat`, rate, size and channels. For AAC the last three mean nothing.
        flags: u8,
        /// The packet.
        packet: AudioPacket,
    },
    /// Enhanced RTMP: packets of one or more tracks, all of the same type.
    Packets {
        /// How they are laid out; never legacy.
        layout: Layout,
        /// At least one.
        packets: Vec<AudioPacket>,
    },
}

/// What an audio tag holds for one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioPacket {
    /// The track's number; 0 is the default track.
    pub track: u8,
    /// The codec.
    pub codec: Codec,
    /// The packet.
    pub payload: AudioPayload,
}

/// A packet of an audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioPayload {
    /// The codec's configuration record; may be empty.
    SequenceStart(Bytes),
    /// A coded frame.
    Frame(Bytes),
    /// The track ends.
    SequenceEnd,
    /// The layout of channels (Enhanced RTMP v2, "MultichannelConfig"), as it stands in the tag.
    MultichannelConfig(Bytes),
    /// A packet of a type that is not known.
    Other {
        /// Its number.
        packet_type: u8,
        /// What came with it.
        data: Bytes,
    },
}
