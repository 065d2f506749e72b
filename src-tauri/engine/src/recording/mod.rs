//! Recordings: streams written to files, each by a task of its own that reads the stream like any other reader.

mod config;

use std::path::PathBuf;

use serde::Serialize;
use weir_media::StreamPath;

use crate::engine::Context;

pub use config::{Config, Container};

/// What is known of a recording. Paths are as the OS shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Identity, unique while the engine runs.
    pub id: String,
    /// The stream.
    pub path: String,
    /// The file.
    pub file: PathBuf,
    /// How it stands.
    pub state: State,
    /// When it began, milliseconds since 1970.
    pub started_at: u64,
    /// Length so far, in milliseconds of media time.
    pub duration_ms: u64,
    /// Size so far, in bytes.
    pub bytes: u64,
}

/// How a recording stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Being written.
    Recording,
    /// Closed and whole.
    Finished,
    /// Stopped by a fault; what was written is kept.
    Failed {
        /// A fixed word for programs.
        code: String,
        /// One sentence: what happened.
        message: String,
        /// One sentence: what to do.
        hint: String,
    },
}

/// Why a recording could not be started or stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such stream.
    #[error("there is no stream {0}")]
    NoStream(StreamPath),
}

/// All recordings of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Recordings {
    _context: Context,
}

impl Recordings {
    /// Begins to watch for streams to record. `folder` is where recordings go when the settings name none.
    pub fn start(context: Context, _config: &Config, _folder: PathBuf) -> Self {
        Self { _context: context }
    }

    /// Follows changed settings; running recordings go on.
    pub fn apply(&self, _config: &Config) {}

    /// Starts to record a live stream; does nothing when it is being recorded.
    pub fn record(&self, path: &StreamPath) -> Result<(), RecordError> {
        Err(RecordError::NoStream(path.clone()))
    }

    /// Stops to record a stream; does nothing when it is not being recorded.
    pub fn stop(&self, _path: &StreamPath) {}

    /// All recordings since the start, the newest last.
    pub fn status(&self) -> Vec<Status> {
        Vec::new()
    }

    /// Closes every recording.
    pub async fn shutdown(&self) {}
}
