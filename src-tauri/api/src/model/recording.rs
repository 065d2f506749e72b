//! Files that were or are being written.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_engine::recording;

use super::notice::word;
use super::time::{from_millis, rounded};
use super::{Notice, TrackKind};

/// Most recordings on one page.
const MAX_PAGE: usize = 1000;

/// Which recordings to list, and how.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordingQuery {
    /// Words that must all occur in the file's name, its stream or a codec; upper and lower case are the same.
    #[param(example = "show h.265")]
    search: String,
    /// Only recordings in this state.
    #[param(inline)]
    state: Option<RecordingState>,
    /// By what to order. Default `started`.
    #[param(inline)]
    sort: RecordingSort,
    /// In which direction. Default `desc`: newest, longest, largest first.
    #[param(inline)]
    order: Order,
    /// How many to leave out at the beginning. Default 0.
    offset: usize,
    /// How many to give at most, 1 to 1000. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: usize,
}

impl Default for RecordingQuery {
    fn default() -> Self {
        Self {
            search: String::new(),
            state: None,
            sort: RecordingSort::default(),
            order: Order::default(),
            offset: 0,
            limit: 100,
        }
    }
}

/// By what recordings are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingSort {
    /// When they began.
    #[default]
    Started,
    /// Their name.
    Name,
    /// How long they are.
    Duration,
    /// Their size.
    Size,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Small before large, old before new, A before Z.
    Asc,
    /// The reverse.
    #[default]
    Desc,
}

impl From<RecordingQuery> for recording::Query {
    fn from(query: RecordingQuery) -> Self {
        Self {
            search: query.search,
            // As `Recording::new` says of one: what failed is told before what its file looks like.
            failed: query.state.and_then(|state| match state {
                RecordingState::Unread | RecordingState::Recording => None,
                state => Some(state == RecordingState::Failed),
            }),
            state: query.state.and_then(|state| match state {
                RecordingState::Unread => Some(recording::EntryState::Unread),
                RecordingState::Recording => Some(recording::EntryState::Recording),
                RecordingState::Failed => None,
                RecordingState::Finished => Some(recording::EntryState::Complete),
                RecordingState::Repaired => Some(recording::EntryState::Repaired),
                RecordingState::Interrupted => Some(recording::EntryState::Interrupted),
                RecordingState::Damaged => Some(recording::EntryState::Damaged),
            }),
            sort: match query.sort {
                RecordingSort::Started => recording::Sort::Time,
                RecordingSort::Name => recording::Sort::Name,
                RecordingSort::Duration => recording::Sort::Duration,
                RecordingSort::Size => recording::Sort::Size,
            },
            ascending: query.order == Order::Asc,
            offset: query.offset,
            limit: query.limit.clamp(1, MAX_PAGE),
        }
    }
}

/// The recordings folder and a page of what is in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordingList {
    /// The folder.
    pub folder: RecordingFolder,
    /// The page, in the order asked for.
    pub recordings: Vec<Recording>,
    /// How many fit the search, on all pages.
    pub matched: usize,
    /// Bytes of all that fit the search.
    pub matched_bytes: u64,
    /// How many recordings there are in the folder.
    pub total: usize,
    /// Bytes of all recordings in the folder.
    pub total_bytes: u64,
    /// Some files are new and not looked at yet (`unread`): a `changed` event tells when they are.
    pub is_partial: bool,
}

/// The recordings folder.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingFolder {
    /// Full path on the computer that runs the engine.
    #[schema(example = "/home/me/Videos/Weir")]
    pub path: String,
    /// Whether it is there; it is made with the first recording.
    pub exists: bool,
    /// Free space in bytes; null when the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that recordings leave free.
    pub reserve_bytes: u64,
    /// Seconds until no more than the reserve is free, at the rate of what is being recorded; null when nothing is.
    pub time_left_seconds: Option<f64>,
}

/// Where a recording is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Not looked at yet.
    Unread,
    /// Being written.
    Recording,
    /// Closed properly.
    Finished,
    /// Cut off by a crash, and made whole again.
    Repaired,
    /// Cut off by a crash; playable up to there.
    Interrupted,
    /// It stopped on an error; what was written until then is in the file.
    Failed,
    /// Not readable as what its name says.
    Damaged,
}

/// What kind of file a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingContainer {
    /// Flash video.
    Flv,
    /// MP4.
    Mp4,
}

