//! The codecs and what Weir knows of each. One folder a codec: configuration record, key-frame test, dimensions.
//!
//! Containers and protocols look a codec's ids up here; they list no codecs of their own.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod bits;
mod color;
mod describe;
mod error;
pub mod flac;
pub mod h264;
pub mod h265;
pub mod h266;
mod id;
pub mod mp3;
pub mod nal;
pub mod opus;
mod string;
pub mod vp9;

use std::fmt;

use crate::FourCc;

pub use describe::{audio_info, video_info};
pub use error::Error;
pub use string::codec_string;

/// A codec. One that Weir cannot look into is still carried from protocol to protocol, named by where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 / AVC, ITU-T H.264.
    H264,
    /// H.265 / HEVC, ITU-T H.265.
    H265,
    /// H.266 / VVC, carried.
    H266,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AAC, ISO/IEC 14496-3.
    Aac,
    /// MPEG-1/2 layer 3.
    Mp3,
    /// MPEG-1/2 layer 2 (and 1).
    Mp2,
    /// Opus, RFC 6716.
    Opus,
    /// FLAC, RFC 9639.
    Flac,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
    /// AMF0 data messages (RTMP data, FLV script data).
    Script,
    /// A legacy FLV video codec by its `CodecID` (FLV 10.1, E.4.3.1).
    FlvVideo(u8),
    /// A legacy FLV audio format by its `SoundFormat` (FLV 10.1, E.4.2.1); the track's configuration is the tag's first byte.
    FlvAudio(u8),
    /// An elementary stream of MPEG-TS by its `stream_type` (ISO/IEC 13818-1, table 2-34), carried as it is.
    TsStreamType(u8),
    /// A codec named by a four-character code that Weir does not know.
    FourCc(FourCc),
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::H266 => "H.266",
            Self::Av1 => "AV1",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Aac => "AAC",
            Self::Mp3 => "MP3",
            Self::Mp2 => "MP2",
            Self::Opus => "Opus",
            Self::Flac => "FLAC",
            Self::Ac3 => "AC-3",
            Self::Eac3 => "E-AC-3",
            Self::Script => "data",
            Self::FlvVideo(id) => return write!(f, "FLV video codec {id}"),
            Self::FlvAudio(id) => return write!(f, "FLV audio format {id}"),
            Self::TsStreamType(id) => return write!(f, "MPEG-TS stream type {id:#04x}"),
            Self::FourCc(code) => return write!(f, "{code}"),
        };
        f.write_str(name)
    }
}
