//! One elementary stream of a stream.

use serde::Serialize;
use utoipa::ToSchema;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Metadata, captions, cue points.
    Data,
}

/// One elementary stream. A field is null where the stream does not tell.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Track {
    /// What it carries.
    pub kind: TrackKind,
    /// Number among its kind, 0 is the default track.
    pub index: u8,
    /// Codec as people write it.
    #[schema(example = "H.264")]
    pub codec: String,
    /// Profile as people write it.
    #[schema(example = "High")]
    pub profile: Option<String>,
    /// Level as people write it.
    #[schema(example = "4.1")]
    pub level: Option<String>,
    /// Picture width in pixels.
    pub width: Option<u32>,
    /// Picture height in pixels.
    pub height: Option<u32>,
    /// Frames a second: measured, or what the stream declares until there is a measurement.
    pub fps: Option<f64>,
    /// Bits a sample of a picture.
    pub bit_depth: Option<u8>,
    /// High dynamic range (PQ or HLG); null for anything but video.
    pub hdr: Option<bool>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Sound channels.
    pub channels: Option<u8>,
    /// Language, RFC 5646.
    pub language: Option<String>,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// Frames received.
    pub frames: u64,
}