/// One file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recording {
    /// Identity: the path below the recordings folder. In an address a slash is written `%2F`.
    #[schema(example = "live_stream_20261122_140450.flv")]
    pub id: String,
    /// Name of the file.
    pub file_name: String,
    /// The folder it is in below the recordings folder, slashes between; empty for the recordings folder itself.
    pub folder: String,
    /// What kind of file it is.
    pub container: RecordingContainer,
    /// The stream, `app/name`; null where the file does not tell.
    pub stream: Option<String>,
    /// When it began, RFC 3339; null where the file does not tell.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When the file was last written to, RFC 3339.
    #[schema(format = DateTime)]
    pub modified_at: String,
    /// Seconds of media; null when not known.
    pub duration_seconds: Option<f64>,
    /// Bytes.
    pub size_bytes: u64,
    /// Bits a second over the whole file; null when not known.
    pub bitrate: Option<u64>,
    /// Pictures first, then sound.
    pub tracks: Vec<RecordingTrack>,
    /// It has a first picture: `GET /api/v1/recordings/{id}/picture`.
    pub has_picture: bool,
    /// Where it is in its life.
    pub state: RecordingState,
    /// Why it failed, or why it is damaged or was not repaired; null when there is nothing to say.
    pub failure: Option<Notice>,
}

/// One track of a recording. A field is null where the file does not tell.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecordingTrack {
    /// What it carries.
    pub kind: TrackKind,
    /// Number among its kind, 0 is the default track.
    pub index: u8,
    /// Codec as people write it.
    #[schema(example = "H.265")]
    pub codec: String,
    /// Codec as browsers write it (RFC 6381), for `MediaSource.isTypeSupported` and WebCodecs.
    #[schema(example = "hvc1.1.6.L93.B0")]
    pub codec_string: Option<String>,
    /// Profile as people write it.
    pub profile: Option<String>,
    /// Level as people write it.
    pub level: Option<String>,
    /// Picture width in pixels.
    pub width: Option<u32>,
    /// Picture height in pixels.
    pub height: Option<u32>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// Bits a sample of a picture.
    pub bit_depth: Option<u8>,
    /// High dynamic range (PQ or HLG); null for sound.
    pub hdr: Option<bool>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Sound channels.
    pub channels: Option<u8>,
    /// Language, RFC 5646.
    pub language: Option<String>,
}

/// Something else to call a recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingPatch {
    /// The new name of the file, in the same folder; its ending stays and may be left out.
    #[schema(example = "Evening show")]
    pub file_name: String,
}

/// How to delete a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordingRemoval {
    /// For good, instead of to the system's trash. Default false.
    pub permanently: bool,
}

impl Recording {
    /// A file of the folder, with what this run of the program knows of it (its `Status`, if it was recorded in this run).
    pub(crate) fn new(entry: recording::Entry, known: Option<&recording::Status>) -> Self {
        let failure = known.and_then(|recording| match &recording.state {
            recording::State::Failed(failure) => Some(Notice::from(failure)),
            recording::State::Recording | recording::State::Complete => None,
        });
        let state = match entry.state {
            recording::EntryState::Unread => RecordingState::Unread,
            recording::EntryState::Recording => RecordingState::Recording,
            _ if failure.is_some() => RecordingState::Failed,
            recording::EntryState::Complete => RecordingState::Finished,
            recording::EntryState::Repaired => RecordingState::Repaired,
            recording::EntryState::Interrupted => RecordingState::Interrupted,
            recording::EntryState::Damaged => RecordingState::Damaged,
        };
        let (folder, file_name) = entry.name.rsplit_once('/').unwrap_or(("", &entry.name));
        let is_mp4 = file_name.to_ascii_lowercase().ends_with(".mp4");
        let about = &entry.about;
        let rate =
            entry.duration_seconds.filter(|seconds| *seconds > 0.1).map(|seconds| entry.size as f64 * 8.0 / seconds);
        Self {
            file_name: file_name.to_owned(),
            folder: folder.to_owned(),
            container: if is_mp4 { RecordingContainer::Mp4 } else { RecordingContainer::Flv },
            stream: about.stream.clone().or_else(|| known.map(|recording| recording.path.clone())),
            started_at: about.started_ms.or(known.map(|recording| recording.started_at)).map(from_millis),
            modified_at: from_millis(entry.modified_ms),
            duration_seconds: entry.duration_seconds.map(rounded),
            size_bytes: entry.size,
            bitrate: rate.map(|rate| rate as u64),
            tracks: about.tracks.iter().map(RecordingTrack::from).collect(),
            has_picture: about.has_picture,
            state,
            failure: failure.or_else(|| about.fault().as_ref().map(Notice::from)),
            id: entry.name,
        }
    }
}

impl From<&recording::FileTrack> for RecordingTrack {
    fn from(track: &recording::FileTrack) -> Self {
        Self {
            kind: if track.is_video { TrackKind::Video } else { TrackKind::Audio },
            index: track.index,
            codec: track.codec.clone(),
            codec_string: track.codec_string.clone(),
            profile: track.profile.clone(),
            level: track.level.clone(),
            width: track.width,
            height: track.height,
            fps: track.frame_rate.map(rounded),
            bit_depth: track.bit_depth,
            hdr: track.is_video.then_some(track.hdr),
            sample_rate: track.sample_rate,
            channels: track.channels,
            language: track.language.clone(),
        }
    }
}

impl From<&recording::Failure> for Notice {
    fn from(failure: &recording::Failure) -> Self {
        Self { code: word(&failure.code), message: failure.message.clone(), hint: failure.hint.clone() }
    }
}
