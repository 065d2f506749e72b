//! What the engine tells about itself: plain snapshots without secrets, the words of every API reply.

use serde::Serialize;

use crate::config::Profile;
use crate::net::owner::Process;

/// The engine as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Engine {
    /// Version of Weir.
    pub version: &'static str,
    /// Who runs it.
    pub profile: Profile,
    /// When it started, milliseconds since 1970.
    pub started_at: u64,
    /// How long it runs, in seconds.
    pub uptime_seconds: u64,
    /// Streams that are live or wait for their encoder.
    pub streams: usize,
    /// Readers of all streams: players, recordings, destinations.
    pub readers: usize,
    /// Open RTMP connections.
    pub connections: usize,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// The protocol, e.g. `rtmp`.
    pub protocol: &'static str,
    /// The address as it is set, e.g. `localhost:1935`.
    pub address: String,
    /// Whether other devices can reach it.
    pub open_to_network: bool,
    /// How it stands.
    #[serde(flatten)]
    pub state: ListenerState,
}

/// How a listener stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ListenerState {
    /// It accepts connections.
    Listening {
        /// The sockets, with real ports.
        addresses: Vec<String>,
        /// The port.
        port: u16,
    },
    /// It could not be opened.
    Failed {
        /// A fixed word for programs, e.g. `port_in_use`.
        code: &'static str,
        /// One sentence: what happened.
        message: String,
        /// One sentence: what to do.
        hint: String,
        /// The program that holds the port, where the OS tells.
        owner: Option<Process>,
        /// A port near it that is free.
        next_free_port: Option<u16>,
    },
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stream {
    /// Its path, `app/name`.
    pub path: String,
    /// Whether an encoder sends at present.
    pub state: StreamState,
    /// How long it runs, in seconds.
    pub uptime_seconds: u64,
    /// The encoder.
    pub publisher: Option<Publisher>,
    /// Its tracks.
    pub tracks: Vec<Track>,
    /// Bits a second that arrive, over the last seconds.
    pub bitrate_bps: u64,
    /// Pictures a second that arrive on the first video track.
    pub fps: f64,
    /// Seconds between the last two key frames of the first video track.
    pub key_frame_interval_seconds: Option<f64>,
    /// Bytes received.
    pub bytes: u64,
    /// Who reads it.
    pub readers: usize,
    /// Whether it is being recorded.
    pub recording: bool,
}

/// Whether an encoder sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// It sends.
    Live,
    /// It went away; the stream waits for it.
    Waiting,
}

/// An encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publisher {
    /// The protocol, e.g. `rtmp`.
    pub protocol: String,
    /// Its address.
    pub peer: String,
    /// The program, as it calls itself.
    pub encoder: Option<String>,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Track {
    /// `video`, `audio` or `data`.
    pub kind: &'static str,
    /// The number among its kind.
    pub index: u8,
    /// The codec, e.g. `H.264`.
    pub codec: String,
    /// Profile, e.g. `High`.
    pub profile: Option<String>,
    /// Level, e.g. `4.1`.
    pub level: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u8>,
    /// Language, RFC 5646.
    pub language: Option<String>,
}
