//! Destinations: streams sent on to other servers, each by a task of its own that reads the stream like any other reader.

mod config;

use serde::Serialize;

use crate::engine::Context;
use crate::secrets::Secrets;

pub use config::Config;

/// What is known of a destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Identity, as in the settings.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Address without the stream key.
    pub url: String,
    /// Whether a stream key is kept for it.
    pub key_set: bool,
    /// Whether it is in use.
    pub enabled: bool,
    /// The stream it sends now.
    pub path: Option<String>,
    /// How it stands.
    pub state: State,
    /// Bytes sent since it connected.
    pub bytes: u64,
    /// How often it connected again.
    pub reconnects: u64,
}

/// How a destination stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Switched off.
    Off,
    /// No stream to send.
    Waiting,
    /// Connecting.
    Connecting,
    /// Sending.
    Live,
    /// The connection failed; it tries again.
    Retrying {
        /// A fixed word for programs.
        code: String,
        /// One sentence: what happened.
        message: String,
        /// One sentence: what to do.
        hint: String,
        /// When it tries again, milliseconds since 1970.
        retry_at: u64,
    },
}

/// All destinations of an engine. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub struct Destinations {
    _context: Context,
}

impl Destinations {
    /// Begins to watch for streams to send. Keys are the secrets `destination/<id>`.
    pub fn start(context: Context, _config: &[Config], _secrets: Secrets) -> Self {
        Self { _context: context }
    }

    /// Follows changed settings and keys; destinations that did not change go on.
    pub fn apply(&self, _config: &[Config]) {}

    /// All destinations in the order of the settings.
    pub fn status(&self) -> Vec<Status> {
        Vec::new()
    }

    /// Ends every connection politely.
    pub async fn shutdown(&self) {}
}
