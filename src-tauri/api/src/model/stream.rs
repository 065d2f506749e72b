//! A live stream, who sends it and who reads it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Notice, Track};

/// Every stream that exists now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamList {
    /// Ordered by path.
    pub streams: Vec<Stream>,
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Readers wait for a publisher that has not come.
    Waiting,
    /// A publisher is sending.
    Live,
    /// The publisher went; readers are kept until it returns or the grace time is over.
    Interrupted,
}

/// One stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stream {
    /// Identity, `app/name`. In an address the slash is written `%2F`.
    #[schema(example = "live/stream")]
    pub path: String,
    /// Where it is in its life.
    pub state: StreamState,
    /// When the publisher came, RFC 3339; null while waiting.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// Seconds since then.
    pub uptime_seconds: f64,
    /// Seconds until the stream ends unless its publisher returns; null unless it is interrupted.
    pub ends_in_seconds: Option<f64>,
    /// Who sends it, or sent it last while it is interrupted; null while waiting.
    pub publisher: Option<Publisher>,
    /// Its elementary streams: video, audio, data.
    pub tracks: Vec<Track>,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// Video frames a second over the last seconds; null without video.
    pub fps: Option<f64>,
    /// Seconds between the last two key frames; null until there were two.
    pub key_frame_interval_seconds: Option<f64>,
    /// Media received, bytes.
    pub bytes_in: u64,
    /// Who reads it.
    pub readers: Vec<Reader>,
    /// The recording that runs or the one that failed; null when there is none.
    pub recording: Option<StreamRecording>,
}

/// Who sends a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Publisher {
    /// `rtmp`.
    pub protocol: String,
    /// Address and port of the encoder.
    #[schema(example = "127.0.0.1:50412")]
    pub remote: String,
    /// What the encoder calls itself; null when it does not say.
    #[schema(example = "FMLE/3.0 (compatible; FMSc/1.0)")]
    pub client: Option<String>,
}

/// What a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReaderKind {
    /// A player that connected to us.
    Player,
    /// A destination we send to.
    Destination,
    /// A file that is written.
    Recording,
    /// Anything else inside the program.
    Other,
}

/// Who reads a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reader {
    /// Identity, for a kick.
    pub id: String,
    /// What it is.
    pub kind: ReaderKind,
    /// `rtmp` for a player; null for a file.
    pub protocol: Option<String>,
    /// Address and port of a player; the name of a destination or a file.
    pub remote: String,
    /// What a player calls itself; null when it does not say.
    pub client: Option<String>,
    /// When it came, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Media sent to it, bytes.
    pub bytes_sent: u64,
    /// Bits a second over the last second.
    pub bitrate: u64,
    /// How far it is behind the publisher, seconds.
    pub behind_seconds: f64,
    /// Frames left out because it could not keep up.
    pub frames_skipped: u64,
}

/// The recording of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StreamRecording {
    /// Name of the file in the recordings folder.
    pub file_name: String,
    /// When it began, RFC 3339.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Seconds of media written.
    pub duration_seconds: f64,
    /// Bytes written.
    pub size_bytes: u64,
    /// Why it stopped by itself; null while it runs.
    pub failure: Option<Notice>,
}
