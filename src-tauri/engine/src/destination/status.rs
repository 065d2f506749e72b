//! What is known of a destination, for people and programs. Never holds the key.

use serde::Serialize;

use super::failure::Failure;
use super::state::State;
use crate::streams::StreamPattern;

/// What is known of a destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Identity, as in the settings.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Address; a stream key in it is hidden.
    pub url: String,
    /// Whether a stream key is kept for it.
    pub key_set: bool,
    /// Whether it is in use.
    pub enabled: bool,
    /// Which streams it takes.
    pub streams: StreamPattern,
    /// The stream it sends, or tries to.
    pub path: Option<String>,
    /// Live streams that it would take too, but does not: a destination carries one stream at a time, and these wait until
    /// the one above is over.
    pub also_waiting: Vec<String>,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
    /// Since when, milliseconds since 1970.
    pub since: u64,
    /// How long the present connection has been live, in seconds; 0 without one.
    pub connected_seconds: u64,
    /// Bytes handed to the network since the destination was switched on.
    pub bytes_sent: u64,
    /// Bits a second over the last seconds.
    pub bitrate_bps: u64,
    /// Frames sent since the destination was switched on.
    pub frames_sent: u64,
    /// Frames left out since then: the way there was too slow, or their time ran backwards.
    pub frames_skipped: u64,
    /// Seconds behind the publisher.
    pub behind_seconds: f64,
    /// How often it connected again since it was switched on.
    pub reconnects: u64,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
}

/// Something that went wrong, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When, milliseconds since 1970.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub failure: Failure,
}
