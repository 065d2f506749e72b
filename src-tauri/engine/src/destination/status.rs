//! What is known of a destination, for people and programs. Never holds a key.

use serde::Serialize;

use super::config::{BackupUse, Selection, StartRule};
use super::failure::Failure;
use super::state::State;
use crate::preset::Finding;
use crate::tls::Fingerprint;

/// What is known of a destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Identity, as in the settings.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The service, as in the settings.
    pub preset: Option<String>,
    /// Address; a stream key in it is hidden.
    pub url: String,
    /// Whether a stream key is kept for it.
    pub key_set: bool,
    /// The second address, if there is one.
    pub backup: Option<Backup>,
    /// Which streams it takes.
    pub streams: Selection,
    /// When it starts.
    pub start: StartRule,
    /// Whether it is in use.
    pub enabled: bool,
    /// The certificate it trusts although nobody vouches for it.
    pub trusted_certificate: Option<Fingerprint>,
    /// The stream it sends, or tries to.
    pub path: Option<String>,
    /// The stream that was chosen by hand.
    pub chosen: Option<String>,
    /// Live streams that it would take too, but does not: a destination carries one stream at a time, and these wait until
    /// the one above is over.
    pub also_waiting: Vec<String>,
    /// What its service will not like about the stream, and what looks like a mistake in its address. None of it keeps the stream
    /// from being sent.
    pub warnings: Vec<Finding>,
    /// How the connection stands: to the first address, or to the one that took over.
    #[serde(flatten)]
    pub line: Line,
}

/// The second address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backup {
    /// Address; a stream key in it is hidden.
    pub url: String,
    /// Whether a stream key of its own is kept for it; without one the first address's is used.
    pub key_set: bool,
    /// How it is used.
    pub mode: BackupUse,
    /// Whether it has taken over from the first.
    pub in_use: bool,
    /// How its own connection stands, when both are sent to.
    pub line: Option<Line>,
}

/// How one connection stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// In one word.
    #[serde(flatten)]
    pub state: State,
    /// Since when, milliseconds since 1970.
    pub since: u64,
    /// How long the present connection has been live, in seconds; 0 without one.
    pub connected_seconds: u64,
    /// Bytes handed to the network since the destination was switched on.
    pub bytes_sent: u64,
    /// Of these, the bytes that the server has acknowledged, as far as the system tells.
    pub bytes_acknowledged: u64,
    /// Bits a second that the server acknowledged over the last seconds.
    pub bitrate_bps: u64,
    /// Round-trip time to the server in milliseconds, where the system tells.
    pub rtt_ms: Option<f64>,
    /// Frames sent since the destination was switched on.
    pub frames_sent: u64,
    /// Frames left out since then: the way there was too slow, or their time ran backwards.
    pub frames_skipped: u64,
    /// Frames of its stream that passed since then while it had no connection: between one and the next, and after it stopped.
    pub frames_missed: u64,
    /// Seconds behind the publisher.
    pub behind_seconds: f64,
    /// How often it connected again since it was switched on.
    pub reconnects: u64,
    /// The latest things that went wrong, the newest last.
    pub errors: Vec<LastError>,
}

impl Line {
    /// The last thing that went wrong.
    pub fn last_error(&self) -> Option<&LastError> {
        self.errors.last()
    }
}

/// Something that went wrong, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When it last happened, milliseconds since 1970.
    pub at: u64,
    /// How often it happened in a row.
    pub count: u32,
    /// What.
    #[serde(flatten)]
    pub failure: Failure,
}
