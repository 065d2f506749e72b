//! What happens in the engine, as a stream of small facts: the user interface lives on it.

use serde::Serialize;
use tokio::sync::broadcast;

use crate::health::Health;
use crate::problem::Problem;
use crate::{destination, recording, status};

/// Events a slow listener may fall behind by before it loses the oldest (and is told so).
const BACKLOG: usize = 1024;

/// Something that happened. None of them holds a secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// An encoder began to publish, or came back.
    StreamStarted {
        /// The stream.
        path: String,
        /// It came back within the grace time: readers went on.
        resumed: bool,
    },
    /// The tracks of a stream became known or changed.
    StreamTracks {
        /// The stream.
        path: String,
    },
    /// The encoder went away; the stream waits for it.
    StreamWaiting {
        /// The stream.
        path: String,
    },
    /// The stream is over.
    StreamEnded {
        /// The stream.
        path: String,
        /// Why, in a few words.
        reason: String,
    },
    /// A reader of a stream came or went.
    StreamReaders {
        /// The stream.
        path: String,
    },
    /// What is wrong with a stream changed, or nothing is any more.
    StreamHealth {
        /// The stream.
        path: String,
        /// How it is now.
        health: Health,
    },
    /// So much happened at once that this many events were lost: read everything anew.
    Lost {
        /// How many.
        events: u64,
    },
    /// A listener opened, failed or closed.
    Listener {
        /// What is known of it now.
        listener: status::Listener,
    },
    /// A recording began, ended or failed.
    Recording {
        /// What is known of it now.
        recording: recording::Status,
    },
    /// A recording goes on in another file, and this one is closed and whole.
    RecordingSegment {
        /// The recording, with the file, the size and the length of what is closed.
        recording: recording::Status,
    },
    /// Files in the recordings folder were repaired, renamed, made or removed.
    RecordingsChanged,
    /// Something is being recorded, and the space left for it was measured.
    RecordingRoom,
    /// A job on a recording began, went on or ended.
    RecordingJobs,
    /// A destination changed its state.
    Destination {
        /// What is known of it now.
        destination: Box<destination::Status>,
    },
    /// The certificate of encrypted listeners is another one.
    CertificateChanged,
    /// The settings changed.
    SettingsChanged,
    /// Somebody was refused or something went wrong.
    Problem {
        /// What and what to do.
        problem: Problem,
    },
}

/// Where events are told and heard. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Events {
    /// Tells everyone who listens; nobody listening is fine.
    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Hears everything from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
