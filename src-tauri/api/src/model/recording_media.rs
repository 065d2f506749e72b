//! A recording as a browser plays it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_engine::recording;

use super::time::rounded;

/// Which tracks are played: browsers take one of a kind.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordingChoice {
    /// Number of the video track, or `none`. Default 0.
    #[param(example = "0")]
    pub video: Option<String>,
    /// Number of the audio track, or `none`: for sound that a browser cannot decode. Default 0.
    #[param(example = "none")]
    pub audio: Option<String>,
}

impl RecordingChoice {
    /// `None` when a number cannot be read.
    pub(crate) fn read(&self) -> Option<recording::Choice> {
        let number = |text: &Option<String>| match text.as_deref() {
            None => Some(Some(0)),
            Some("none") => Some(None),
            Some(text) => text.parse().ok().map(Some),
        };
        Some(recording::Choice { video: number(&self.video)?, audio: number(&self.audio)? })
    }
}

/// How a recording is played through `MediaSource`: FLV and MP4 alike come as fragmented MP4, not re-encoded.
///
/// Append the initialization segment of a fragment (again where the number changes), then fragments one after the other. To
/// seek, begin at the last fragment at or before the time that `is_key`. Times in the segments are those given here: the first
/// picture is at 0.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordingMedia {
    /// Seconds of media.
    pub duration_seconds: f64,
    /// The file is still written: ask again for further fragments. Those listed stay as they are.
    pub is_growing: bool,
    /// Initialization segments: one, or several where a track changes in the middle.
    pub initializations: Vec<RecordingInitialization>,
    /// Media segments of a few seconds, in the order of time. Each is below 64 MB.
    pub fragments: Vec<RecordingFragment>,
    /// Places to jump to, in the order of time: where something is missing, or what the maker of an MP4 file marked.
    pub chapters: Vec<RecordingChapter>,
}

/// A place in a recording.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingChapter {
    /// Where, seconds.
    pub start_seconds: f64,
    /// What is there, as the file has it.
    #[schema(example = "2.0 s missing: the encoder was away")]
    pub title: String,
    /// Something is missing from here on; null at any other place.
    pub gap: Option<RecordingGap>,
}

/// Something that is missing in a recording. Time goes on over it: the picture stands still meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingGap {
    /// How much, seconds.
    pub missing_seconds: f64,
    /// Why.
    pub cause: RecordingGapCause,
}

/// Why something is missing in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingGapCause {
    /// The encoder was away.
    EncoderAway,
    /// The disk was slower than the stream.
    DiskSlow,
}

impl From<&recording::Gap> for RecordingGap {
    fn from(gap: &recording::Gap) -> Self {
        let cause = match gap.cause {
            recording::GapCause::EncoderAway => RecordingGapCause::EncoderAway,
            recording::GapCause::DiskSlow => RecordingGapCause::DiskSlow,
        };
        Self { missing_seconds: gap.missing_millis as f64 / 1000.0, cause }
    }
}

/// One initialization segment: `GET /api/v1/recordings/{id}/media/init/{number}`, numbers from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingInitialization {
    /// For `MediaSource.isTypeSupported` and `addSourceBuffer`.
    #[schema(example = "video/mp4; codecs=\"avc1.64001F,mp4a.40.2\"")]
    pub mime_type: String,
}

/// One media segment: `GET /api/v1/recordings/{id}/media/fragment/{number}`, numbers from 0.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingFragment {
    /// When it begins, seconds.
    pub start_seconds: f64,
    /// When the next one begins, seconds.
    pub end_seconds: f64,
    /// Bytes, nearly.
    pub size_bytes: u64,
    /// It begins with a key frame: playing can begin here.
    pub is_key: bool,
    /// Number of the initialization segment it needs.
    pub initialization: usize,
}

impl RecordingMedia {
    pub(crate) fn new(film: &recording::Film, plan: &recording::FilmPlan) -> Self {
        let initialization =
            |it: &recording::Initialization| RecordingInitialization { mime_type: it.mime_type.clone() };
        let fragment = |it: &recording::Fragment| RecordingFragment {
            start_seconds: rounded(it.start),
            end_seconds: rounded(it.end),
            size_bytes: it.bytes,
            is_key: it.is_key,
            initialization: it.initialization,
        };
        let chapter = |it: &recording::Chapter| RecordingChapter {
            start_seconds: it.at_millis as f64 / 1000.0,
            title: it.title.clone(),
            gap: it.gap.as_ref().map(RecordingGap::from),
        };
        Self {
            duration_seconds: rounded(film.seconds()),
            is_growing: film.is_growing(),
            initializations: plan.initializations.iter().map(initialization).collect(),
            fragments: plan.fragments.iter().map(fragment).collect(),
            chapters: film.chapters().iter().map(chapter).collect(),
        }
    }
}

/// The first picture of a recording, for WebCodecs: one `EncodedVideoChunk` of type `key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingPicture {
    /// `VideoDecoderConfig.codec`.
    #[schema(example = "avc1.64001F")]
    pub codec: String,
    /// `VideoDecoderConfig.codedWidth`; null where the file does not tell.
    pub width: Option<u32>,
    /// `VideoDecoderConfig.codedHeight`; null where the file does not tell.
    pub height: Option<u32>,
    /// `VideoDecoderConfig.description` (avcC, hvcC, av1C) in base64; null where the codec needs none.
    pub description: Option<String>,
    /// The chunk's data in base64.
    pub data: String,
}
