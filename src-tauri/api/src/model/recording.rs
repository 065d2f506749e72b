//! Files that were or are being written.

use serde::Serialize;
use utoipa::ToSchema;
use weir_engine::recording;

use super::Notice;
use super::notice::word;
use super::stream::file_name;
use super::time::from_millis;

/// The recordings folder and what is in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordingList {
    /// The folder.
    pub folder: RecordingFolder,
    /// Newest first.
    pub recordings: Vec<Recording>,
}

/// The recordings folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingFolder {
    /// Full path on the computer that runs the engine.
    #[schema(example = "/home/me/Videos/Weir")]
    pub path: String,
    /// Whether it is there; it is made with the first recording.
    pub exists: bool,
    /// Free space in bytes; null when the system does not tell.
    pub free_bytes: Option<u64>,
}

/// Where a recording is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
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

/// One file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Recording {
    /// Identity: the path below the recordings folder. In an address a slash is written `%2F`.
    #[schema(example = "live_stream_20261122_140450.flv")]
    pub id: String,
    /// Name of the file.
    pub file_name: String,
    /// The stream, `app/name`; null for a file whose recording this run of the program did not see.
    pub stream: Option<String>,
    /// When it began, RFC 3339; null for a file whose recording this run of the program did not see.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When the file was last written to, RFC 3339.
    #[schema(format = DateTime)]
    pub modified_at: String,
    /// Seconds of media; null when not known.
    pub duration_seconds: Option<f64>,
    /// Bytes.
    pub size_bytes: u64,
    /// Where it is in its life.
    pub state: RecordingState,
    /// Why it failed; null when it did not.
    pub failure: Option<Notice>,
}

impl Recording {
    /// A file of the folder, with what this run of the program knows of it.
    pub(crate) fn new(entry: recording::Entry, known: &[recording::Status]) -> Self {
        let known = known.iter().rev().find(|recording| file_name(recording) == entry.name);
        let failure = known.and_then(|recording| match &recording.state {
            recording::State::Failed(failure) => Some(Notice::from(failure)),
            recording::State::Recording | recording::State::Complete => None,
        });
        let state = match entry.state {
            recording::EntryState::Recording => RecordingState::Recording,
            _ if failure.is_some() => RecordingState::Failed,
            recording::EntryState::Complete => RecordingState::Finished,
            recording::EntryState::Repaired => RecordingState::Repaired,
            recording::EntryState::Interrupted => RecordingState::Interrupted,
            recording::EntryState::Damaged => RecordingState::Damaged,
        };
        Self {
            id: entry.name.clone(),
            file_name: entry.name,
            stream: known.map(|recording| recording.path.clone()),
            started_at: known.map(|recording| from_millis(recording.started_at)),
            modified_at: from_millis(entry.modified_ms),
            duration_seconds: entry.duration_seconds.map(super::time::rounded),
            size_bytes: entry.size,
            state,
            failure,
        }
    }
}

impl From<&recording::Failure> for Notice {
    fn from(failure: &recording::Failure) -> Self {
        Self { code: word(&failure.code), message: failure.message.clone(), hint: failure.hint.clone() }
    }
}
