//! One elementary stream of a stream.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rounded;

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
    /// Codec as browsers write it (RFC 6381); null where it has no such name.
    #[schema(example = "avc1.64002A")]
    pub codec_string: Option<String>,
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

impl From<&weir_hub::TrackSnapshot> for Track {
    fn from(snapshot: &weir_hub::TrackSnapshot) -> Self {
        let track = &snapshot.track;
        let (video, audio) = (track.video.as_ref(), track.audio.as_ref());
        let kind = match track.id.kind {
            weir_media::TrackKind::Video => TrackKind::Video,
            weir_media::TrackKind::Audio => TrackKind::Audio,
            weir_media::TrackKind::Data => TrackKind::Data,
        };
        let measured = (snapshot.frame_rate > 0.0).then_some(snapshot.frame_rate);
        let declared = video.and_then(|video| video.frame_rate);
        let profile = video.and_then(|video| video.profile.clone());
        Self {
            kind,
            index: track.id.index,
            codec: track.codec.to_string(),
            codec_string: weir_media::codec::codec_string(track),
            profile: profile.or_else(|| audio.and_then(|audio| audio.profile.clone())),
            level: video.and_then(|video| video.level.clone()),
            width: video.and_then(|video| video.width),
            height: video.and_then(|video| video.height),
            fps: measured.or(declared).filter(|_| kind == TrackKind::Video).map(rounded),
            bit_depth: video.and_then(|video| video.bit_depth),
            hdr: video.map(|video| video.hdr),
            sample_rate: audio.and_then(|audio| audio.sample_rate),
            channels: audio.and_then(|audio| audio.channels),
            language: track.language.clone(),
            bitrate: snapshot.bitrate,
            frames: snapshot.frames,
        }
    }
}
