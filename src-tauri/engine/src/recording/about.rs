//! What a recording's file tells of itself.

use serde::{Deserialize, Serialize};
use weir_media::codec::codec_string;
use weir_media::{Track, TrackKind};

use super::failure::{Failure, FailureCode};
use super::film::Head;
use super::index::EntryState;

/// What a file tells: kept in the index, so that it is read once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct About {
    /// Whether it is whole.
    pub state: EntryState,
    /// Why it stays as it is though it is not whole: a repair has been tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
    /// Its length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// The stream that it was made of, `app/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// When it began, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// Pictures first, then sound.
    #[serde(default)]
    pub tracks: Vec<FileTrack>,
    /// It has a first picture that a web view can be asked to draw.
    #[serde(default)]
    pub has_picture: bool,
}

/// What stood in the way of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Nothing in the file is whole.
    NothingWhole,
    /// Another program wrote it.
    Foreign,
    /// The disk refused; another time it may not.
    NotRepaired,
}

impl Flaw {
    /// Whether a repair can never help.
    pub(super) const fn is_final(self) -> bool {
        !matches!(self, Self::NotRepaired)
    }
}

/// One track of a file. A field is `None` where the file does not tell.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileTrack {
    /// Pictures, not sound.
    pub is_video: bool,
    /// Number among its kind.
    pub index: u8,
    /// Codec as people write it.
    pub codec: String,
    /// Codec as browsers write it (RFC 6381).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec_string: Option<String>,
    /// Profile as people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Level as people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Picture width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Picture height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Frames a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// Bits a sample of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    /// PQ or HLG.
    pub hdr: bool,
    /// Samples a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Sound channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Language, RFC 5646 or ISO 639-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl About {
    pub(super) fn of(head: &Head) -> Self {
        Self {
            stream: head.stream.clone(),
            started_ms: head.started_ms,
            tracks: head.tracks.iter().map(FileTrack::from).collect(),
            has_picture: head.picture.is_some(),
            ..Self::default()
        }
    }

    /// The same after a repair was tried in vain.
    pub(super) fn with_flaw(&self, flaw: Flaw) -> Self {
        let state = if flaw == Flaw::NothingWhole { EntryState::Damaged } else { self.state };
        Self { state, flaw: Some(flaw), ..self.clone() }
    }

    /// What is wrong with the file, in words.
    pub fn fault(&self) -> Option<Failure> {
        let (code, message, hint) = match (self.flaw, self.state) {
            (Some(Flaw::NothingWhole), _) => (
                FailureCode::NothingWhole,
                "It was cut off before anything in it was whole.",
                "Delete it, or keep it for a closer look; it is left as it is.",
            ),
            (Some(Flaw::Foreign), _) => (
                FailureCode::Foreign,
                "It was never closed, and another program wrote it: Weir repairs its own files only.",
                "It plays as far as it goes; make an MP4 of it, or repair it with the program that wrote it.",
            ),
            (Some(Flaw::NotRepaired), _) => (
                FailureCode::NotRepaired,
                "It was cut off, and the disk let nobody repair it.",
                "Free some space and see that Weir may write there, then repair it.",
            ),
            (None, EntryState::Damaged) => (
                FailureCode::Unreadable,
                "It cannot be read as what its name says.",
                "Play it with another program to see what is in it.",
            ),
            (None, _) => return None,
        };
        Some(Failure { code, message: message.to_owned(), hint: hint.to_owned() })
    }
}

impl From<&Track> for FileTrack {
    fn from(track: &Track) -> Self {
        let (video, audio) = (track.video.clone().unwrap_or_default(), track.audio.clone().unwrap_or_default());
        Self {
            is_video: track.id.kind == TrackKind::Video,
            index: track.id.index,
            codec: track.codec.to_string(),
            codec_string: codec_string(track),
            profile: video.profile.or(audio.profile),
            level: video.level,
            width: video.width,
            height: video.height,
            frame_rate: video.frame_rate,
            bit_depth: video.bit_depth,
            hdr: video.hdr,
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            language: track.language.clone(),
        }
    }
}
